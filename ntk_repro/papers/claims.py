"""What a paper says about a figure, as predicates on the numbers that were plotted."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Claim", "Verdict", "ahead_until_crossing", "evaluate", "spearman"]


@dataclass(frozen=True)
class Verdict:
    """What one claim came to on one subject.

    Attributes:
        subject: what the claim was tested on, such as the name of a network.
        holds: whether the predicate is true of our numbers.
        number: the number it was decided by (nan where our numbers do not determine one).
        meaning: what that number is.
        paper: the number that the paper prints for it, None where it prints none.
        note: anything a reader needs beside the number.
    """

    subject: str
    holds: bool
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

    A claim that fails is a finding and raises nothing.
    """
    rows = []
    for claim in claims:
        for verdict in claim.predicate(numbers):
            row = {"statement": claim.statement, **asdict(verdict)}
            row["holds"] = bool(verdict.holds)
            row["number"] = float(verdict.number) if math.isfinite(verdict.number) else None
            rows.append(row)
    return rows


def spearman(x: Sequence[float], y: Sequence[float | None]) -> float:
    """Spearman's rank correlation; a missing y (None or nan) ranks above every number. Nan where y is constant."""
    from scipy.stats import rankdata

    filled = np.array([np.inf if value is None or math.isnan(value) else value for value in y], float)
    rank_x, rank_y = rankdata(x), rankdata(filled)
    if len(filled) < 2 or np.ptp(rank_x) == 0 or np.ptp(rank_y) == 0:
        return math.nan
    return float(np.corrcoef(rank_x, rank_y)[0, 1])


def ahead_until_crossing(
    index: Sequence[float], first: Sequence[float], second: Sequence[float]
) -> tuple[float, float | None]:
    """How far the first curve is ahead of the second.

    Returns:
        The share of indices below the crossing at which `first` exceeds `second`, and the crossing: where the straight
        lines between the points meet after which `second` is never behind again. It is None where `first` is ahead at
        the last index; where it is never ahead, the crossing is the first index and the share 0.
    """
    order = np.argsort(index)
    at, lead = np.asarray(index, float)[order], (np.asarray(first, float) - np.asarray(second, float))[order]
    ahead = lead > 0
    if not ahead.any():
        return 0.0, float(at[0])
    last = int(np.flatnonzero(ahead)[-1])
    share = float(ahead[: last + 1].mean())
    if last == len(at) - 1:
        return share, None
    return share, float(np.interp(0, -lead[last : last + 2], at[last : last + 2]))
