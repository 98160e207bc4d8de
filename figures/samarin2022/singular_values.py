"""Runs of the experiment on spectra as curves against width, and their singular values: Figures 6, 7 and A3."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.network_names import net_title, width_text
from ntk_repro.papers.drawing import Drawing, array, check_study, data_title, header
from ntk_repro.plot import ordered_colors, spectrum, titles
from ntk_repro.record import RunFolder

_OF_LINE = ("net", "data", "shift", "resize", "n_train", "precision")
_BY_SEED = ("effective_rank", "effective_rank_of_kernel", "condition_number", "smallest", "reached",
            "reached_train_accuracy", "flow_train_accuracy")  # fmt: skip
_MEANS = (*_BY_SEED, "vanishing", "num_params")


def lines_of(runs: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """The runs as lines (a network on a data set): `widths` and, width by width, the means over seeds of each number.

    `by_seed` has the values of the seeds, in the order of `seeds`. `singular_values` are those of the first seed;
    `direct_apart` is the relative difference of the effective ranks from the Jacobian itself and from the kernel, nan
    where only the latter was computed.

    Raises:
        UserError: for runs of another experiment, and the same run twice.
    """
    check_study(runs, "finite_width_spectra")
    groups = defaultdict(list)
    for run in runs:
        groups[tuple(run.config.get(name) for name in _OF_LINE)].append(run)
    return [_line(dict(zip(_OF_LINE, key, strict=True)), group) for key, group in groups.items()]


def _line(key: dict[str, Any], runs: list[RunFolder]) -> dict[str, Any]:
    pairs = [(run.config["width"], run.config["seed"]) for run in runs]
    if len(set(pairs)) < len(pairs):
        raise UserError("two runs have the same settings and seed: name each run once")
    widths = sorted({width for width, _ in pairs})
    by_width = [sorted((r for r in runs if r.config["width"] == w), key=lambda r: r.config["seed"]) for w in widths]
    found = {name: [[_number(run, name) for run in same] for same in by_width] for name in _MEANS}
    return {
        **key,
        "label": data_title(runs[0]),
        "widths": widths,
        "seeds": [[run.config["seed"] for run in same] for same in by_width],
        "rows": int(array(runs[0], "rows")),
        **{name: [float(np.mean(seeds)) for seeds in values] for name, values in found.items()},
        "by_seed": {name: found[name] for name in _BY_SEED},
        "singular_values": [array(same[0], "singular_values") for same in by_width],
        "direct_images": max(int(run.result().get("direct_images", 0)) for run in runs),
        "direct_apart": [max(_apart(run) for run in same) for same in by_width],
    }


def _number(run: RunFolder, name: str) -> float:
    """A number of a run; `smallest` is its smallest singular value that does not vanish."""
    if name != "smallest":
        return float(array(run, name))
    values = array(run, "singular_values")
    return float(values[values > 0][-1])


def _apart(run: RunFolder) -> float:
    result = run.result()
    if "direct_effective_rank" not in result:
        return np.nan
    return abs(float(result["direct_from_kernel"] / result["direct_effective_rank"]) - 1)


def display_line(line: dict[str, Any]) -> str:
    """The network and the data of a line."""
    shift = f", shifted by up to {line['shift']}" if line["shift"] and "shifted" not in line["label"] else ""
    return f"{net_title(line['net'], 'linearized')}, {line['label']}{shift}"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel for each line: singular values in descending order, a curve for each width."""
    lines = lines_of(runs)
    picture, axes = plt.subplots(
        1, len(lines), figsize=(4.4 * len(lines), 3.8), squeeze=False, layout="constrained", sharey=True
    )
    for ax, line in zip(axes[0], lines, strict=True):
        colors = ordered_colors(len(line["widths"]))
        for width, values, color, condition in zip(
            line["widths"], line["singular_values"], colors, line["condition_number"], strict=True
        ):
            label = f"×{width_text(width)}: {three_digits(condition)}"
            spectrum(ax, values, label=label, color=color, log_index=False)
        ax.legend(title=r"Width: $\sigma_{\max}/\sigma_{\min}$", title_fontsize=8, fontsize=8, loc="lower left")
    titles(axes[0], [(display_line(line), f"{line['rows']:,} rows") for line in lines])
    axes[0, 0].set_ylabel("Singular value of the Jacobian")
    return Drawing(picture, {**header(picture, runs, preset), "lines": lines})


def three_digits(number: float) -> str:
    """Three digits, without an exponent: "451,000"."""
    return f"{float(f'{number:.3g}'):,.12g}"
