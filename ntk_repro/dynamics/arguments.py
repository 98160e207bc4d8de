"""Checks of the arguments that training dynamics and posteriors share: each rule once, with one message."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array
from ntk_repro.ranges import check_positive

__all__ = ["checked_start", "checked_steps", "checked_times"]


def checked_start(fx_0: Any, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> np.ndarray:
    """Outputs at the start: one number, one for each sample, or all of them; not broadcast.

    Raises:
        UserError: for another shape, and entries that are not finite.
    """
    return checked_array(fx_0, name, (), (*shape[:-1], 1), shape, dtype=dtype)


def checked_times(t: Any) -> np.ndarray:
    """Times in float64; None is infinity.

    Raises:
        UserError: times below 0 or not numbers.
    """
    times = np.array(np.inf if t is None else t, dtype=np.float64)
    if np.any(np.isnan(times)) or np.any(times < 0):
        raise UserError("times must be numbers that are not negative, infinity (or None) for the limit")
    return times


def checked_steps(steps: Any, learning_rate: float, *, whole: bool = True) -> np.ndarray:
    """Numbers of steps in float64; None is infinity.

    Args:
        steps: the numbers.
        learning_rate: of these steps.
        whole: whether fractions are refused.

    Raises:
        UserError: negative or fractional steps, and a learning rate that is not finite and positive.
    """
    numbers = checked_times(steps)
    if whole and np.any(np.isfinite(numbers) & (numbers != np.floor(numbers))):
        raise UserError("gradient descent takes whole steps; for times in between take the flow, `outputs`")
    check_positive(learning_rate=learning_rate)
    return numbers
