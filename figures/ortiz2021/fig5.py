"""Figure 5: test accuracy, distance of the weights and error of the linearization against the training images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from task_runs import setup

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, by_net, draw_command, header, mean_and_std, settings_of_panels
from ntk_repro.papers.ortiz2021 import GUESSING_ERROR
from ntk_repro.papers.thresholds import NEAR_ZERO_LOSS, SIGNIFICANT
from ntk_repro.plot import COLORS, LABELS, curve, legend_of, percent_axis, titles
from ntk_repro.record import RunFolder

MODELS = {"network": "o-", "linearized": "s--"}
_LATE = 0.2  # share of the epochs that the accuracy at the end is compared with


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A column for each network: accuracy, ||theta - theta_0||, and below how far the outputs are from linear ones."""
    groups = by_net(runs, "rotation_cifar2")
    picture, axes = plt.subplots(
        3, len(groups), figsize=(3.1 * len(groups) + 0.6, 6.4), sharey="row", squeeze=False, layout="constrained"
    )
    nets = {net: _column(column, group) for column, (net, group) in zip(axes.T, groups.items(), strict=True)}
    facts = settings_of_panels(groups.values())
    titles(axes[0], zip(map(net_title, groups), facts.own, strict=True))
    for row in axes[1:]:
        row[0].set_ylim(0)  # of the whole row, once everything is drawn
    axes[0, 0].set_ylabel("Test accuracy")
    percent_axis(axes[0, 0])
    axes[1, 0].set_ylabel(r"$\|\theta - \theta_0\|$")
    axes[2, 0].set_ylabel("Error of the linearization\n(share of the change)")
    percent_axis(axes[2, 0])
    legend_of(axes[0], picture, 3)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "nets": nets})


def _column(axes: Sequence[Axes], group: list[RunFolder]) -> dict:
    sizes = array(group[0], "size")
    curves = {"size": sizes, "seeds": [run.config["seed"] for run in group], **setup(group)}
    for ax, (quantity, name) in zip(axes, (("test_accuracy", "accuracy"), ("distance", "distance")), strict=False):
        for model, line in MODELS.items():
            spread = mean_and_std(group, f"{model}_{quantity}")
            curve(ax, sizes, spread, color=COLORS[model], line=line, label=LABELS[model])
            curves |= spread.numbers(f"{model}_{name}")
    error = mean_and_std(group, "approximation_error")
    curve(axes[2], sizes, error, color=COLORS["linearized"], line="s--")
    curves |= error.numbers("approximation_error")
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45)
        ax.xaxis.set_minor_locator(NullLocator())
    for ax in axes[:2]:
        ax.tick_params(labelbottom=False)
    curves["majority_rate"] = mean_and_std(group, "majority_rate").mean
    axes[0].axhline(float(curves["majority_rate"]), ls=":", lw=1.0, color=COLORS["chance"], label="Majority class")
    axes[2].set_xlabel("Training images")
    return curves | _by_seed(group)


def _by_seed(group: list[RunFolder]) -> dict[str, np.ndarray]:
    """Numbers of each seed that claims compare: (sizes, seeds)."""
    network, linearized = (_seeds(group, f"{model}_test_accuracy") for model in MODELS)
    numbers = {"lead": network - linearized}
    epochs = array(group[0], "curve_epochs")
    for model in MODELS:
        numbers[f"{model}_epochs_to_loss"] = epochs_to_loss(_seeds(group, f"{model}_loss"), NEAR_ZERO_LOSS)
        curve = _seeds(group, f"{model}_curve")
        best, end = curve.max(axis=-1), curve[..., -1]
        numbers[f"{model}_below_best"] = best - end
        numbers[f"{model}_from_late"] = end - curve[..., epochs >= (1 - _LATE) * epochs[-1]].mean(axis=-1)
        near = curve >= (best - SIGNIFICANT * GUESSING_ERROR)[..., None]
        numbers[f"{model}_epochs_to_best"] = np.where(near.any(axis=-1), epochs[near.argmax(axis=-1)], np.nan)
    return numbers


def _seeds(group: list[RunFolder], name: str) -> np.ndarray:
    """An array of all seeds, (sizes, seeds, ...)."""
    return np.stack([array(run, name) for run in group], axis=1).astype(float)


if __name__ == "__main__":
    draw_command("ortiz2021/fig5", draw)
