"""Figure 2: the distribution of predictions through training, of networks and of both Gaussian processes.

`ntk-repro run lee2019/fig2` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/fig2.py RUN_FOLDER ...`
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from predictive_panels import axes_of, checked, facts

from ntk_repro.papers.drawing import Drawing, array, draw_command, legend_of
from ntk_repro.record import RunFolder

BLUE, RED = "#0072B2", "#D55E00"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each run, a panel for each step: mean and two standard deviations along the line."""
    runs = checked(runs)
    columns = max(len(array(run, "steps")) for run in runs)
    picture, axes = plt.subplots(
        len(runs), columns, figsize=(3 * columns + 0.4, 2.9 * len(runs) + 0.9), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    plotted = []
    for row, run in zip(axes, runs, strict=True):
        curves = _curves(run)
        for s, ax in enumerate(row):
            if s < len(curves["steps"]):
                _panel(ax, run, curves, s)
            else:
                ax.set_visible(False)
        row[0].set_ylabel("Output")
        plotted.append(curves)
    legend_of(axes[0, 0], picture, 4)
    return Drawing(picture, {**facts(picture, runs, preset), "ensembles": plotted})


def _curves(run: RunFolder) -> dict[str, Any]:
    fx = array(run, "fx_ensemble").astype(float)
    names = ("alpha", "steps", "time", "targets", "ntk_gp_mean", "ntk_gp_std", "nngp_mean", "nngp_std")
    return {
        **{name: array(run, name) for name in names},
        "hidden": run.config["hidden"],
        "num_networks": len(fx),
        "seed": run.config["seed"],
        "learning_rate_ratio": float(array(run, "learning_rate_ratio")),
        "ensemble_mean": fx.mean(axis=0),
        "ensemble_std": fx.std(axis=0, ddof=1),
    }


def _panel(ax: Axes, run: RunFolder, curves: dict[str, Any], s: int) -> None:
    alpha = curves["alpha"]
    for name, color, label in (("nngp", RED, "NNGP: readout alone trained"), ("ntk_gp", BLUE, "NTK-GP: all trained")):
        mean, std = curves[f"{name}_mean"][s], curves[f"{name}_std"][s]
        ax.fill_between(
            alpha,
            mean - 2 * std,
            mean + 2 * std,
            color=color,
            alpha=0.25 if name == "nngp" else 0.4,
            lw=0,
            label=f"{label}, mean ± 2σ",
        )
        ax.plot(alpha, mean, color=color, lw=1.4)
    mean, std = curves["ensemble_mean"][s], curves["ensemble_std"][s]
    ax.plot(alpha, mean, color="black", lw=1.6, label=f"{curves['num_networks']} networks, mean")
    for sign in (-1, 1):
        ax.plot(alpha, mean + sign * 2 * std, ":", color="black", lw=1.4, label="± 2σ" if sign > 0 else None)
    axes_of(ax, run, s)
    ax.set_xlim(np.min(alpha), np.max(alpha))


if __name__ == "__main__":
    draw_command("lee2019/fig2", draw)
