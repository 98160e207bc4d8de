"""Alignments of eigenfunctions with the NTK before and after training on one of them: Figures 7, 15 and 16."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from task_runs import by_task, setup, task_name

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, header, mean_and_std, settings_of_panels
from ntk_repro.plot import COLORS, MUTED, legend_of, spectrum, titles
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One panel for each task: n alpha(phi_j) = v^T K v (the paper's scale) before and after training, against j."""
    groups = by_task(runs, "rotation_tracking")
    picture, axes = plt.subplots(
        1, len(groups), figsize=(3.3 * len(groups) + 0.6, 3.4), sharey=True, squeeze=False, layout="constrained"
    )
    nets: dict = {}
    for ax, ((net, index), group) in zip(axes[0], groups.items(), strict=True):
        nets.setdefault(net, {})[str(index)] = _panel(ax, index, group)
    facts = settings_of_panels(groups.values())
    titles(axes[0], zip((f"{net_title(net)}, {task_name(index)}" for net, index in groups), facts.own, strict=True))
    axes[0, 0].set_ylabel(r"$n\,\alpha(\phi_j) = v_j^\top K v_j$")
    legend_of(axes[0], picture, 3)
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "nets": nets})


def _panel(ax: Axes, index: int | None, group: list[RunFolder]) -> dict:
    provenance = group[0].environment.get("provenance", {})
    n = provenance["n_train"] + provenance["n_test"]
    before, after = (n * mean_and_std(group, lambda run, at=at: array(run, "alignment")[at]).mean for at in (0, -1))
    indices = np.arange(1, len(before) + 1)
    spectrum(ax, after, label="After training", lw=0.8, log_index=False)
    spectrum(ax, before, label="Before training", color=MUTED, line="--", lw=1.2, log_index=False)
    if index is not None and index <= len(after):
        ax.plot(index, after[index - 1], "o", ms=6, mfc="none", color=COLORS["baseline"], label="Trained on")
    ax.set_xlabel("Eigenfunction index")
    return {
        "index": indices,
        "alignment_before": before,
        "alignment_after": after,
        # (seeds, eigenfunctions), and of each seed
        "growth": np.stack([array(run, "alignment")[-1] / array(run, "alignment")[0] for run in group]),
        "smallest_after": [n * float(array(run, "alignment")[-1].min()) for run in group],
        "largest_after": [n * float(array(run, "alignment")[-1].max()) for run in group],
        "label_growth": _growth(group, "label_alignment"),
        "gradient_norm_growth": _growth(group, "mean_squared_gradient_norm"),
        "energy_before": [array(run, "energy_concentration")[0] for run in group],
        "energy_after": [array(run, "energy_concentration")[-1] for run in group],
        "top": group[0].config["top"],
        "train_accuracy": mean_and_std(group, lambda run: array(run, "network_train_accuracy")[-1]).mean,
        "test_accuracy": mean_and_std(group, lambda run: array(run, "network_test_accuracy")[-1]).mean,
        "seeds": [run.config["seed"] for run in group],
        **setup(group),
    }


def _growth(group: list[RunFolder], name: str) -> list[float]:
    """The last value of an array over the first, of each seed."""
    return [float(array(run, name)[-1] / array(run, name)[0]) for run in group]
