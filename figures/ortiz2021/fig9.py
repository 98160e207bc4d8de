"""Figure 9: test accuracy of linearizations taken after a number of epochs of training."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import by_task, setup, task_name

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, draw_command, header, mean_and_std, settings_of_panels
from ntk_repro.plot import COLORS, LABELS, by_epoch, legend_of, titles
from ntk_repro.record import RunFolder

KINDS = (("biased", "linearized", "Linearization"), ("unbiased", "other_linearized", "Linearization, unbiased"))


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One panel per network and task: accuracy of the linearizations against the epoch that they were taken after."""
    groups = by_task(runs, "rotation_pretrained")
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    picture, axes = plt.subplots(
        rows, columns, figsize=(3.2 * columns + 0.6, 3.1 * rows + 0.4), squeeze=False, layout="constrained"
    )
    tasks = []
    for ax, ((net, index), group) in zip(axes.flat, groups.items(), strict=False):
        tasks.append({"net": net, "index": index, **_panel(ax, group)})
    for ax in axes.flat[len(groups) :]:
        ax.set_axis_off()
    facts = settings_of_panels(groups.values())
    texts = [
        (f"{net_title(net)}, {task_name(index)}", own) for (net, index), own in zip(groups, facts.own, strict=True)
    ]
    titles(axes.flat[: len(groups)], texts)
    for row in axes:
        row[0].set_ylabel("Test accuracy")
    legend_of(axes[0], picture, 3)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "tasks": tasks})


def _panel(ax: Axes, group: list[RunFolder]) -> dict:
    epochs = array(group[0], "epochs")
    numbers: dict = {**setup(group), "epochs": epochs, "seeds": [run.config["seed"] for run in group]}
    linearized = mean_and_std(group, "linearized_test_accuracy")
    loss = mean_and_std(group, lambda run: array(run, "linearized_loss")[:, :, -1]).mean
    for kind, (name, model, label) in enumerate(KINDS):
        spread = linearized.at(np.s_[:, kind])
        by_epoch(ax, epochs, spread, model=model, label=label, share=True)
        numbers[f"{name}_accuracy"] = spread.mean
        if spread.runs > 1:
            numbers[f"{name}_accuracy_std"] = spread.std
        numbers[f"{name}_accuracy_by_seed"] = [array(run, "linearized_test_accuracy")[:, kind] for run in group]
        numbers[f"{name}_loss"] = loss[:, kind]  # in training, at its end
    numbers["network_accuracy"] = mean_and_std(group, "network_test_accuracy").mean
    numbers["network_accuracy_by_seed"] = [float(array(run, "network_test_accuracy")) for run in group]
    numbers["label_alignment"] = mean_and_std(group, "label_alignment").mean
    numbers["gradient_norm"] = mean_and_std(group, "mean_squared_gradient_norm").mean
    numbers["majority_rate"] = mean_and_std(group, "majority_rate").mean
    ax.axhline(float(numbers["network_accuracy"]), ls=":", lw=1.6, color=COLORS["network"], label=LABELS["network"])
    ax.set_xlabel("Linearized after epoch")
    return numbers


if __name__ == "__main__":
    draw_command("ortiz2021/fig9", draw)
