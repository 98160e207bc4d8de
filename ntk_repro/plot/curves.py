"""Curves with their spread over seeds: spectra, accuracies, kernels through training, and predictive distributions."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import as_array, check_real, check_shape, checked_array
from ntk_repro.plot.look import COLORS, LABELS, LINES, MARKERS, model_color
from ntk_repro.plot.panels import epoch_axis, integer_axis, percent_axis
from ntk_repro.ranges import check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spread(NamedTuple):
    """Mean and spread of several seeds, entry by entry; entries that are nan are left out.

    Attributes:
        mean: the mean, nan where every seed is nan.
        std: the standard deviation (0 for a single run), nan where fewer than two of several seeds are left.
        seeds: how many seeds are left.
        runs: how many seeds there are.
    """

    mean: np.ndarray
    std: np.ndarray
    seeds: np.ndarray
    runs: int

    def at(self, index: Any) -> "Spread":
        """Some of the entries."""
        return Spread(self.mean[index], self.std[index], self.seeds[index], self.runs)

    def numbers(self, name: str) -> dict[str, np.ndarray]:
        """The mean under this name; of several seeds also their `_std` and `_seeds`, each behind the name."""
        spread = {f"{name}_std": self.std, f"{name}_seeds": self.seeds} if self.runs > 1 else {}
        return {name: self.mean, **spread}


def spread_of(values: ArrayLike) -> Spread:
    """Mean and spread over the first axis, the seeds, of values (seeds, ...); nan stands for a seed without a number.

    Raises:
        UserError: no seed at all, and values that are not real numbers.
    """
    values = as_array(values, "values")
    check_real(values, "values")
    if values.ndim == 0 or not len(values):
        raise UserError(f"values must be of shape (seeds, ...) with a seed or more, not {values.shape}")
    values = values.astype(float, copy=False)
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.where(count, count, np.nan)
    if len(values) == 1:
        return Spread(mean, np.zeros(mean.shape), count, 1)
    squares = np.where(known, (values - mean) ** 2, 0).sum(axis=0)
    return Spread(mean, np.sqrt(squares / np.where(count > 1, count - 1, np.nan)), count, len(values))


def curve(
    ax: "Axes", x: ArrayLike, values: ArrayLike | Spread, *, color: str, line: str = "o-", label: str = "", **looks: Any
) -> "Axes":
    """The mean over seeds against x, with a band of one standard deviation on both sides.

    Points where some seeds have no number are hollow, see `mark_partial`.

    Args:
        ax: the axes.
        x: positions (m,).
        values: of one run (m,), of several (seeds, m), nan where there is none, or their `Spread`.
        color: a Matplotlib colour.
        line: marker and line, as in `Axes.plot`.
        label: for the legend, "" for none.
        **looks: of `Axes.plot`.

    Returns:
        The axes.

    Raises:
        UserError: arrays of other shapes, positions that are not finite, values that are not real numbers.
    """
    x = checked_array(x, "x", ("m",))
    spread = _spread(values, len(x), "values")
    ax.plot(x, spread.mean, line, color=color, label=label or None, **looks)
    band(ax, x, spread, color)
    mark_partial(ax, x, spread, color)
    return ax


def band(ax: "Axes", x: ArrayLike, spread: Spread, color: str) -> "Axes":
    """One standard deviation on both sides of the mean of several seeds; outlined, so that bands that coincide show."""
    if spread.runs > 1:
        _between(ax, np.asarray(x), spread.mean - spread.std, spread.mean + spread.std, color, alpha=0.18)
    return ax


def _between(ax: "Axes", x: np.ndarray, low: np.ndarray, high: np.ndarray, color: str, **looks: Any) -> None:
    line = looks.pop("ls", "-")
    ax.fill_between(x, low, high, color=color, lw=0, **looks)
    for side in (low, high):
        ax.plot(x, side, ls=line, color=color, lw=0.5, alpha=0.7, label="_outline", zorder=looks.get("zorder", 1.5))


def mark_partial(ax: "Axes", x: ArrayLike, spread: Spread, color: str) -> "Axes":
    """Hollow marks at the points that are not the mean of all seeds; the legend says so."""
    partial = (spread.seeds > 0) & (spread.seeds < spread.runs)
    if partial.any():
        hollow = {"mfc": "white", "color": color, "ls": "none", "zorder": 4}
        ax.plot(np.asarray(x)[partial], spread.mean[partial], "o", label="Hollow: fewer seeds", **hollow)
    return ax


def accuracy_by_index(
    ax: "Axes",
    index: ArrayLike,
    network: ArrayLike | Spread | None = None,
    linearized: ArrayLike | Spread | None = None,
    *,
    linearized_index: ArrayLike | None = None,
    baseline: float | None = None,
    majority: ArrayLike | None = None,
    baseline_label: str = LABELS["baseline"],
    majority_label: str = LABELS["chance"],
) -> "Axes":
    """Accuracy on each eigenfunction (or along each direction) against its index: network, linearization, levels.

    Source: Ortiz-Jimenez et al. 2021, Figures 2, 4, 11 and 12.

    Args:
        ax: the axes.
        index: 1-based (m,).
        network: accuracies between 0 and 1, of one run (m,), of several (seeds, m), or their `Spread`; nan where a
            training diverged; None: not drawn.
        linearized: the same of the linearization, at `linearized_index` where this is given.
        linearized_index: all indices (M,) that the linearization is trained on, `index` among them: these have a line,
            the others dots.
        baseline: a level to compare with, such as the network's accuracy on the classes.
        majority: share of the larger class, one number or at each index (m,).
        baseline_label: for the legend.
        majority_label: for the legend.

    Returns:
        The axes.

    Raises:
        UserError: arrays of other shapes, indices that are not finite, `index` not among `linearized_index`.
    """
    index = checked_array(index, "index", ("m",))
    if linearized is not None:
        every = index if linearized_index is None else checked_array(linearized_index, "linearized_index", ("M",))
        spread = _spread(linearized, len(every), "linearized")
        color = COLORS["linearized"]
        if linearized_index is not None:
            if not np.isin(index, every).all():
                missing = index[~np.isin(index, every)][0]
                raise UserError(f"linearized_index has no {missing:g}, which index has: give the accuracies there, too")
            ax.plot(every, spread.mean, ".", ms=3, mew=0, alpha=0.5, color=color, zorder=2, label="_all")
            band(ax, every, spread, color)
            order = np.argsort(every)
            spread = spread.at(order[np.searchsorted(every[order], index)])
        _model(ax, index, spread, "linearized", zorder=2.5, banded=linearized_index is None)
    if network is not None:
        _model(ax, index, _spread(network, len(index), "network"), "network", zorder=3)
    if baseline is not None:
        level = float(checked_array(baseline, "baseline", ()))
        ax.axhline(level, ls="--", lw=1.2, color=COLORS["baseline"], label=baseline_label)
    if majority is not None:
        levels = np.broadcast_to(checked_array(majority, "majority", (), (len(index),)), index.shape)
        ax.plot(index, levels, ":", lw=1.0, color=COLORS["chance"], label=majority_label, zorder=1)
    ax.set_xlabel("Eigenfunction index")
    return percent_axis(integer_axis(ax))


def _model(ax: "Axes", x: np.ndarray, spread: Spread, model: str, zorder: float, banded: bool = True) -> None:
    line = MARKERS[model] + LINES[model]
    ax.plot(x, spread.mean, line, color=COLORS[model], label=LABELS[model], zorder=zorder)
    if banded:
        band(ax, x, spread, COLORS[model])
    mark_partial(ax, x, spread, COLORS[model])


def by_epoch(
    ax: "Axes",
    epochs: ArrayLike,
    values: ArrayLike | Spread,
    *,
    model: str = "network",
    label: str = "",
    share: bool = False,
) -> "Axes":
    """A property of the kernel through training, such as its alignment with the labels, against the epoch.

    Source: Ortiz-Jimenez et al. 2021, Figures 6 and 9.

    Args:
        ax: the axes.
        epochs: when it was measured (m,), 0 before training.
        values: of one run (m,), of several (seeds, m), or their `Spread`.
        model: whose it is, a name in `COLORS`, which gives colour and marker.
        label: for the legend, "" for none.
        share: label the values as per cent.

    Returns:
        The axes.

    Raises:
        UserError: an unknown model, arrays of other shapes, epochs that are not finite.
    """
    color = model_color(model)
    curve(ax, epochs, values, color=color, line=MARKERS.get(model, "o") + LINES.get(model, "-"), label=label)
    ax.set_xlabel("Epoch")
    epoch_axis(ax, epochs)
    return percent_axis(ax) if share else ax


def predictive_band(
    ax: "Axes",
    x: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    model: str = "ntk_gp",
    label: str = "",
    deviations: float = 2.0,
    filled: bool = True,
) -> "Axes":
    """The mean of predictions and a band of standard deviations on both sides, over inputs or over time.

    The band is outlined, so that bands that coincide show.

    Source: Lee et al. 2019, Figure 2.

    Args:
        ax: the axes.
        x: positions (m,), in any order.
        mean: (m,), nan where there is none.
        std: standard deviations (m,), 0 or more, or nan.
        model: whose predictions, a name in `COLORS`, which gives colour and line.
        label: of the mean, for the legend; "" for the model's name.
        deviations: how many standard deviations the band has on each side.
        filled: fill the band, or draw its dotted outline alone, as of an ensemble over a process.

    Returns:
        The axes.

    Raises:
        UserError: an unknown model, arrays of other shapes, positions that are not finite, negative deviations.
    """
    color, line = model_color(model), LINES.get(model, "-")
    check_positive(deviations=deviations)
    x = checked_array(x, "x", ("m",))
    mean, std = (_numbers(values, name, (len(x),)) for values, name in ((mean, "mean"), (std, "std")))
    if (std < 0).any():
        raise UserError(f"std has the entry {std[std < 0][0]:g}: standard deviations are 0 or more")
    order = np.argsort(x)
    x, mean, std = x[order], mean[order], deviations * std[order]
    of = f"{label or LABELS[model]}, mean ± {deviations:g}σ"
    if filled:
        ax.fill_between(x, mean - std, mean + std, color=color, alpha=0.22, lw=0)
    for side in (mean - std, mean + std):
        ax.plot(x, side, line if filled else ":", color=color, lw=0.8 if filled else 1.4, label="_outline")
    ax.plot(x, mean, line, color=color, lw=1.6, label=of)
    return ax


def spectrum(
    ax: "Axes",
    values: ArrayLike,
    *,
    label: str = "",
    color: Any = COLORS["network"],
    line: str = "-",
    log_index: bool = True,
    **looks: Any,
) -> "Axes":
    """Eigenvalues, singular values or alignments against their index 1, 2, 3 ..., on a logarithmic scale.

    Values of 0 and below, those of null directions and of rounding, are left out: a logarithm cannot show them.

    Source: Samarin et al. 2022, Figures 7 and A3; Ortiz-Jimenez et al. 2021, Figures 4, 7, 15 and 16.

    Args:
        ax: the axes.
        values: (n,), in the order of the index.
        label: for the legend, "" for none.
        color: a Matplotlib colour.
        line: marker and line, as in `Axes.plot`.
        log_index: a logarithmic index, too.
        **looks: of `Axes.plot`.

    Returns:
        The axes.

    Raises:
        UserError: values of another shape, that are not finite, or none above 0.
    """
    values = checked_array(values, "values", ("n",))
    shown = values > 0
    if not shown.any():
        raise UserError("no value is above 0, so that a logarithmic scale shows none: give eigenvalues above 0")
    index = np.arange(1, len(values) + 1)
    ax.plot(index[shown], values[shown], line, color=color, label=label or None, **looks)
    ax.set_yscale("log")
    if log_index:
        ax.set_xscale("log")
    ax.set_xlabel("Index")
    return ax


def _spread(values: ArrayLike | Spread, m: int, name: str) -> Spread:
    if isinstance(values, Spread):
        check_shape(values.mean, name, (m,))
        return values
    values = _numbers(values, name, (m,), ("seeds", m))
    return spread_of(values if values.ndim == 2 else values[None])


def _numbers(values: ArrayLike, name: str, *shapes: tuple[int | str, ...]) -> np.ndarray:
    """Real numbers of one of these shapes, nan among them."""
    values = as_array(values, name)
    check_real(values, name)
    check_shape(values, name, *shapes)
    return values.astype(float, copy=False)
