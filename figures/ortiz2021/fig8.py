"""Figure 8: training loss and test accuracy of a network, its initial and its pretrained linearization."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from task_runs import by_task, setup, task_name

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, draw_command, header, mean_and_std, settings_of_panels
from ntk_repro.papers.thresholds import NEAR_ZERO_LOSS
from ntk_repro.plot import COLORS, LABELS, legend_of, percent, percent_axis, titles
from ntk_repro.record import RunFolder

BIASED, UNBIASED = 0, 1  # the order of `ntk_repro.rotation.pretrained.KINDS`
# The paper's two linearizations: the usual one at the start, and (theta - theta_0) . grad f(theta*) at the end.
MODELS = (
    ("network", LABELS["network"], COLORS["network"], "-", "network"),
    ("initial", "Linearization at initialization", COLORS["linearized"], "--", "at init."),
    ("pretrained", "Linearization at the end, unbiased", COLORS["other_linearized"], "-.", "at the end"),
)


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each network and task: loss against the epoch, and accuracies as bars."""
    groups = by_task(runs, "rotation_pretrained")
    size = (7.8, 3.1 * len(groups) + 0.5)
    picture, axes = plt.subplots(len(groups), 2, figsize=size, squeeze=False, layout="constrained", width_ratios=(3, 2))
    tasks, facts = [], settings_of_panels(groups.values())
    for row, ((net, index), group), own in zip(axes, groups.items(), facts.own, strict=True):
        tasks.append({"net": net, "index": index, **_row(row, f"{net_title(net)}, {task_name(index)}", group, own)})
    legend_of(axes[0], picture, 4)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "tasks": tasks})


def _row(axes: Sequence[Axes], title: str, group: list[RunFolder], own: str) -> dict:
    numbers: dict = {"seeds": [run.config["seed"] for run in group], **setup(group)}
    numbers["majority_rate"] = mean_and_std(group, "majority_rate").mean
    for place, (model, label, color, line, _) in enumerate(MODELS):
        loss = mean_and_std(group, lambda run, model=model: _of(run, model, "loss")).mean
        accuracy = mean_and_std(group, lambda run, model=model: _of(run, model, "test_accuracy"))
        height = float(accuracy.mean)
        axes[0].plot(np.arange(1, len(loss) + 1), loss, line, color=color, label=label)
        error = float(accuracy.std) if accuracy.runs > 1 else 0.0
        axes[1].bar(place, height, yerr=error or None, color=color)
        axes[1].text(place, height + error, percent(height, 1), ha="center", va="bottom", fontsize=8)
        numbers |= {f"{model}_loss": loss, f"{model}_accuracy": accuracy.mean}
        numbers[f"{model}_accuracy_by_seed"] = [float(_of(run, model, "test_accuracy")) for run in group]
        curves = np.stack([_of(run, model, "loss") for run in group])
        numbers[f"{model}_epochs_to_loss"] = epochs_to_loss(curves, NEAR_ZERO_LOSS)
    ratio = mean_and_std(group, "eta_over_critical").mean
    numbers |= {"initial_eta_over_critical": ratio[0], "pretrained_eta_over_critical": ratio[-1]}
    rates = (
        f"$\\eta / \\eta_\\mathrm{{critical}}$ {_rounded(ratio[0])} at initialization, {_rounded(ratio[-1])} at the end"
    )
    axes[1].axhline(float(numbers["majority_rate"]), ls=":", lw=1.0, color=COLORS["chance"], label=LABELS["chance"])
    axes[0].set_yscale("log")
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_xlabel("Epoch")
    axes[0].set_ylabel("Training loss")
    titles(axes, [(title, "\n".join(filter(None, (own, rates)))), ("After training", "")])
    axes[1].set_ylabel("Test accuracy")
    axes[1].set_xticks(range(len(MODELS)), [short for *_, short in MODELS])
    axes[1].set_ylim(0.4, 1.0)
    percent_axis(axes[1])
    axes[1].grid(axis="x", visible=False)
    return numbers


def _rounded(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}"


def _of(run: RunFolder, model: str, quantity: str) -> np.ndarray:
    if model == "network":
        return array(run, f"network_{quantity}")
    values = array(run, f"linearized_{quantity}")
    return values[0, BIASED] if model == "initial" else values[-1, UNBIASED]


if __name__ == "__main__":
    draw_command("ortiz2021/fig8", draw)
