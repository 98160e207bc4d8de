"""What is asked of kernels and of eigenpairs in more than one place, each with its one message."""

from typing import Any

import numpy as np

from ntk_repro.errors import UserError

__all__ = ["check_cross_kernel", "check_eigenpair_count", "check_finite"]


def check_finite(array: Any, name: str) -> None:
    """Refuses NaN and infinity.

    Raises:
        UserError: names the array.
    """
    if not np.all(np.isfinite(array)):
        raise UserError(f"{name} has entries that are not finite; look for NaN in the data or the parameters")


def check_cross_kernel(kernel: Any, name: str, columns: int, rows: int | None = None) -> None:
    """Refuses a kernel between two sets of samples that is not of shape (rows, columns); None for any number of rows.

    Raises:
        UserError: names the kernel and the shape that it should have.
    """
    shape = np.shape(kernel)
    if len(shape) != 2 or shape[1] != columns or rows not in (None, shape[0]):
        expected = f"({'m' if rows is None else rows}, {columns})"
        raise UserError(f"{name} must be of shape {expected}, not {shape}: rows and columns are samples")


def check_eigenpair_count(k: int, n: int, option: str = "") -> None:
    """Refuses to look for more eigenpairs than a matrix has, or for none.

    Args:
        k: how many are asked for.
        n: rows of the matrix: its samples, or samples times outputs.
        option: of the command line, by which they are asked for.

    Raises:
        UserError: says how many there are.
    """
    if 1 <= k <= n:
        return
    problem = (
        f"{k:,} eigenfunctions need at least {k:,} samples, not {n:,}" if k > n else f"{k} eigenfunctions are none"
    )
    raise UserError(f"{problem}: ask for 1 to {n:,}{option and f' with {option}'}")
