"""Confidence intervals over seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Interval", "student_interval"]


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


def student_interval(values: Sequence[float | None] | np.ndarray) -> Interval:
    """The mean of values of independent seeds and its 95 % confidence interval; None and nan are left out.

    >>> student_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    from scipy.stats import t

    there = np.array([value for value in values if value is not None and math.isfinite(value)], float)
    if not len(there):
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(there.mean())
    if len(there) == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(there.std(ddof=1) / math.sqrt(len(there)) * t.ppf(0.975, len(there) - 1))
    return Interval(mean, mean - half, mean + half, len(there))
