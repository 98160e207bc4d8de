"""Figure S7: test accuracy against the normalised learning rate, in NTK and in standard parameterization.

`ntk-repro run lee2019/figS7` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS7.py RUN_FOLDER ...`
"""

from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from power_laws import display_activation

from ntk_repro.papers.drawing import (
    Drawing,
    array,
    by_seed,
    check_study,
    data_title,
    draw_command,
    header,
    image_counts,
    mean_and_std,
)
from ntk_repro.plot import MUTED, SERIES, band, percent_axis, titles
from ntk_repro.record import RunFolder

LOSSES = {"cross_entropy": "cross-entropy", "half_mean_squared_error": "squared loss"}
LOOKS = {"ntk": ("o", "-", "NTK parameterization"), "standard": ("^", "--", "standard parameterization")}
HOLLOW = "squared loss"  # so that the losses differ in grey, too


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One panel for each data set: colours are activations, marks parameterizations, hollow ones losses."""
    panels = grouped(runs)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    activations = list(dict.fromkeys(map(_activation, names)))
    colors = {name: SERIES[activations.index(_activation(name)) % len(SERIES)] for name in names}
    picture, axes = plt.subplots(
        1, len(panels), figsize=(4.8 * len(panels) + 0.4, 4.4), squeeze=False, layout="constrained"
    )
    numbers = [_panel(ax, data, curves, colors) for ax, (data, curves) in zip(axes[0], panels.items(), strict=True)]
    firsts = [next(iter(curves.values()))[0] for curves in panels.values()]
    shared = _settings(firsts[0]) if len({_settings(first) for first in firsts}) == 1 else ""
    if len(panels) > 1:  # the only data set stands above the picture
        titles(axes[0], [(data_title(first), "" if shared else _settings(first)) for first in firsts])
    axes[0, 0].set_ylabel("Test accuracy after training")
    handles = [Line2D([], [], color=colors[name], marker="s", mfc=_fill(name), label=name) for name in names]
    handles += [Line2D([], [], color=MUTED, marker=m, ls=ls, label=label) for m, ls, label in LOOKS.values()]
    handles.append(Line2D([], [], color=MUTED, marker="x", ls="", label="diverged"))
    if any(HOLLOW in name for name in names):
        label = r"$\eta_\mathrm{critical}$ of the squared loss"
        handles.append(Line2D([], [], color=MUTED, marker="|", ms=9, ls="", label=label))
    picture.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return Drawing(picture, {**header(picture, runs, preset, settings=shared), "panels": numbers})


def _activation(name: str) -> str:
    return name.split(", ")[0]


def _fill(name: str) -> str | None:
    return "white" if HOLLOW in name else None


def grouped(runs: list[RunFolder]) -> dict[str, dict[str, list[RunFolder]]]:
    """The runs of each data set, and among them of each activation and loss, ordered by seed.

    Raises:
        UserError: for runs of another experiment, and for runs of one curve that differ in more than their seed.
    """
    check_study(runs, "wide_limit_parameterization")
    panels: dict[str, dict[str, list[RunFolder]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        panels[run.config["data"]][
            f"{display_activation(run.config['activation'])}, {LOSSES[run.config['loss']]}"
        ].append(run)
    return {
        data: {name: by_seed(group, f"{name} on {data}") for name, group in curves.items()}
        for data, curves in panels.items()
    }


def _panel(ax: Axes, data: str, curves: dict[str, list[RunFolder]], colors: dict[str, str]) -> dict:
    numbers = [_curve(ax, name, group, colors[name]) for name, group in curves.items()]
    exponents = sorted({int(e) for curve in numbers for e in curve["log2_eta"]})
    ax.set_xticks(exponents[:: max(1, len(exponents) // 9)])
    ax.xaxis.set_major_formatter(lambda e, _: f"$2^{{{e:.0f}}}$")
    percent_axis(ax)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(r"Normalised learning rate $\eta$ ($\eta$ in NTK, $\eta/n$ in standard parameterization)", fontsize=8)
    return {"data": data, "curves": numbers}


def _curve(ax: Axes, name: str, group: list[RunFolder], color: str) -> dict:
    log2_eta = array(group[0], "log2_eta")
    numbers = {
        "name": name,
        "log2_eta": log2_eta,
        "seeds": [run.config["seed"] for run in group],
        **{count: group[0].environment.get("provenance", {}).get(count) for count in ("n_train", "n_test")},
        "compared": array(group[0], "compared"),
        **{name: np.concatenate([array(run, name) for run in group]) for name in ("layerwise_apart", "plain_apart")},
    }
    for which, (marker, line, _) in LOOKS.items():
        accuracy = mean_and_std(group, f"{which}_test_accuracy")
        ax.plot(log2_eta, accuracy.mean, marker=marker, ls=line, color=color, mfc=_fill(name), lw=1.2, ms=4.5)
        band(ax, log2_eta, accuracy, color)
        diverged = log2_eta[accuracy.seeds == 0]
        # The two parameterizations side by side, so that neither hides the other.
        aside = -0.12 if which == "ntk" else 0.12
        ax.plot(diverged + aside, np.full(len(diverged), 0.02), "x", color=color, ms=5)
        critical = float(np.mean([np.log2(array(run, f"{which}_eta_critical")) for run in group]))
        if group[0].config["loss"] == "half_mean_squared_error":
            ax.plot([critical, critical], [0, 0.1], ls=line, color=color, lw=1.6)
        numbers |= {
            f"{which}_accuracy": accuracy.mean,
            f"{which}_accuracy_by_seed": np.stack([array(run, f"{which}_test_accuracy") for run in group]),
            f"{which}_accuracy_std": accuracy.std,
            f"{which}_seeds": accuracy.seeds,
            f"{which}_log2_eta_critical": critical,
        }
    return numbers


def _settings(run: RunFolder) -> str:
    layers = f"{run.config['depth']} hidden layers of {run.config['hidden']:,}"
    return ", ".join([layers, *image_counts(run), f"{run.config['epochs']} epochs"])


if __name__ == "__main__":
    draw_command("lee2019/figS7", draw)
