"""How a formula is measured: by a number and an interval that contains it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Measured = Float[np.ndarray, "3"]
"""A number, and the ends of its 95% interval, which are the number itself where nothing is random."""

Values = Float[np.ndarray, "..."]


def exact(value: float) -> Measured:
    """A number without noise."""
    return np.full(3, float(value))


def residual(computed: Values, expected: Values) -> Measured:
    """The largest difference, as a share of the largest expected number."""
    computed, expected = np.asarray(computed, np.float64), np.asarray(expected, np.float64)
    return exact(np.abs(computed - expected).max() / np.abs(expected).max())


def worst(found: Sequence[Measured]) -> Measured:
    """The largest of several numbers."""
    return max(found, key=lambda measured: measured[0])


def furthest(values: Values, errors: Values) -> Measured:
    """The value furthest from 0, with two of its standard errors to both sides."""
    values, errors = np.ravel(values), np.ravel(errors)
    at = int(np.argmax(np.abs(values)))
    return values[at] + np.array([0.0, -2.0, 2.0]) * errors[at]


def share_above(count: int, total: int, bound: float) -> Measured:
    """How far the share of successes is above a bound, with its exact (Clopper-Pearson) interval."""
    from scipy.stats import binomtest

    ends = binomtest(count, total).proportion_ci(0.95)
    return np.array([count / total, ends.low, ends.high]) - bound


def slope(x: Values, y: Values) -> Measured:
    """The exponent of y in x between the last two points, of numbers without noise."""
    return exact(math.log(y[-1] / y[-2]) / math.log(x[-1] / x[-2]))
