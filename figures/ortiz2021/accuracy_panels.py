"""Test accuracy on binarized eigenfunctions, networks and their linearizations: Figures 2, 11 and 12."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import setup

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, by_net, header, mean_and_std, settings_of_panels
from ntk_repro.papers.thresholds import NEAR_ZERO_LOSS
from ntk_repro.plot import accuracy_by_index, legend_of, titles
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One panel per network: accuracy of the network and of its linearization against the index, and the baseline."""
    groups = by_net(runs, "eigentasks")
    picture, axes = plt.subplots(
        1, len(groups), figsize=(3.1 * len(groups) + 0.6, 3.3), sharey=True, squeeze=False, layout="constrained"
    )
    nets = {net: _panel(ax, group) for ax, (net, group) in zip(axes[0], groups.items(), strict=True)}
    facts = settings_of_panels(groups.values())
    titles(axes[0], zip(map(net_title, groups), facts.own, strict=True))
    axes[0, 0].set_ylabel("Test accuracy")
    legend_of(axes[0], picture, 2 if len(groups) < 3 else 4)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "nets": nets})


def _panel(ax: Axes, group: list[RunFolder]) -> dict:
    index, all_index = array(group[0], "index"), array(group[0], "linearized_index")
    network, every = (mean_and_std(group, f"{model}_test_accuracy") for model in ("network", "linearized"))
    shared = np.searchsorted(all_index, index)
    linearized = every.at(shared)

    config = group[0].config
    baseline = float(mean_and_std(group, "baseline_network_test_accuracy").mean) if config["baseline"] else None
    curves = {
        "index": index,
        **network.numbers("network_accuracy"),
        **linearized.numbers("linearized_accuracy"),
        "baseline_accuracy": baseline,
        "all_index": all_index,
        "all_linearized_accuracy": every.mean,
        "seeds": [run.config["seed"] for run in group],
        "data": config["data"],
        **setup(group),
        "baseline_epochs": config.get("baseline_epochs") or config["epochs"],
        **_judged(group, shared),
    }
    if config["baseline"]:
        curves["baseline_linearized_accuracy"] = mean_and_std(group, "baseline_linearized_test_accuracy").mean
    chance = mean_and_std(group, "majority_rate").mean
    curves["majority_rate"] = chance[shared]
    accuracy_by_index(
        ax, index, network, every, linearized_index=all_index, baseline=baseline,
        majority=chance[shared], baseline_label="Network on classes 0-4 against 5-9",
    )  # fmt: skip
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
