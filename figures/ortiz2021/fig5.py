"""Figure 5: test accuracy and distance of the weights on two classes against the number of training images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, PercentFormatter

from ntk_repro.papers.drawing import (
    COLORS,
    Drawing,
    array,
    band,
    by_net,
    draw_command,
    header,
    legend_of,
    mean_and_std,
    net_title,
    settings,
    titled,
)
from ntk_repro.record import RunFolder

MODELS = (("network", "Neural network", "o-"), ("linearized", "Linearized network", "s-"))


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A column for each network: accuracy above, ||theta - theta_0|| below, of the network and of its linearization."""
    groups = by_net(runs, "rotation_cifar2")
    picture, axes = plt.subplots(
        2, len(groups), figsize=(3.1 * len(groups) + 0.6, 4.8), sharey="row", squeeze=False, layout="constrained"
    )
    nets = {}
    for column, (net, group) in zip(axes.T, groups.items(), strict=True):
        nets[net] = _column(column, net, group)
    axes[1, 0].set_ylim(0)  # of the whole row, once everything is drawn
    axes[0, 0].set_ylabel("Test accuracy")
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes[1, 0].set_ylabel(r"$\|\theta - \theta_0\|$")
    legend_of(axes[0, 0], picture, 3)
    return Drawing(picture, {**header(picture, runs, preset), "nets": nets})


def _column(axes: Sequence[Axes], net: str, group: list[RunFolder]) -> dict:
    sizes = array(group[0], "size")
    curves = {"size": sizes, "seeds": [run.config["seed"] for run in group], "width": group[0].config["width"]}
    for ax, (quantity, name) in zip(axes, (("test_accuracy", "accuracy"), ("distance", "distance")), strict=True):
        for model, label, style in MODELS:
            spread, color = mean_and_std(group, f"{model}_{quantity}"), COLORS[model]
            ax.plot(sizes, spread.mean, style, color=color, label=label)
            band(ax, sizes, spread, color)
            curves[f"{model}_{name}"] = spread.mean
            if spread.runs > 1:
                curves[f"{model}_{name}_std"] = spread.std
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45)
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].tick_params(labelbottom=False)
    curves["linearized_train_accuracy"] = mean_and_std(group, "linearized_train_accuracy").mean
    curves["majority_rate"] = mean_and_std(group, "majority_rate").mean
    axes[0].axhline(float(curves["majority_rate"]), ls=":", lw=1.0, color=COLORS["chance"], label="Majority class")
    axes[1].set_xlabel("Training images")
    titled(axes[0], net_title(net), settings(group))
    return curves


if __name__ == "__main__":
    draw_command("ortiz2021/fig5", draw)
