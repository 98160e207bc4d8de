"""Training metrics against the index of the eigenfunction trained on: Figures 3, 13 and 14, one network each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from rows_by_net import drawn_by_net
from task_runs import setup

from ntk_repro.loss_curves import epochs_to_loss
from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, mean_and_std
from ntk_repro.papers.thresholds import NEAR_ZERO_LOSS
from ntk_repro.plot import COLORS, curve, titles
from ntk_repro.record import RunFolder

TARGET_LOSS = float(NEAR_ZERO_LOSS)
EPOCHS = "epochs_to_target_loss"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row of three panels per network: epochs to the target loss, l2 and cosine distance from the initialization."""
    return drawn_by_net(runs, preset, "eigentasks", _row)


def _row(axes: Sequence[Axes], net: str, group: list[RunFolder], own: str) -> dict:
    config, index = group[0].config, array(group[0], "index")
    curves = {"index": index, "seeds": [run.config["seed"] for run in group], "target_loss": TARGET_LOSS}
    curves |= {"data": config["data"], **setup(group), "by_seed": {}}
    panels = {
        EPOCHS: f"Epochs to a training loss of {TARGET_LOSS:g}",
        "l2_distance": r"$\ell_2$ distance of the parameters",
        "cosine_distance": "Cosine distance of the parameters",
    }
    for ax, name in zip(axes, panels, strict=True):
        # nan where no seed reached the loss, or every training diverged: then there is no point to draw.
        spread = mean_and_std(group, _epochs if name == EPOCHS else name)
        curves["by_seed"][name] = [_epochs(run) if name == EPOCHS else array(run, name) for run in group]
        curve(ax, index, spread, color=COLORS["network"], clip_on=False)
        curves |= spread.numbers(name)
        ax.set_xlabel("Eigenfunction index")
        ax.set_xlim(0, 1.03 * max(index))
        ax.set_ylim(0)
        if np.any((spread.seeds > 0) & (spread.seeds < spread.runs)):
            ax.set_xlabel(f"{ax.get_xlabel()}\n(hollow: fewer seeds)")
        missing = index[spread.seeds == 0]
        if len(missing):
            _note_missing(ax, name, missing, len(index), config["epochs"])
    facts = "\n".join(filter(None, (net_title(net), own)))
    titles(axes, [(title, facts if name == EPOCHS else "") for name, title in panels.items()])
    return curves


def _epochs(run: RunFolder) -> np.ndarray:
    return epochs_to_loss(array(run, "network_loss"), TARGET_LOSS)


def _note_missing(ax: Axes, name: str, missing: np.ndarray, indices: int, epochs: int) -> None:
    if name == EPOCHS:
        ax.plot(missing, [epochs] * len(missing), "^", mfc="none", color=COLORS["network"], clip_on=False)
        ax.set_ylim(0, max(1.08 * epochs, ax.get_ylim()[1]))
        note = f"△ not within {epochs} epochs"
    else:
        note = f"diverged at {len(missing)} of {indices} indices"
    ax.set_xlabel(f"{ax.get_xlabel()}\n({note})")  # below the axes it touches no curve
