"""Figure 6: energy of the labels on the top eigenvectors of the NTK through training."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from task_runs import epoch_axis, setup

from ntk_repro.papers.drawing import (
    COLORS,
    Drawing,
    array,
    band,
    by_net,
    draw_command,
    header,
    mean_and_std,
    net_title,
    percent_axis,
    settings,
    titled,
)
from ntk_repro.record import RunFolder

PANELS = (
    ("energy_concentration", "Energy on the top {} eigenvectors", COLORS["network"]),
    ("kernel_cosine_distance", "Cosine distance of the kernel", COLORS["linearized"]),
    ("mean_squared_gradient_norm", "Mean squared gradient norm", COLORS["third"]),
)


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row of three panels per network, against the epoch: energy, distance of the kernel, size of the gradients."""
    groups = by_net(runs, "rotation_tracking")
    picture, axes = plt.subplots(
        len(groups), 3, figsize=(8.8, 2.6 * len(groups) + 0.3), squeeze=False, layout="constrained"
    )
    nets = {net: _row(row, net, group) for row, (net, group) in zip(axes, groups.items(), strict=True)}
    return Drawing(picture, {**header(picture, runs, preset), "nets": nets})


def _row(axes: Sequence[Axes], net: str, group: list[RunFolder]) -> dict:
    epochs, top = array(group[0], "epochs"), group[0].config["top"]
    images = int(array(group[0], "images")[-1])
    curves = {
        **setup(group),
        "epochs": epochs,
        "top": top,
        "images": images,
        "seeds": [run.config["seed"] for run in group],
    }
    facts = f"{net_title(net)}, kernel on {images:,}\n{settings(group)}"
    for ax, (name, title, color) in zip(axes, PANELS, strict=True):
        spread = mean_and_std(group, name)
        ax.plot(epochs, spread.mean, "o-", color=color)
        band(ax, epochs, spread, color)
        curves |= spread.numbers(name)
        titled(ax, title.format(top), facts if ax is axes[0] else "", lines=facts.count("\n") + 1)
        ax.set_xlabel("Epoch")
        epoch_axis(ax, epochs)
    curves["test_accuracy"] = mean_and_std(group, "network_test_accuracy").mean
    percent_axis(axes[0])
    axes[0].set_ylim(0, 1)
    axes[2].set_ylim(0)
    return curves


if __name__ == "__main__":
    draw_command("ortiz2021/fig6", draw)
