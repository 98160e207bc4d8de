"""What a paper says about a figure, as predicates on the numbers that were plotted."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = [
    "Claim",
    "Lead",
    "PowerLaw",
    "Verdict",
    "ahead_until_crossing",
    "evaluate",
    "monotone",
    "power_law_fit",
    "spearman",
]

Number = float | None

_ROUNDING = 1e-9  # a correlation of exactly the bound must not fail by its last digit


@dataclass(frozen=True)
class Verdict:
    """What one claim came to on one subject.

    Attributes:
        subject: what the claim was tested on, such as the name of a network.
        holds: whether the predicate is true of our numbers; None where they cannot decide it, as where a run departs
            from what the paper did in something that moves the number.
        number: the number it was decided by, or would be (nan where our numbers do not determine one).
        meaning: what that number is.
        paper: the number that the paper prints for it, None where it prints none.
        note: anything a reader needs beside the number.
    """

    subject: str
    holds: bool | None
    number: float
    meaning: str
    paper: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper and the predicate that decides it, subject by subject, from the plotted numbers."""

    statement: str
    predicate: Callable[[Mapping[str, Any]], Iterable[Verdict]]


def evaluate(claims: Iterable[Claim], numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every claim's verdicts on the plotted numbers, one JSON-able dict each (statement and fields of `Verdict`).

    A claim that fails is a finding and raises nothing. One that is undetermined neither holds nor fails: its `holds` is
    None, and so is its `number` where there is none.
    """
    rows = []
    for claim in claims:
        for verdict in claim.predicate(numbers):
            row = {"statement": claim.statement, **asdict(verdict)}
            determined = math.isfinite(verdict.number)
            row["holds"] = bool(verdict.holds) if determined and verdict.holds is not None else None
            row["number"] = float(verdict.number) if determined else None
            rows.append(row)
    return rows


def spearman(x: Sequence[float], y: Sequence[Number], missing: Literal["drop", "last"] = "drop") -> float:
    """Spearman's rank correlation; nan where y is constant or fewer than three points are left.

    Args:
        x: positions.
        y: values; None and nan are missing.
        missing: "drop" leaves out the points without a value; "last" ranks them above every number, for values that
            are missing because they lie beyond what was looked at (a loss that was never reached).
    """
    from scipy.stats import rankdata

    values, there = _values(y)
    if missing == "last":
        values, there = np.where(there, values, np.inf), np.ones(len(values), bool)
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

    rows = [_values(row)[0] for row in (y if np.ndim(y) == 2 else [y])]  # type: ignore[list-item]
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
    slope, intercept = np.mean(fits, axis=0)
    if len(fits) > 1:
        spread = np.std([f[0] for f in fits], ddof=1) / math.sqrt(len(fits)) * t.ppf(0.975, len(fits) - 1)
    return PowerLaw(float(slope), float(slope - spread), float(slope + spread), math.exp(intercept))


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
    (one, one_there), (two, two_there) = _values(first), _values(second)
    at, there = np.asarray(index, float), one_there & two_there
    if not there.any():
        return Lead(math.nan, None, math.nan, 0)
    at, lead = at[there], (one - two)[there]
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


def _values(y: Sequence[Number]) -> tuple[np.ndarray, np.ndarray]:
    """The values as floats, nan where one is missing, and where there is one."""
    values = np.array([math.nan if value is None else value for value in y], float)
    return values, ~np.isnan(values)
