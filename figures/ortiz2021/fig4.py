"""Figure 4: accuracy on linearly separable data along the directions, and the predicted alignment of all of them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import setup

from ntk_repro.papers.drawing import (
    COLORS,
    Drawing,
    array,
    band,
    by_net,
    draw_command,
    header,
    legend_of,
    mark_partial,
    mean_and_std,
    net_title,
    percent_axis,
    settings,
    titled,
)
from ntk_repro.record import RunFolder

NAMES = {"network": "Neural network", "linearized": "Linearized network"}
LINES = {"mlp": ("#009E73", "--"), "lenet": ("#0072B2", "-"), "resnet18": (COLORS["fourth"], "-.")}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Left, a panel per network: test accuracy against the direction's index. Right: alpha(g_v) of every direction."""
    groups = by_net(runs, "nads_separable")
    count = len(groups) + 1
    picture, axes = plt.subplots(1, count, figsize=(3.1 * count + 0.6, 3.4), squeeze=False, layout="constrained")
    nets, lines = {}, max(settings(group).count("\n") + 1 for group in groups.values())
    for ax, (net, group) in zip(axes[0], groups.items(), strict=False):
        nets[net] = _accuracies(ax, net, group, lines)
    axes[0, 0].set_ylabel("Test accuracy")
    legend_of(axes[0, 0], picture, 3)
    for net, group in groups.items():
        _alignments(axes[0, -1], net, group, nets[net])
    axes[0, -1].legend(loc="lower left", fontsize=8)
    return Drawing(picture, {**header(picture, runs, preset), "nets": nets})


def _accuracies(ax: Axes, net: str, group: list[RunFolder], lines: int) -> dict:
    config, index = group[0].config, array(group[0], "index")
    curves = {"index": index, "seeds": [run.config["seed"] for run in group]}
    curves |= {**setup(group), **{name: config[name] for name in ("size", "channels", "epsilon", "sigma")}}
    curves["majority_rate"] = [0.5] * len(index)
    curves["by_seed"] = {
        f"{model}{suffix}": [array(run, f"{model}_{part}_accuracy") for run in group]
        for model in NAMES
        for suffix, part in (("", "test"), ("_train", "train"))
    }
    for name, label in NAMES.items():
        spread = mean_and_std(group, f"{name}_test_accuracy")
        marker = "o-" if name == "network" else "s-"
        ax.plot(index, spread.mean, marker, color=COLORS[name], label=label)
        band(ax, index, spread, COLORS[name])
        mark_partial(ax, index, spread)
        curves |= spread.numbers(f"{name}_accuracy")
    ax.axhline(0.5, ls=":", lw=1, color=COLORS["chance"], label="Chance")
    ax.set_ylim(0.45, 1.02)
    percent_axis(ax)
    titled(ax, net_title(net), settings(group).replace("images", "samples"), lines)
    ax.set_xlabel("Direction (NAD index)")
    return curves


def _alignments(ax: Axes, net: str, group: list[RunFolder], curves: dict) -> None:
    alpha = mean_and_std(group, "alignment").mean
    seen = ~np.any([array(run, "null") for run in group], axis=0)
    j = np.arange(1, len(alpha) + 1)
    color, style = LINES.get(net, ("#404040", ":"))
    # Null directions have an alignment of 0, which a logarithm cannot show.
    ax.semilogy(j[seen], alpha[seen], style, color=color, label=net_title(net))
    ax.set_title(r"Predicted alignment $\alpha(g_{v_j})$")
    ax.set_xlabel("Direction (NAD index)")
    curves |= {"alignment": alpha[curves["index"] - 1], "not_null": int(seen.sum()), "directions": len(alpha)}
    curves["all_alignment"] = alpha
    curves["bias"] = [array(run, "alignment").max() / array(run, "alignment").mean() for run in group]


if __name__ == "__main__":
    draw_command("ortiz2021/fig4", draw)
