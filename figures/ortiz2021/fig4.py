"""Figure 4: accuracy on linearly separable data along the directions, and the predicted alignment of all of them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import setup

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, by_net, draw_command, header, mean_and_std, settings_of_panels
from ntk_repro.plot import COLORS, SERIES, accuracy_by_index, legend_of, spectrum, titles
from ntk_repro.record import RunFolder

MODELS = ("network", "linearized")
LINES = {"mlp": (SERIES[1], "--"), "lenet": (SERIES[0], "-"), "resnet18": (SERIES[3], "-.")}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Left, a panel per network: test accuracy against the direction's index. Right: alpha(g_v) of every direction."""
    groups = by_net(runs, "nads_separable")
    count = len(groups) + 1
    picture, axes = plt.subplots(1, count, figsize=(3.1 * count + 0.6, 3.4), squeeze=False, layout="constrained")
    nets = {net: _accuracies(ax, group) for ax, (net, group) in zip(axes[0], groups.items(), strict=False)}
    facts = settings_of_panels(groups.values())
    axes[0, 0].set_ylabel("Test accuracy")
    legend_of(axes[0, :-1], picture, 3)
    for net, group in groups.items():
        _alignments(axes[0, -1], net, group, nets[net])
    axes[0, -1].legend(loc="lower left", fontsize=8)
    axes[0, -1].set_xlabel("Direction (NAD index)")
    own = [(net_title(net), of_net.replace("images", "samples")) for net, of_net in zip(groups, facts.own, strict=True)]
    titles(axes[0], [*own, (r"Predicted alignment $\alpha(g_{v_j})$", "")])
    shared = facts.shared.replace("images", "samples")
    return Drawing(picture, {**header(picture, runs, preset, settings=shared), "nets": nets})


def _accuracies(ax: Axes, group: list[RunFolder]) -> dict:
    config, index = group[0].config, array(group[0], "index")
    curves = {"index": index, "seeds": [run.config["seed"] for run in group]}
    curves |= {**setup(group), **{name: config[name] for name in ("size", "channels", "epsilon", "sigma")}}
    curves["majority_rate"] = [0.5] * len(index)
    curves["by_seed"] = {
        f"{model}{suffix}": [array(run, f"{model}_{part}_accuracy") for run in group]
        for model in MODELS
        for suffix, part in (("", "test"), ("_train", "train"))
    }
    spreads = {name: mean_and_std(group, f"{name}_test_accuracy") for name in MODELS}
    accuracy_by_index(ax, index, *spreads.values(), majority=0.5, majority_label="Chance")
    for name, spread in spreads.items():
        curves |= spread.numbers(f"{name}_accuracy")
    ax.set_ylim(0.45, 1.02)
    ax.set_xlabel("Direction (NAD index)")
    return curves


def _alignments(ax: Axes, net: str, group: list[RunFolder], curves: dict) -> None:
    alpha = mean_and_std(group, "alignment").mean
    seen = ~np.any([array(run, "null") for run in group], axis=0)
    color, line = LINES.get(net, (COLORS["baseline"], ":"))
    spectrum(ax, np.where(seen, alpha, 0), label=net_title(net), color=color, line=line, log_index=False)
    curves |= {"alignment": alpha[curves["index"] - 1], "not_null": int(seen.sum()), "directions": len(alpha)}
    curves["all_alignment"] = alpha
    curves["bias"] = [array(run, "alignment").max() / array(run, "alignment").mean() for run in group]


if __name__ == "__main__":
    draw_command("ortiz2021/fig4", draw)
