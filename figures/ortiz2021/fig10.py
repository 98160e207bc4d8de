"""Figure 10: the first neural anisotropy directions of each network, in pixels and as magnitudes in Fourier space."""

import matplotlib.pyplot as plt
import numpy as np
from nads_runs import first_of_seeds, title_of

from ntk_repro.papers.drawing import Drawing, array, check_study, data_title, draw_command, header
from ntk_repro.plot import MUTED, directions
from ntk_repro.record import RunFolder

_WHERE = {"origin": "at x = 0", "gaussian": "mean over {} normal inputs"}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Two rows of pictures for each run: the directions, light, and below them their Fourier magnitudes, dark.

    Of runs that differ in their seed the first is drawn.
    """
    check_study(runs, "nads_basis")
    count = min(len(array(run, "fourier")) for run in runs)
    drawn = first_of_seeds(runs)
    picture = plt.figure(figsize=(0.95 * count + 0.4, 2.55 * len(drawn) + 0.3), layout="constrained")
    parts = np.atleast_1d(np.asarray(picture.subfigures(len(drawn), 1)))
    for part, run in zip(parts, drawn, strict=True):
        _rows(part, run, count)
    return Drawing(
        picture, {**header(picture, runs, preset, above=_inputs(runs)), "bases": [_numbers(run, count) for run in runs]}
    )


def _inputs(runs: list[RunFolder]) -> str:
    shapes = dict.fromkeys(" × ".join(map(str, array(run, "directions").shape[1:])) for run in runs)
    return f"inputs {', '.join(shapes)}"


def _rows(part, run: RunFolder, count: int) -> None:
    config, values = run.config, array(run, "values")
    fourier, null = array(run, "fourier"), array(run, "null")
    where = _WHERE.get(config["data"], f"mean over {{}} images of {data_title(run)}").format(config["samples"])
    seen = int((~null).sum())
    facts = f"{title_of(run)}: {where}, {seen:,} of {len(values):,} directions are not null"
    part.suptitle(facts, fontsize=8, color=MUTED)
    axes = part.subplots(2, count)
    shown = slice(None, count)
    directions(axes, array(run, "directions")[shown], values[shown], fourier[shown])


def _numbers(run: RunFolder, count: int) -> dict:
    config, values, frequencies = run.config, array(run, "values"), array(run, "frequencies")
    first = len(frequencies)
    # Absent at the origin itself, and for images that are not square.
    captured = run.result().get("captured_at_origin")
    return {
        "title": title_of(run),
        **{name: config[name] for name in ("net", "width", "residual_scale_init", "data", "samples", "seed")},
        "not_null": int((~array(run, "null")).sum()),
        "of": len(values),
        "alignment": values[:count] ** 2,
        "frequencies": frequencies,
        "random_frequencies": float(array(run, "random_frequencies")),
        "captured_at_origin": None if captured is None else float(captured),
        "captured_at_random": float(first * np.mean(values**2) / np.sum(values[:first] ** 2)),
        "alignment_of_origin": run.result().get("alignment_of_origin"),
    }


if __name__ == "__main__":
    draw_command("ortiz2021/fig10", draw)
