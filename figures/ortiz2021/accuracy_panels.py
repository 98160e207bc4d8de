"""Test accuracy on binarized eigenfunctions, networks and their linearizations: Figures 2, 11 and 12."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import setup

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.papers.drawing import (
    COLORS,
    Drawing,
    array,
    band,
    by_net,
    header,
    legend_of,
    mark_partial,
    mean_and_std,
    net_title,
    percent_axis,
    settings,
    titled,
)
from ntk_repro.papers.thresholds import NEAR_ZERO_LOSS
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One panel per network: accuracy of the network and of its linearization against the index, and the baseline."""
    groups = by_net(runs, "eigentasks")
    picture, axes = plt.subplots(
        1, len(groups), figsize=(3.1 * len(groups) + 0.6, 3.3), sharey=True, squeeze=False, layout="constrained"
    )
    nets = {}
    lines = max(settings(group).count("\n") + 1 for group in groups.values())
    for ax, (net, group) in zip(axes[0], groups.items(), strict=True):
        nets[net] = _panel(ax, net, group, lines)
    axes[0, 0].set_ylabel("Test accuracy")
    percent_axis(axes[0, 0])
    legend_of(axes[0, 0], picture, 2 if len(groups) < 3 else 4)
    return Drawing(picture, {**header(picture, runs, preset), "nets": nets})


def _panel(ax: Axes, net: str, group: list[RunFolder], lines: int) -> dict:
    index, all_index = array(group[0], "index"), array(group[0], "linearized_index")
    network, every = (mean_and_std(group, f"{model}_test_accuracy") for model in ("network", "linearized"))
    shared = np.searchsorted(all_index, index)
    linearized = every.at(shared)

    style = {"color": COLORS["linearized"], "zorder": 2}
    ax.plot(all_index, every.mean, ".", ms=2, mew=0, alpha=0.5, **style)
    ax.plot(index, linearized.mean, "s-", label="Linearized network", **style)
    ax.plot(index, network.mean, "o-", color=COLORS["network"], label="Neural network", zorder=3)
    band(ax, all_index, every, COLORS["linearized"])
    band(ax, index, network, COLORS["network"])
    config = group[0].config
    curves = {
        "index": index,
        **network.numbers("network_accuracy"),
        **linearized.numbers("linearized_accuracy"),
        "baseline_accuracy": None,
        "all_index": all_index,
        "all_linearized_accuracy": every.mean,
        "seeds": [run.config["seed"] for run in group],
        "data": config["data"],
        **setup(group),
        "baseline_epochs": config.get("baseline_epochs") or config["epochs"],
        **_judged(group, shared),
    }
    mark_partial(ax, index, network)
    mark_partial(ax, index, linearized)
    if config["baseline"]:
        baseline = mean_and_std(group, "baseline_network_test_accuracy").mean
        ax.axhline(
            float(baseline), ls="--", lw=1.2, color=COLORS["baseline"], label="Network on classes 0-4 against 5-9"
        )
        curves["baseline_accuracy"] = baseline
        curves["baseline_linearized_accuracy"] = mean_and_std(group, "baseline_linearized_test_accuracy").mean
    chance = mean_and_std(group, "majority_rate").mean
    curves["majority_rate"] = chance[shared]
    ax.plot(index, chance[shared], ":", lw=1.0, color=COLORS["chance"], label="Majority class", zorder=1)

    titled(ax, net_title(net), settings(group), lines)
    ax.set_xlabel("Eigenfunction index")
    return curves


def _judged(group: list[RunFolder], shared: np.ndarray) -> dict:
    """What claims compare besides the curves, of the tasks that both models train on."""
    first = group[0].result()
    by_seed = {"network": "network_test_accuracy", "network_train": "network_train_accuracy"}
    rows: dict[str, list[Any]] = {name: [array(run, of) for run in group] for name, of in by_seed.items()}
    by_seed = {"linearized": "test", "linearized_train": "train", "linearized_halfway": "halfway"}
    for name, part in by_seed.items():
        if f"linearized_{part}_accuracy" in first:  # training in weight space has no halfway
            rows[name] = [array(run, f"linearized_{part}_accuracy")[shared] for run in group]
    if group[0].config["baseline"]:
        for model in ("network", "linearized"):
            rows[f"baseline_{model}"] = [float(array(run, f"baseline_{model}_test_accuracy")) for run in group]
    losses = [array(run, "network_loss") for run in group], [array(run, "linearized_loss")[shared] for run in group]
    epochs = [[epochs_to_loss(loss, NEAR_ZERO_LOSS) for loss in model] for model in losses]
    overlap = mean_and_std(group, "sign_overlap").mean
    alignment = first.get("alignment")
    return {
        "by_seed": rows,
        "network_final_loss": [loss[:, -1] for loss in losses[0]],
        "network_epochs_to_loss": epochs[0],
        "linearized_epochs_to_loss": epochs[1],
        "alignment": None if alignment is None else alignment[shared],
        "baseline_alignment": first.get("baseline_alignment"),
        "sign_overlap": overlap[1:],
        "parameters": int(array(group[0], "parameters")),
        "normalization_effect": first.get("normalization_effect"),
    }
