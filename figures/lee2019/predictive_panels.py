"""Shared by Figures 2 and S1: their runs, the settings above the picture, and the labels."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from ntk_repro.papers.drawing import array, check_study, header
from ntk_repro.record import RunFolder

STUDY = "wide_limit_predictive"


def checked(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """The runs of each parameterization, narrowest first, each width's by seed.

    Raises:
        UserError: a run of another study.
    """
    check_study(runs, STUDY)
    return sorted(runs, key=lambda run: (run.config["parameterization"], run.config["hidden"], run.config["seed"]))


def display_settings(run: RunFolder) -> str:
    """The settings of a run in a line."""
    c, ratio = run.config, float(array(run, "learning_rate_ratio"))
    images = run.environment.get("provenance", {}).get("n_train", c["n_train"])
    networks = f"{c['num_networks']} networks, {c['depth']} {c['activation']} layers of {c['hidden']:,} units"
    networks += f", {c['parameterization'].replace('ntk', 'NTK')} parameterization"
    classes = " and ".join(map(str, c["classes"]))
    return f"{networks}, {images} images of {classes}, learning rate {c['learning_rate']:.3g} ({ratio:.2g} of critical)"


def axes_of(ax: Axes, run: RunFolder, s: int) -> None:
    """Title, labels and the two training points of the panel of observed step number s."""
    ax.plot([1, 0], array(run, "targets"), "o", color="black", ms=5, zorder=5, label="Training points")
    ax.set_title(f"step {array(run, 'steps')[s]:,}")
    ax.set_xlabel(r"$\alpha$")


def row_label(run: RunFolder) -> str:
    """What distinguishes a row of panels, and the axis."""
    c = run.config
    return f"{c['hidden']:,} units, {c['parameterization'].replace('ntk', 'NTK')}\nOutput"


def facts(picture: Picture, runs: Sequence[RunFolder], preset: str) -> dict[str, Any]:
    """Writes data set, preset and settings above the picture; returns the first numbers."""
    return header(picture, runs, preset, settings="\n".join(map(display_settings, runs)))
