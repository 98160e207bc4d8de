"""Monte-Carlo kernels against analytic ones, against the width or the number of samples: Figures S9 and S10."""

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import by_settings, curve, display_activation, guide, legend_below, logarithmic, seeds_of

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import Drawing, array, entitle
from ntk_repro.papers.lee2019.width import MOST_SAMPLES
from ntk_repro.plot import ordered_colors
from ntk_repro.record import RunFolder

KERNELS = {"nngp": r"NNGP $\hat{\mathcal{K}}$", "ntk": r"NTK $\hat\Theta$"}
MARKERS = "os^Dv<>p"
LAYERS = {1: "one hidden layer", 2: "two hidden layers", 3: "three hidden layers"}

Against = Literal["width", "samples"]


def draw(runs: list[RunFolder], preset: str, against: Against, depths: tuple[int, ...] | None = None) -> Drawing:
    """Relative Frobenius error, a row of two panels (NNGP, NTK) for each depth; points with M > n/10 are hollow."""
    groups = by_settings(runs, "wide_limit_kernel_convergence", "depth", "widths", "samples")
    groups = [group for group in groups if depths is None or group[0].config["depth"] in depths]
    if not groups:
        raise UserError(f"none of the runs is of a network with {depths} hidden layers: name one that is")
    size = (9.2, 4.5 * len(groups) + 0.3)
    picture, axes = plt.subplots(len(groups), 2, figsize=size, squeeze=False, sharey="row", layout="constrained")
    panels = []
    for row, group in zip(axes, groups, strict=True):
        panels += [_panel(ax, group, kernel, against) for ax, kernel in zip(row, KERNELS, strict=True)]
        row[0].set_ylabel("Relative error (Frobenius)")
    config, seeds = groups[0][0].config, {len(group) for group in groups}
    activation = display_activation(config["activation"])
    label = f"{config['num_inputs']} inputs N(0, 1) of {config['input_size']:,} numbers"
    count = f", {max(seeds)} seeds" if max(seeds) > 1 else ""
    entitle(picture, label, preset, f"{activation}{count}; hollow: M > n/10, not fitted")
    numbers = {
        "preset": preset,
        "data": "normal",
        "data_label": f"{label}, {activation}",
        "against": against,
        "panels": panels,
    }
    return Drawing(picture, numbers)


def _panel(ax: Axes, group: list[RunFolder], kernel: str, against: Against) -> dict:
    depth = group[0].config["depth"]
    widths, samples = array(group[0], "widths"), array(group[0], "samples")
    errors = np.stack([array(run, f"{kernel}_error") for run in group])  # (seeds, widths, samples)
    few = samples[None, :] <= MOST_SAMPLES * widths[:, None]
    if against == "width":
        x, others, values, fitted, label, axis = widths, samples, errors.swapaxes(1, 2), few.T, "M = {:,}", "Width n"
    else:
        x, others, values, fitted, label, axis = samples, widths, errors, few, "n = {:,}", "Samples M"
    colors = ordered_colors(len(others))
    lines = []
    for i, other in enumerate(others):
        if not np.isfinite(values[:, i]).any():
            continue
        look = {"color": colors[i], "marker": MARKERS[i % len(MARKERS)]}
        drawn = curve(ax, x.astype(float), values[:, i], label.format(int(other)), fitted=fitted[i], **look)
        lines.append({"of": int(other), **drawn})
    text = r"$n^{-1/2}$" if against == "width" else r"$M^{-1/2}$"
    guide(ax, x, 1.4 * np.nanmax([line["mean"][0] for line in lines]), -0.5, text)
    logarithmic(ax, x, axis)
    ax.set_title(f"{KERNELS[kernel]}, {LAYERS.get(depth, f'{depth} hidden layers')}")
    legend_below(ax, 3)
    size = group[0].config["input_size"]
    return {"kernel": kernel, "depth": depth, "input_size": size, "seeds": seeds_of(group), "lines": lines}
