"""Checks of the arguments that training dynamics and posteriors share: each rule once, with one message."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ntk_repro.errors import UserError

__all__ = ["check_square", "checked_array", "checked_start", "checked_steps", "checked_times"]


def checked_array(
    array: Any, name: str, *shapes: tuple[int | str, ...], dtype: DTypeLike | None = np.float64
) -> np.ndarray:
    """An array of one of the given shapes with finite entries; a letter stands for any length above 0.

    Raises:
        UserError: for another shape, and entries that are not finite.

    >>> checked_array([1, 2], "y_train", ("n",), ("n", "k"))
    array([1., 2.])
    """
    array = np.asarray(array, dtype=dtype)
    if not any(_fits(array.shape, shape) for shape in shapes):
        known = " or ".join(str(shape).replace("'", "") for shape in shapes if shape)
        number = "one number or " if () in shapes else ""
        raise UserError(f"{name} must be {number}of shape {known}, not {array.shape}")
    if not np.all(np.isfinite(array)):
        raise UserError(f"{name} has entries that are not finite; look for NaN in the data or the parameters")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...]) -> bool:
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a == b if isinstance(b, int) else a > 0 for a, b in pairs)


def checked_start(fx_0: Any, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> np.ndarray:
    """Outputs at the start: one number, one for each sample, or all of them; not broadcast.

    Raises:
        UserError: for another shape, and entries that are not finite.
    """
    return checked_array(fx_0, name, (), (*shape[:-1], 1), shape, dtype=dtype)


def check_square(kernel: np.ndarray, name: str = "k_train_train") -> None:
    """Refuses a kernel on the training samples that is not a square matrix.

    Raises:
        UserError: for another shape, and a matrix without entries.
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
        raise UserError(f"{name} must be a square matrix, not of shape {kernel.shape}")


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
    if np.ndim(learning_rate) or not (np.isfinite(learning_rate) and learning_rate > 0):
        raise UserError(f"the learning rate must be one finite number above 0, not {learning_rate}")
    return numbers
