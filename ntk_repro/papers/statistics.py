"""What can be read off few numbers: ranks, power laws, intervals over seeds, and what an accuracy can tell."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool

__all__ = [
    "Interval",
    "Lead",
    "Number",
    "PowerLaw",
    "ahead_until_crossing",
    "difference",
    "left_the_majority",
    "margin",
    "monotone",
    "number",
    "power_law_fit",
    "spearman",
    "standard_error",
    "student_interval",
]

Number = float | None
"""A number as JSON has it: None where there is none."""

_ROUNDING = 1e-9  # a correlation of exactly the bound must not fail by its last digit
_ERRORS_OF_A_DIFFERENCE = 2.0
_ERRORS_OF_CHANCE = 3.0


def number(value: Number) -> float:
    """The number, nan where there is none."""
    return math.nan if value is None else float(value)


def difference(first: Number, second: Number) -> Number:
    """The first less the second, None where one is missing."""
    return None if first is None or second is None else first - second


def spearman(x: Sequence[float], y: Sequence[Number], missing: Literal["drop", "last"] = "drop") -> float:
    """Spearman's rank correlation; nan where y is constant or fewer than three points are left.

    Args:
        x: positions.
        y: values; None and nan are missing.
        missing: "drop" leaves out the points without a value; "last" ranks them above every number, for values that
            are missing because they lie beyond what was looked at (a loss that was never reached).
    """
    from scipy.stats import rankdata

    values = np.array(y, float)
    there = ~np.isnan(values)
    if missing == "last":
        values, there = np.where(there, values, np.inf), np.full(len(values), True)
    rank_x, rank_y = rankdata(np.asarray(x, float)[there]), rankdata(values[there])
    # Two points always correlate perfectly.
    if len(rank_y) < 3 or np.ptp(rank_x) == 0 or np.ptp(rank_y) == 0:
        return math.nan
    return float(np.corrcoef(rank_x, rank_y)[0, 1])


def monotone(rho: float, sign: int, bound: float = 0.8) -> bool:
    """Whether a rank correlation says that something grows (sign +1) or falls (sign -1)."""
    return sign * rho >= bound - _ROUNDING


class PowerLaw(NamedTuple):
    """A straight line through logarithms, y = prefactor * x^exponent.

    Attributes:
        exponent: the slope; nan where fewer than three values of x are left.
        low: lower end of its 95 % confidence interval.
        high: upper end.
        prefactor: y at x = 1.
    """

    exponent: float
    low: float
    high: float
    prefactor: float


def power_law_fit(
    x: Sequence[float] | np.ndarray, y: np.ndarray | Sequence[Number] | Sequence[Sequence[Number]]
) -> PowerLaw:
    """Least squares of log y on log x, with Student's confidence interval of the slope.

    Args:
        x: positions (points,), above 0.
        y: values (points,), or (seeds, points): then the interval is that of the mean of the seeds' own slopes, as the
            points of one seed are not independent. None, nan and values that are not above 0 are left out.
    """
    from scipy.stats import linregress, t

    rows = np.atleast_2d(np.array(y, float))
    positions = np.log(np.asarray(x, float))
    fits, spread = [], math.nan
    for row in rows:
        there = np.isfinite(row) & (np.nan_to_num(row) > 0)
        if len(np.unique(positions[there])) < 3:
            continue
        fit: Any = linregress(positions[there], np.log(row[there]))
        fits.append((fit.slope, fit.intercept))
        spread = fit.stderr * t.ppf(0.975, there.sum() - 2)
    if not fits:
        return PowerLaw(math.nan, math.nan, math.nan, math.nan)
    slopes, intercepts = np.transpose(fits)
    slope, low, high, seeds = student_interval(slopes)
    if seeds == 1:
        low, high = slope - float(spread), slope + float(spread)
    return PowerLaw(slope, low, high, math.exp(intercepts.mean()))


class Lead(NamedTuple):
    """How far one curve is ahead of another.

    Attributes:
        below: share of the indices below the crossing (of all where there is none) at which it is ahead.
        crossing: where the straight lines between the points meet after which it is never ahead again; the first
            index where it is never ahead, None where it is ahead at the last index.
        share: share of all indices at which it is ahead; nan where no index has both values.
        compared: number of indices that have both values; the others are left out of everything.
    """

    below: float
    crossing: float | None
    share: float
    compared: int


def ahead_until_crossing(index: Sequence[float], first: Sequence[Number], second: Sequence[Number]) -> Lead:
    """How far the first curve is ahead of the second; points where one of them is missing (None, nan) are left out."""
    at, lead = np.asarray(index, float), np.array(first, float) - np.array(second, float)
    at, lead = at[~np.isnan(lead)], lead[~np.isnan(lead)]
    if not len(lead):
        return Lead(math.nan, None, math.nan, 0)
    order = np.argsort(at)
    at, lead = at[order], lead[order]
    ahead = lead > 0
    share, compared = float(ahead.mean()), len(at)
    if not ahead.any():
        return Lead(0.0, float(at[0]), share, compared)
    last = int(np.flatnonzero(ahead)[-1])
    if last == len(at) - 1:
        return Lead(share, None, share, compared)
    crossing = float(np.interp(0, -lead[last : last + 2], at[last : last + 2]))
    return Lead(float(ahead[: last + 1].mean()), crossing, share, compared)


class Interval(NamedTuple):
    """A mean with Student's 95 % confidence interval.

    Attributes:
        mean: nan where there is no value.
        low: lower end; nan for fewer than two values, which show no spread.
        high: upper end.
        seeds: how many values it is made from.
    """

    mean: float
    low: float
    high: float
    seeds: int

    def decides(self, holds: bool, limit: float = 0.0) -> bool | None:
        """What the mean says of a limit; None where the interval contains it, so that these seeds do not decide."""
        return None if self.low <= limit <= self.high else holds


def student_interval(values: Sequence[Number] | np.ndarray) -> Interval:
    """The mean of values of independent seeds and its 95 % confidence interval; None and nan are left out.

    >>> student_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    from scipy.stats import t

    there = np.array(values, float)
    there = there[np.isfinite(there)]
    if not len(there):
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(there.mean())
    if len(there) == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(there.std(ddof=1) / math.sqrt(len(there)) * t.ppf(0.975, len(there) - 1))
    return Interval(mean, mean - half, mean + half, len(there))


def standard_error(first: float, second: float, samples: int) -> float:
    """Of the difference of two accuracies, each on so many samples, as of independent ones.

    On the same samples it is rather less, so that what is above a multiple of it is no noise.
    """
    return math.sqrt(sum(max(share * (1 - share), 0.0) for share in (first, second)) / samples)


def margin(first: float, second: float, samples: int) -> float:
    """Two standard errors of the difference of two accuracies, each on so many samples.

    >>> round(margin(0.5, 0.5, 200), 3)
    0.1
    """
    return _ERRORS_OF_A_DIFFERENCE * standard_error(first, second, samples)


def left_the_majority(
    train_accuracy: Sequence[Number], majority_rate: float, samples: int | Sequence[int]
) -> Bool[np.ndarray, " points"]:
    """Where a model fits its training samples better than the more frequent label does, by three standard errors.

    Where it does not, it has hardly been trained, and what it can learn is not to be seen from its accuracy.

    Args:
        train_accuracy: of the model, on its training samples; what is missing has not left.
        majority_rate: share of the more frequent label.
        samples: how many training samples, of all points or of each.
    """
    return np.array(train_accuracy, float) > majority_rate + _ERRORS_OF_CHANCE * 0.5 / np.sqrt(
        np.asarray(samples, float)
    )
