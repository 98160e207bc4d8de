"""What rounding allows: the smallest ridge of a kernel's type, and pivots that are positive beyond it."""

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.ranges import check_not_negative

_EPS = float(np.finfo(np.float64).eps)
# Rounding to float32 makes a kernel indefinite. Where it is singular in float64 (LeNet x0.1 and an MLP x0.02 of 1,400
# and 1,600 parameters, 1,000 and 2,000 images of MNIST), the lowest eigenvalue in float32 is -0.04 to -0.54 times
# eps sqrt(n) max K_ii. (The whole difference to float64 may be 100 times as large: a ReLU that rounding turns changes
# the gradients of a sample. But the kernel of other gradients is positive semi-definite too.)
_SINGLE = 2.0


class NotPositiveDefiniteError(UserError):
    """K + ridge I has no Cholesky factor in float64."""


def check_ridge(ridge: float, diagonal: Float[np.ndarray, " n"], eps: float, n: int | None = None) -> None:
    """Refuses a ridge that is negative, or below the rounding of a kernel in less than float64.

    Args:
        ridge: to be added to the eigenvalues.
        diagonal: of the kernel, or a part of it.
        eps: relative rounding of its entries' type.
        n: rows of the kernel; None for as many as the diagonal has.

    Raises:
        UserError: names the ridge or the precision that works.
    """
    check_not_negative(ridge=ridge)
    n = len(diagonal) if n is None else n
    floor = _SINGLE * eps * np.sqrt(n) * float(diagonal.max())
    if eps > _EPS and ridge < floor:
        raise UserError(
            f"ridge={ridge:g} is below the rounding of a float32 kernel of {n:,} rows, {floor:.2g}: take "
            f'ridge={_at_least(floor)} or above, or compute the kernel with precision="float64"'
        )


def smallest_ridge(diagonal: Float[np.ndarray, " n"]) -> float:
    """A ridge with which a positive semi-definite kernel has a factor in float64, n eps tr K; rarely is it less."""
    return len(diagonal) * _EPS * float(diagonal.sum())


def check_pivots(
    pivots: Float[np.ndarray, " b"], first: int, diagonal: Float[np.ndarray, " n"], ridge: float = 0.0
) -> None:
    """Refuses pivots that are not positive, or so small that rounding may have made them so.

    Args:
        pivots: in turn; behind the first that is not positive they may be anything.
        first: number of the first of them.
        diagonal: of the kernel.
        ridge: that was added to it.

    Raises:
        NotPositiveDefiniteError: names the ridge that works, or how to find it.
    """
    n, smallest = len(diagonal), smallest_ridge(diagonal)
    # The error of a pivot is at most about n eps K_ii: Higham 2002, Accuracy and stability of numerical algorithms,
    # Theorem 10.3.
    limits = n * _EPS * (np.abs(diagonal[first : first + len(pivots)]) + ridge)
    bad = ~(pivots > limits)
    if not bad.any():
        return
    at = int(np.argmax(bad))
    state = f"pivot {first + at + 1:,} of {n:,} is not positive beyond rounding"
    if ridge < smallest:
        remedy = f"take ridge={_at_least(smallest)} or above, which every positive semi-definite kernel allows"
    else:
        remedy = "the matrix is no kernel: take a ridge above -np.linalg.eigvalsh(gram)[0]"
    what = f"K + ridge I with ridge={ridge:g} has no Cholesky factor in float64"
    raise NotPositiveDefiniteError(f"{what}, {state}: {remedy}")


def _at_least(value: float) -> str:
    """A number of two digits that is not below the value."""
    return f"{1.05 * value:.2g}"
