"""The kernels that posteriors are made from, checked, and the train kernel's eigenpairs without its null space."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.spectral import decompose
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import check_cross_kernel, check_finite

__all__ = ["Eigenspace", "block", "eigenspace", "targets"]


class Eigenspace(NamedTuple):
    """Eigenpairs of a train kernel; directions in which it is 0 up to rounding are left out.

    Attributes:
        values: (r,), all above 0.
        vectors: (n, r).
    """

    values: Float[np.ndarray, " r"]
    vectors: Float[np.ndarray, "n r"]


def block(array: Float[np.ndarray, "rows columns"], name: str, rows: int, columns: int) -> np.ndarray:
    """A block of a kernel in float64.

    Raises:
        UserError: it has another shape, or entries that are not finite.
    """
    array = np.asarray(array)
    check_cross_kernel(array, name, columns, rows)
    check_finite(array, name)
    return array.astype(np.float64)


def targets(y_train: Float[np.ndarray, "n k"], n: int) -> Float[np.ndarray, "n k"]:
    """Targets (n, k) in float64; (n,) is one output.

    Raises:
        UserError: for another shape, or entries that are not finite.
    """
    y = np.asarray(y_train, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or len(y) != n or not np.all(np.isfinite(y)):
        raise UserError(f"y_train must be ({n}, k) finite numbers, one row a training sample, not {y.shape}")
    return y


def eigenspace(kernel: Float[np.ndarray, "n n"]) -> Eigenspace:
    """The eigenpairs above the null space, by the rule of `mse_dynamics` (which depends on the kernel's type).

    Raises:
        UserError: the kernel is not symmetric.
    """
    found = decompose(kernel)
    keep = found.values > 0
    return Eigenspace(found.values[keep], found.vectors[:, keep])
