"""Shared by the figures of errors or changes against a width or a count: power laws on logarithmic axes."""

import json
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ntk_repro.papers.drawing import by_seed, check_alike, check_study
from ntk_repro.papers.statistics import PowerLaw, power_law_fit
from ntk_repro.plot import MUTED
from ntk_repro.record import RunFolder

GUIDE = "#B0B0B0"


def by_settings(runs: Sequence[RunFolder], study: str, *apart: str) -> list[list[RunFolder]]:
    """The runs in groups that differ in their seed alone, each ordered by seed; groups in the order of the runs.

    Args:
        runs: the runs.
        study: the study that they must be of.
        *apart: settings in which groups may differ from each other; where none are named there is one group.

    Raises:
        UserError: for runs of another study, groups that differ in more, and the same seed twice.
    """
    check_study(runs, study)
    groups: dict[str, list[RunFolder]] = {}
    for run in runs:
        same = {name: value for name, value in run.config.items() if name != "seed"}
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(run)
    check_alike([group[0] for group in groups.values()], "seed", *apart)
    return [by_seed(group, "the same settings") for group in groups.values()]


def display_activation(name: str) -> str:
    """The activation as a paper writes it."""
    return {"relu": "ReLU"}.get(name, name)


def curve(
    ax: Axes,
    x: np.ndarray,
    values: np.ndarray,
    label: str,
    *,
    color: str,
    marker: str = "o",
    fitted: np.ndarray | None = None,
    aside: float = 1.0,
) -> dict:
    """Draws values (seeds, points) against x: a marker at their geometric mean, a bar over all seeds, the fitted line.

    Returns the numbers: `x`, `values`, `mean`, and of the fit `exponent`, `low`, `high` (95% confidence), `prefactor`,
    `fitted`, the x that it was made from. The exponent stands in the legend.

    Args:
        ax: logarithmic axes.
        x: positions (points,).
        values: (seeds, points); nan are left out.
        label: for the legend.
        color: of everything.
        marker: of the means.
        fitted: the points to fit (points,), None for all; the others are drawn hollow.
        aside: factor of x at which all is drawn, so that bars of several curves do not hide each other.
    """
    fitted = np.ones(len(x), bool) if fitted is None else fitted
    fit = power_law_fit(x[fitted], values[:, fitted].tolist())
    mean = geometric_mean(values)
    entry = label if np.isnan(fit.exponent) else f"{label}: {display_exponent(fit)}"
    at = x * aside
    ax.plot(at[fitted], mean[fitted], marker, color=color, label=entry, zorder=3)
    ax.plot(at[~fitted], mean[~fitted], marker, color=color, mfc="white", zorder=3)
    if len(values) > 1 and np.isfinite(values).any():
        with np.errstate(invalid="ignore"):
            ax.vlines(at, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=color, lw=1.0, zorder=2)
    if np.isfinite(fit.exponent):
        ax.plot(at[fitted], fit.prefactor * x[fitted] ** fit.exponent, "-", lw=1.2, color=color, zorder=2)
    return {"x": x, "values": values, "mean": mean, **fit._asdict(), "fitted": x[fitted]}


def geometric_mean(values: np.ndarray) -> np.ndarray:
    """The geometric mean over the first axis of the values above 0; nan where there are none."""
    positive = np.nan_to_num(values) > 0
    logs = np.where(positive, np.log(np.where(positive, values, 1.0)), 0.0)
    count = positive.sum(axis=0)
    return np.where(count, np.exp(logs.sum(axis=0) / np.maximum(count, 1)), np.nan)


def asides(count: int) -> np.ndarray:
    """Values of `curve`'s `aside` for several curves through the same x."""
    return 1.035 ** (np.arange(count) - (count - 1) / 2)


def display_exponent(fit: PowerLaw) -> str:
    """An exponent with half the width of its confidence interval, "−0.51 ± 0.03"."""
    half = (fit.high - fit.low) / 2
    return (f"{fit.exponent:.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}")).replace("-", "−")


def guide(ax: Axes, x: np.ndarray, start: float, exponent: float, text: str) -> None:
    """A grey dashed line of this slope through (x[0], start), with a text at its end."""
    ends = np.array([x[0], x[-1]], float)
    y = start * (ends / ends[0]) ** exponent
    ax.plot(ends, y, "--", lw=1.0, color=GUIDE, zorder=1)
    ax.annotate(text, (ends[1], y[1]), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8, color=MUTED)


def logarithmic(ax: Axes, ticks: Sequence[int] | np.ndarray, label: str) -> None:
    """Both axes logarithmic, the horizontal one with these ticks."""
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(list(ticks), [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(label)


def legend_below(ax: Axes, columns: int = 2) -> None:
    """The legend under the axes, with a title that explains the numbers after the names."""
    title = "exponent and its 95% confidence interval; bars: all seeds"
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13), "ncols": columns}
    ax.legend(**below, title=title, title_fontsize=8, fontsize=8, handletextpad=0.3, columnspacing=1.2)


def seeds_of(group: Sequence[RunFolder]) -> list[int]:
    """The seeds of a group."""
    return [run.config["seed"] for run in group]
