"""Figure A2: statistics of the outputs through training, of networks and of their linearizations, at each width."""

from collections import defaultdict
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import KINDS, facts_of, panels_of

from ntk_repro.errors import UserError
from ntk_repro.network_names import net_title, width_text
from ntk_repro.papers.drawing import Drawing, array, draw_command, header, mean_and_std
from ntk_repro.plot import COLORS, epoch_axis, legend_of
from ntk_repro.record import RunFolder

TARGETS = {"one": "outputs of the right class", "zero": "outputs of the other classes"}
STYLES = {"network": "-", "linearized": "--"}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A column for each width: median, middle half and 90% range of the outputs on test images against the epoch."""
    panels = panels_of(runs)
    if len(panels) > 1:
        raise UserError("this figure is of one data set: name the runs of one")
    net = runs[0].config["net"]
    by_width: dict[float, list[RunFolder]] = defaultdict(list)
    for run in runs:
        if run.config["models"] != "both" or not run.config["follow"]:
            raise UserError(f"{run.path} has not followed the outputs of both models: compute it with --follow 200")
        by_width[run.config["width"]].append(run)
    size = (2.6 * len(by_width) + 0.8, 5.6)
    picture, axes = plt.subplots(
        len(TARGETS), len(by_width), figsize=size, squeeze=False, sharex=True, sharey="row", layout="constrained"
    )
    numbers = []
    for column, (width, group) in zip(axes.T, sorted(by_width.items()), strict=True):
        epochs = array(group[0], "followed_epochs")
        for ax, (target, title) in zip(column, TARGETS.items(), strict=True):
            for kind in KINDS:
                quantiles = mean_and_std(group, f"{kind}_{target}_quantiles").mean
                name = net_title(net, kind)
                _band(ax, epochs, quantiles, name, STYLES[kind], COLORS[kind])
            ax.set_title(f"×{width_text(width)}, {title}", fontsize=8)
        column[-1].set_xlabel("Epoch")
        epoch_axis(column[-1], epochs)
        numbers.append(_numbers(width, epochs, group))
    for ax in axes[:, 0]:
        ax.set_ylabel("Output")
    facts = facts_of(panels[0], alone=True).replace("\n", ", ")
    legend_of(axes[0, :1], picture, 2)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts), "panels": panels, "widths": numbers})


def _band(ax, epochs: np.ndarray, quantiles: np.ndarray, name: str, line: str, color: str) -> None:
    for low, high, alpha in ((0, 4, 0.10), (1, 3, 0.22)):
        ax.fill_between(epochs, quantiles[:, low], quantiles[:, high], color=color, alpha=alpha, lw=0)
        ax.plot(epochs, quantiles[:, [low, high]], line, color=color, lw=0.6)  # where bands coincide both show
    ax.plot(epochs, quantiles[:, 2], line, color=color, label=f"{name}: median, middle half, 90%")


def _numbers(width: float, epochs: np.ndarray, group: list[RunFolder]) -> dict:
    """The quantiles, and the distances between the two models: root mean squares over the epochs after the start.

    Beside them how far the network's outputs move from their start. The distances of means and of standard deviations
    are averages over seeds: those of averaged curves would shrink as seeds are added.
    """
    found: dict = {"width": width, "epochs": epochs, "seeds": [run.config["seed"] for run in group]}
    for name in (f"{kind}_{target}_quantiles" for kind in KINDS for target in TARGETS):
        found[name] = mean_and_std(group, name).mean
    for statistic in ("mean", "std"):
        distance = partial(_distance, statistic=statistic)
        found[f"{statistic}_apart_by_seed"] = [float(distance(run)) for run in group]
        found[f"{statistic}_apart"] = float(mean_and_std(group, distance).mean)
    for name in ("outputs_apart", "outputs_moved"):
        found[f"{name}_by_seed"] = [float(_root_mean_square(array(run, name)[1:])) for run in group]
    return found


def _distance(run: RunFolder, statistic: str) -> np.ndarray:
    network, linearized = (
        np.array([array(run, f"{kind}_{target}_{statistic}") for target in TARGETS]) for kind in KINDS
    )
    return _root_mean_square((network - linearized)[:, 1:])


def _root_mean_square(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(np.asarray(values, float))))


if __name__ == "__main__":
    draw_command("samarin2022/figA2", draw)
