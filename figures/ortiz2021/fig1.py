"""Figure 1: the functions F of a network, its tangent space H, and the trajectories of both trainings."""

import matplotlib.pyplot as plt
import numpy as np

from ntk_repro.papers.drawing import Drawing, array, by_seed, check_study, draw_command, header
from ntk_repro.plot import COLORS, legend_of
from ntk_repro.record import RunFolder

_BY_SEED = ("bend", "distance", "off_plane", "network_off_plane")


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel per width, of the first seed: the surface F, the plane H that touches it, and where trainings lead."""
    check_study(runs, "nads_tangent_space")
    runs = by_seed(runs, "the network")
    run = runs[0]
    widths = array(run, "widths")
    picture = plt.figure(figsize=(4.6 * len(widths), 4.4), layout="constrained")
    heights = array(run, "surface")[..., 2]
    extent = max(np.abs(heights).max(), np.abs(array(run, "target")[2]))
    for i, width in enumerate(widths):
        ax = picture.add_subplot(1, len(widths), i + 1, projection="3d")
        _panel(ax, run, i, extent)
        ax.set_title(f"{width:,} hidden units", y=0.97)
    legend_of(picture.axes[:1], picture, 3, fontsize=8)
    numbers = {"widths": widths, "radius": run.config["radius"], "seeds": [run.config["seed"] for run in runs]}
    numbers |= {name: array(run, name) for name in ("radii", "target")}
    numbers |= {name: [array(run, name) for run in runs] for name in _BY_SEED}
    ends = {f"{name}_end": array(run, f"{name}_path")[:, -1] for name in ("network", "linearized")}
    return Drawing(picture, {**header(picture, runs, preset), **numbers, **ends})


def _panel(ax, run: RunFolder, i: int, extent: float) -> None:
    surface, grid, target = array(run, "surface")[i], array(run, "grid"), array(run, "target")
    s, t = np.meshgrid(grid, grid, indexing="ij")
    ax.plot_surface(s, t, 0 * s, color=COLORS["linearized"], alpha=0.18, lw=0)
    ax.plot_wireframe(
        *np.moveaxis(surface, -1, 0), color=COLORS["network"], lw=0.5, alpha=0.6, rcount=21, ccount=21,
        label=r"$\mathcal{F}$: functions of the network",
    )  # fmt: skip
    ax.plot([], [], "s", color=COLORS["linearized"], alpha=0.3, label=r"$\mathcal{H}$: tangent space at the start")
    for name, label in (("network", "training the network"), ("linearized", "training the linearization")):
        path = array(run, f"{name}_path")[i]
        style = "-" if name == "network" else (0, (2, 1.5))  # where they coincide both are visible
        ax.plot(*path.T, color=COLORS[name], lw=2.4, ls=style, label=label, zorder=10)
        ax.plot(*path[-1:].T, "o", color=COLORS[name], ms=5, zorder=11)
    ax.plot([0], [0], [0], "o", color="black", ms=5, label=r"start $f_{\theta_0}$", zorder=12)
    ax.plot(*target[:, None], "*", color=COLORS["baseline"], ms=11, label="target", zorder=12)
    ax.set_zlim(-1.05 * extent, 1.05 * extent)
    ax.view_init(elev=22, azim=-58)
    for name, axis in (("first", ax.xaxis), ("second", ax.yaxis)):
        axis.set_label_text(f"{name} tangent direction", fontsize=7)
    ax.set_zlabel("normal direction", fontsize=7)
    ax.tick_params(labelsize=6)


if __name__ == "__main__":
    draw_command("ortiz2021/fig1", draw)
