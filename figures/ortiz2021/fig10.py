"""Figure 10: the first neural anisotropy directions of each network, in pixels and as magnitudes in Fourier space."""

import matplotlib.pyplot as plt
import numpy as np
from nads_runs import first_of_seeds, title_of

from ntk_repro.papers.drawing import MUTED, Drawing, array, check_study, draw_command, header
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
    shapes = dict.fromkeys(" x ".join(map(str, array(run, "directions").shape[1:])) for run in runs)
    return f"inputs {', '.join(shapes)}"


def _rows(part, run: RunFolder, count: int) -> None:
    config, values = run.config, array(run, "values")
    directions, fourier, null = array(run, "directions"), array(run, "fourier"), array(run, "null")
    where = _WHERE.get(config["data"], f"mean over {{}} images of {config['data']}").format(config["samples"])
    seen = int((~null).sum())
    facts = f"{title_of(run)}: {where}, {seen:,} of {len(values):,} directions are not null"
    part.suptitle(facts, fontsize=8, color=MUTED)
    axes = part.subplots(2, count)
    for j in range(count):
        image = np.moveaxis(directions[j], -1, 0)
        largest = np.abs(image).max()
        if len(image) == 1:
            axes[0, j].imshow(image[0], cmap="gray", vmin=-largest, vmax=largest)
        else:  # colours around grey
            axes[0, j].imshow(np.moveaxis(image, 0, -1) / (2 * largest) + 0.5)
        axes[1, j].imshow(np.sqrt((fourier[j] ** 2).sum(axis=-1)), cmap="magma")
        axes[0, j].set_title(f"$v_{{{j + 1}}}$\n{values[j] ** 2 / values[0] ** 2:.2f}", fontsize=7)
        for ax in axes[:, j]:
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
            for spine in ax.spines.values():
                spine.set_visible(False)
    axes[0, 0].set_ylabel("pixels", fontsize=7)
    axes[1, 0].set_ylabel("Fourier", fontsize=7)


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
