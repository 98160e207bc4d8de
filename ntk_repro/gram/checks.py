"""Checks of arrays and of numbers of eigenpairs: each rule once, with one message."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ntk_repro.errors import UserError
from ntk_repro.ranges import check_whole


def check_finite(array: Any, name: str) -> None:
    """Refuses NaN and infinity.

    Raises:
        UserError: names the array.
    """
    if not np.all(np.isfinite(array)):
        raise UserError(f"{name} has entries that are not finite; look for NaN in the data or the parameters")


def check_real(array: np.ndarray, name: str) -> None:
    """Refuses complex numbers, texts and objects.

    Raises:
        UserError: names the array.
    """
    if array.dtype.kind in "cSUOmM":
        held = "None or other objects" if array.dtype == object else array.dtype
        raise UserError(f"{name} must hold real numbers, not {held}: give an array of floats or ints")


def as_array(array: Any, name: str) -> np.ndarray:
    """What NumPy makes an array of.

    Raises:
        UserError: for lists of different lengths.
    """
    try:
        return np.asarray(array)
    except ValueError as error:
        raise UserError(f"{name} is a list of lists of different lengths: give lists of one length") from error


def check_no_overflow(result: Any, name: str) -> None:
    """Refuses a result that is not finite although its inputs were.

    Raises:
        UserError: names the result.
    """
    if not np.all(np.isfinite(result)):
        raise UserError(f"{name} is not finite: the network overflows on these inputs, or its parameters are broken")


def check_shape(array: Any, name: str, *shapes: tuple[int | str, ...]) -> None:
    """Refuses an array of another shape than those given; a letter stands for any length above 0.

    Raises:
        UserError: names the array and the shapes that it may have.
    """
    shape = np.shape(array)
    if not any(_fits(shape, wanted) for wanted in shapes):
        known = " or ".join(str(wanted).replace("'", "") for wanted in shapes if wanted)
        number = "one number or " if () in shapes else ""
        raise UserError(f"{name} must be {number}of shape {known}, not {shape}")


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...]) -> bool:
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a == b if isinstance(b, int) else a > 0 for a, b in pairs)


def checked_array(
    array: Any, name: str, *shapes: tuple[int | str, ...], dtype: DTypeLike | None = np.float64
) -> np.ndarray:
    """An array of one of the given shapes with finite entries; a letter stands for any length above 0.

    Raises:
        UserError: for another shape, and entries that are not finite.

    >>> checked_array([1, 2], "y_train", ("n",), ("n", "k"))
    array([1., 2.])
    """
    array = as_array(array, name)
    check_real(array, name)
    array = array if dtype is None else array.astype(dtype, copy=False)
    check_shape(array, name, *shapes)
    check_finite(array, name)
    return array


def check_eigenpair_count(k: int, n: int, option: str = "") -> int:
    """Refuses to look for more eigenpairs than a matrix has, or for none; returns their number as an int.

    Args:
        k: how many are asked for.
        n: rows of the matrix: its samples, or samples times outputs.
        option: of the command line, by which they are asked for.

    Raises:
        UserError: says how many there are.
    """
    k = check_whole("the number of eigenpairs", k, None)
    if 1 <= k <= n:
        return k
    too_many = f"{k:,} eigenfunctions need at least {k:,} samples, not {n:,}"
    problem = too_many if k > n else f"{k} is not a number of eigenfunctions"
    raise UserError(f"{problem}: ask for 1 to {n:,}{option and f' with {option}'}")
