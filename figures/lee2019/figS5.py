"""Figure S5: difference between network and linearization, against the width and the number of training images."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import asides, by_settings, curve, display_activation, guide, legend_below, logarithmic, seeds_of

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import Drawing, array, draw_command, header
from ntk_repro.papers.statistics import power_law_fit
from ntk_repro.plot import ordered_colors
from ntk_repro.record import RunFolder

MARKERS = "os^Dv<>p"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """RMSE of the test outputs at the end of training: left against the width, right against the number of images."""
    groups = by_settings(runs, "wide_limit_linearization_error", "loss", "classes", "sizes", "widths")
    by_loss = {group[0].config["loss"]: group for group in groups}
    squared, other = by_loss.get("half_mean_squared_error"), by_loss.get("cross_entropy")
    if squared is None or len(by_loss) < len(groups):
        raise UserError("figure S5 takes runs of one setting with the squared loss, and of one with cross-entropy")
    config, widths, sizes = squared[0].config, array(squared[0], "widths"), array(squared[0], "sizes")
    picture, (left, right) = plt.subplots(1, 2, figsize=(9.2, 5.2), sharey=True, layout="constrained")
    errors = _errors(squared)
    against_width = _lines(left, widths, errors.swapaxes(1, 2), sizes, "|D| = {:,}", ordered_colors(len(sizes)))
    cross_entropy = []
    if other is not None:
        count = len(array(other[0], "sizes"))
        colors, label = plt.get_cmap("Oranges")(np.linspace(0.6, 0.9, count)), "cross-entropy, |D| = {:,}"
        x, by_width = array(other[0], "widths"), _errors(other).swapaxes(1, 2)
        cross_entropy = _lines(left, x, by_width, array(other[0], "sizes"), label, colors, MARKERS[::-1])
    against_size = _lines(right, sizes, errors, widths, "n = {:,}", ordered_colors(len(widths)))
    mean = np.array([line["mean"] for line in against_width])  # (sizes, widths)
    guide(left, widths, 0.6 * mean[:, 0].min(), -0.5, r"$n^{-1/2}$")
    logarithmic(left, widths, "Width n")
    logarithmic(right, sizes, "Training images |D|")
    for ax in (left, right):
        legend_below(ax)
    left.set_ylabel("RMSE between network and linearization, test points")
    ratio = max(float(array(run, "learning_rate_ratio").max()) for run in squared)
    facts = f"{config['depth']} hidden {display_activation(config['activation'])} layers, {config['steps']:,} steps, "
    facts += f"η = {config['learning_rate']:g} ({ratio:.2g} of critical)"
    facts += f", {len(squared)} seeds" if len(squared) > 1 else ""
    return Drawing(
        picture,
        {
            **header(picture, runs, preset, settings=facts),
            "seeds": seeds_of(squared),
            "steps": config["steps"],
            "learning_rate_ratio": ratio,
            "against_width": against_width,
            "against_size": against_size,
            "cross_entropy": cross_entropy,
            "weights": {loss: _weights(group) for loss, group in by_loss.items()},
            "train_loss": np.stack([array(run, "train_loss")[..., -1] for run in squared]),
            "test_scale": np.stack([array(run, "test_scale")[..., -1] for run in squared]),
        },
    )


def _errors(group: list[RunFolder]) -> np.ndarray:
    """At the end of training (seeds, widths, sizes)."""
    return np.stack([array(run, "test_rmse")[..., -1] for run in group])


def _weights(group: list[RunFolder]) -> list[dict]:
    """The distance of the two's parameters against the width, as `curve` returns it, for each number of images."""
    widths = array(group[0], "widths")
    values = np.stack([array(run, "weights_apart") for run in group])  # (seeds, widths, sizes)
    sizes = array(group[0], "sizes")
    return [
        {"of": int(size), "x": widths, "values": rows, **power_law_fit(widths, rows)._asdict()}
        for size, rows in zip(sizes, np.moveaxis(values, 2, 0), strict=True)
    ]


def _lines(
    ax: Axes,
    x: np.ndarray,
    errors: np.ndarray,
    others: np.ndarray,
    label: str,
    colors: np.ndarray,
    marks: str = MARKERS,
) -> list[dict]:
    """One curve for each of `others`: errors (seeds, others, x)."""
    lines = []
    for i, (other, aside) in enumerate(zip(others, asides(len(others)), strict=True)):
        look = {"color": colors[i], "marker": marks[i % len(marks)], "aside": aside}
        lines.append({"of": int(other), **curve(ax, x.astype(float), errors[:, i], label.format(int(other)), **look)})
    return lines


if __name__ == "__main__":
    draw_command("lee2019/figS5", draw)
