"""Learning rates and times: the critical rate of a kernel, and the papers' and neural-tangents' times in ours."""

from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum import Eigenpairs, top_eigenpairs
from ntk_repro.gram.store import GramStore
from ntk_repro.ranges import check_not_negative


def stability_limit(curvature: float, momentum: float = 0.0) -> float:
    """2 (1 + momentum) / curvature: at and above it gradient descent on a quadratic does not converge.

    Infinite where the curvature is 0.
    """
    return 2 * (1 + momentum) / curvature if curvature > 0 else np.inf


def eta_critical(kernel: Float[np.ndarray, "n n"] | GramStore | Eigenpairs) -> float:
    """2 / (lambda_min + lambda_max), below which the paper's theorem on gradient descent holds.

    In units of the summed loss 1/2 sum (f - y)^2; for the loss averaged over n k targets multiply by n k. Of a kernel
    in a store, and of truncated eigenpairs, lambda_min is taken as 0 (a relative error of at most
    lambda_min / lambda_max). Infinite for a kernel that is 0.

    Source: Lee et al. 2019, section 2.4 (Theorem 2.1).

    Raises:
        UserError: for a matrix that is not square, symmetric and finite.

    >>> eta_critical(np.diag([1.0, 3.0]))
    0.5
    """
    return stability_limit(sum(_extremes(kernel)))


def max_learning_rate(kernel: Float[np.ndarray, "n n"] | GramStore | Eigenpairs, momentum: float = 0.0) -> float:
    """2 (1 + momentum) / lambda_max: at and above it full-batch gradient descent on the summed loss does not converge.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, and a momentum outside [0, 1).

    >>> max_learning_rate(np.diag([1.0, 4.0]), momentum=0.5)
    0.75
    """
    check_momentum(momentum)
    return stability_limit(_extremes(kernel)[1], momentum)


def check_momentum(momentum: float) -> None:
    """Checks that the momentum is in [0, 1), so that the heavy ball comes to rest.

    Raises:
        UserError: it is not.
    """
    check_not_negative(momentum=momentum)
    if momentum >= 1:
        raise UserError(f"momentum must be at least 0 and below 1, not {momentum}")


def averaged_loss_time(steps: ArrayLike, learning_rate: float, num_targets: int) -> Any:
    """The time t after steps on the *averaged* loss, 1/2 mean over n k targets: learning_rate steps / (n k).

    Our times belong to the summed loss (Lee et al., footnote 6); the figures' learning rates to the averaged one. For
    cross-entropy, averaged over the n samples, `num_targets` is n.
    """
    if num_targets < 1:
        raise UserError(f"num_targets is the number of numbers in y_train, at least 1, not {num_targets}")
    steps = np.asarray(steps, dtype=np.float64)
    t = learning_rate * steps / num_targets
    return float(t) if t.ndim == 0 else t


def neural_tangents_time(t: ArrayLike, num_targets: int) -> Any:
    """Our time t as the time of `nt.predict.gradient_descent_mse`, whose loss is averaged over n k targets."""
    return np.multiply(t, num_targets)


def _extremes(kernel: Float[np.ndarray, "rows columns"] | GramStore | Eigenpairs) -> tuple[float, float]:
    if isinstance(kernel, Eigenpairs):
        complete = len(kernel.values) == len(kernel.vectors)
        return float(kernel.values[-1]) if complete else 0.0, float(kernel.values[0])
    matrix = SymmetricMatrix.of(kernel, "the kernel on training samples")
    if matrix.panel_rows:  # too large for all of its eigenvalues
        return 0.0, float(top_eigenpairs(matrix, 1, tolerance=1e-4).values[0])
    values = scipy.linalg.eigvalsh(matrix.dense(np.float64), check_finite=False)
    return max(float(values[0]), 0.0), max(float(values[-1]), 0.0)
