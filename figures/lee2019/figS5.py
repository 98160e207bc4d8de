"""Figure S5: difference between network and linearization, against the width and the number of training images."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import by_settings, curve, display_activation, guide, legend_below, logarithmic, seeds_of

from ntk_repro.papers.drawing import MUTED, Drawing, array, draw_command, header
from ntk_repro.record import RunFolder

MARKERS = "os^Dv<>p"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """RMSE of the test outputs at the end of training: left against the width, right against the number of images."""
    (group,) = by_settings(runs, "wide_limit_linearization_error")
    config, widths, sizes = group[0].config, array(group[0], "widths"), array(group[0], "sizes")
    errors = np.stack([array(run, "test_rmse")[..., -1] for run in group])  # (seeds, widths, sizes)
    picture, (left, right) = plt.subplots(1, 2, figsize=(9.2, 5.0), sharey=True, layout="constrained")
    against_width = _panel(left, widths, errors.swapaxes(1, 2), sizes, "|D| = {:,}", "Width n")
    against_size = _panel(right, sizes, errors, widths, "n = {:,}", "Training images |D|")
    mean = np.array([line["mean"] for line in against_width])  # (sizes, widths)
    guide(left, widths, 1.3 * mean[:, 0].max(), -0.5, r"$n^{-1/2}$")
    left.set_ylabel("RMSE between network and linearization, test points")
    ratio = max(float(array(run, "learning_rate_ratio").max()) for run in group)
    facts = f"{config['depth']} hidden {display_activation(config['activation'])} layers, {config['steps']:,} steps, "
    facts += f"η = {config['learning_rate']:g} ({ratio:.2g} of critical)"
    left.set_title(facts + (f", {len(group)} seeds" if len(group) > 1 else ""), fontsize=8, color=MUTED, loc="left")
    return Drawing(
        picture,
        {
            **header(picture, runs, preset),
            "seeds": seeds_of(group),
            "steps": config["steps"],
            "learning_rate_ratio": ratio,
            "against_width": against_width,
            "against_size": against_size,
            "train_loss": np.stack([array(run, "train_loss")[..., -1] for run in group]),
            "test_scale": np.stack([array(run, "test_scale")[..., -1] for run in group]),
        },
    )


def _panel(ax: Axes, x: np.ndarray, errors: np.ndarray, others: np.ndarray, label: str, axis_label: str) -> list[dict]:
    """One curve for each of `others`: errors (seeds, others, x)."""
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(others)))
    lines = []
    for i, other in enumerate(others):
        look = {"color": colors[i], "marker": MARKERS[i % len(MARKERS)]}
        line = curve(ax, x.astype(float), errors[:, i], label.format(int(other)), **look)
        lines.append({"of": int(other), **line})
    logarithmic(ax, x, axis_label)
    legend_below(ax)
    return lines


if __name__ == "__main__":
    draw_command("lee2019/figS5", draw)
