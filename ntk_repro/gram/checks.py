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


def check_eigenpair_count(k: int, n: int) -> None:
    """Refuses to look for more eigenpairs than a matrix has, or for none.

    Args:
        k: how many are asked for.
        n: rows of the matrix: its samples, or samples times outputs.

    Raises:
        UserError: says how many there are.
    """
    if k > n:
        raise UserError(f"{k:,} eigenfunctions need at least {k:,} samples, not {n:,}: ask for 1 to {n:,}")
    if k < 1:
        raise UserError(f"the number of eigenfunctions must be at least 1, not {k}: ask for 1 to {n:,}")
