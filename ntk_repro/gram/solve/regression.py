"""Exact kernel regression: coefficients and fitted values, leave-one-out, generalised cross-validation."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array
from ntk_repro.gram.matrices import Products, SymmetricMatrix
from ntk_repro.gram.solve.cholesky import cholesky
from ntk_repro.gram.solve.factor import Inverse
from ntk_repro.gram.solve.rounding import check_ridge
from ntk_repro.gram.spectrum import Eigenpairs, Lapack, top_eigenpairs
from ntk_repro.memory import check_memory, solver_bytes
from ntk_repro.ranges import check_not_negative, check_whole

Targets = Float[np.ndarray, " n"] | Float[np.ndarray, "n T"]


class LeftOut(NamedTuple):
    """What samples are predicted to be by others.

    Attributes:
        predictions: in the shape of their targets.
        error: mean square of targets less predictions, a number for each column of targets.
    """

    predictions: Targets
    error: Float[np.ndarray, "..."]


@dataclasses.dataclass(frozen=True, eq=False)
class KernelSolution:
    """The solution of (K + ridge I) alpha = y, from `kernel_solve` or `ridge_path`.

    New samples are predicted by `k_test_train @ solution.coefficients`.

    Attributes:
        y: targets.
        ridge: added to the eigenvalues of K.
        coefficients: alpha, in the shape of the targets.
        fitted: K alpha, the predictions on the training samples.
        residual: ||(K + ridge I) alpha - y|| / ||y||, by a product with K itself or, where eigenpairs were given, with
            what they span; 0 for targets of 0.
        inverse: of K + ridge I, which serves further targets.
    """

    y: Targets
    ridge: float
    coefficients: Targets
    fitted: Targets
    residual: float
    inverse: Inverse
    _times: Products = dataclasses.field(repr=False)

    @classmethod
    def _of(cls, y: ArrayLike, ridge: float, inverse: Inverse, times: Products) -> "KernelSolution":
        targets = checked_array(y, "y", (inverse.n,), (inverse.n, "T"))
        alpha = inverse.solve(targets)
        fitted = times(np.atleast_2d(alpha.T)).T.reshape(targets.shape)
        norm = np.linalg.norm(targets)
        residual = float(np.linalg.norm(fitted + ridge * alpha - targets) / norm) if norm else 0.0
        return cls(targets, ridge, alpha, fitted, residual, inverse, times)

    def solve(self, y: Targets) -> "KernelSolution":
        """The solution for other targets, from the same factor.

        Raises:
            UserError: for targets of another length, and entries that are not finite.
        """
        return self._of(y, self.ridge, self.inverse, self._times)

    def leave_one_out(self) -> LeftOut:
        """The prediction of each sample by the regression on all others, without n refits: y_i - alpha_i / G_ii.

        G = (K + ridge I)^-1, whose diagonal takes as many operations again as the factor did; it is kept, and beside a
        factor on disk continued where a killed process left it. With a kernel of all outputs (`outputs="full"`) an
        entry of y is left out alone: the other outputs of its sample stay.

        Source: Rasmussen and Williams 2006, Eq. (5.12).
        """
        errors = self.coefficients / self._diagonal
        return LeftOut(self.y - errors, np.mean(errors**2, axis=0))

    def leave_out_last(self, m: int) -> LeftOut:
        """The predictions of the last m samples by the regression on the n - m before: y_T - (G_TT)^-1 alpha_T.

        So that one kernel of training images and the test images after them, and one factor, also give the test
        error; it takes about 4 m^2 operations for each column of targets (of `ridge_path`, n m^2). With a kernel of all
        outputs m counts rows: k for a sample.

        Source: Rasmussen and Williams 2006, Eq. (5.12), for a block in place of one sample.

        Raises:
            UserError: m is not between 1 and n - 1.
        """
        check_whole("the number of rows left out", m, 1, len(self.y) - 1)
        errors = self.inverse.solve_last(self.coefficients[-m:])
        return LeftOut(self.y[-m:] - errors, np.mean(errors**2, axis=0))

    def generalized_cross_validation(self) -> Float[np.ndarray, "..."]:
        """||(I - A) y||^2 / n / (tr(I - A) / n)^2 with A = K (K + ridge I)^-1, a number for each column of targets.

        As I - A is ridge times G = (K + ridge I)^-1, it is n ||alpha||^2 / (tr G)^2, which has a limit at ridge 0.

        Source: Golub, Heath and Wahba 1979, Eq. (1.4).
        """
        return len(self.y) * np.sum(self.coefficients**2, axis=0) / self.inverse.diagonal.sum() ** 2

    @property
    def _diagonal(self) -> Float[np.ndarray, "n ..."]:
        """Of G, beside the columns of targets."""
        return self.inverse.diagonal.reshape(-1, *[1] * (self.y.ndim - 1))


def kernel_solve(
    gram: Float[np.ndarray, "n n"] | SymmetricMatrix,
    y: Targets,
    ridge: float = 0.0,
    *,
    memory: int | str | None = None,
    folder: Path | str | None = None,
) -> KernelSolution:
    """Exact kernel regression: alpha with (K + ridge I) alpha = y, by a Cholesky factor in float64.

    Where memory holds the factor it is LAPACK's. Else it is computed from disk to disk in bounded memory: R with
    K + ridge I = R^T R, a `GramStore` whose upper triangle is R. Killed at any moment, it continues where it was and,
    on as many cores, ends with the same bytes; once there it is found again. The kernel's store stays as it is.

    Training a linearized network on squared error ends at the same function (`mse_dynamics` at t = inf), with `ridge`
    the strength of an L2 penalty; of y here subtract the outputs at the start.

    Args:
        gram: K, an array with both triangles filled, float32 or float64, or a `GramStore`; from `empirical_gram(...,
            outputs="full")`, pass y sample-major as (n k,).
        y: targets, one column for each of T right-hand sides.
        ridge: added to the eigenvalues. 0 needs a kernel that is positive definite in float64; a kernel in float32
            needs a ridge above its rounding, 2 eps sqrt(n) max K_ii.
        memory: bytes that may be used, an array passed in not counted, also as "6GiB"; None for most of what is free.
        folder: where the factor lies or will lie on disk, about 4 n^2 bytes. None: in memory where it fits, else, of a
            store, in `factor-<ridge>` of its folder.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, or too close to singular for the ridge;
            targets that do not fit; too little memory or disk; a folder that holds something else.

    >>> solution = kernel_solve(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 3.0]))
    >>> solution.coefficients.round(12).tolist(), solution.leave_one_out().predictions.round(12).tolist()
    ([1.0, 1.0], [1.5, 1.5])
    """
    matrix = SymmetricMatrix.of(gram)
    targets = checked_array(y, "y", (matrix.n,), (matrix.n, "T"))
    allowed, beside = solver_bytes(memory), 4 * targets.nbytes
    check_memory("targets and coefficients", beside, allowed, "allow more, or take fewer targets at a time")
    factor = cholesky(matrix, ridge, memory=allowed - beside, folder=folder)
    return KernelSolution._of(targets, float(ridge), factor, matrix.products(np.float64))


def ridge_path(
    gram: Float[np.ndarray, "n n"] | SymmetricMatrix | Eigenpairs,
    y: Targets,
    ridges: Sequence[float],
    *,
    memory: int | str | None = None,
) -> list[KernelSolution]:
    """`kernel_solve` for many ridges from one eigendecomposition: n^2 operations for each ridge and target.

    The eigendecomposition takes about 60 times as long as a Cholesky factor, and 40 n^2 bytes of memory: for large n
    and few ridges take `kernel_solve` for each.

    Args:
        gram: as in `kernel_solve`, or all n eigenpairs of it (`top_eigenpairs(gram, n)`).
        y: targets, one column for each of T.
        ridges: the ridges.
        memory: bytes that may be used.

    Raises:
        UserError: as `kernel_solve`; eigenpairs that are not complete.
    """
    if np.ndim(ridges) != 1 or not len(ridges):
        raise UserError(f"ridges must be a list of numbers, such as [1e-3, 1e-2], not {ridges!r}")
    for ridge in ridges:
        check_not_negative(ridge=ridge)
    if isinstance(gram, Eigenpairs):
        pairs = gram
        if pairs.vectors.shape[1] < len(pairs.vectors):
            held = f"{pairs.vectors.shape[1]:,} of {len(pairs.vectors):,} eigenpairs"
            raise UserError(f"a ridge path needs all eigenpairs, not {held}: pass top_eigenpairs(gram, n)")
        v, values = pairs.vectors, pairs.values[:, None]
        times = Products(lambda x: v @ (values * (v.T @ x)), np.dtype(np.float64))
    else:
        matrix, allowed = SymmetricMatrix.of(gram), solver_bytes(memory)
        needed = Lapack().cost(matrix.n, matrix.n).memory
        check_memory(f"a ridge path of {matrix.n:,} rows", needed, allowed, "take kernel_solve for each ridge")
        pairs = top_eigenpairs(matrix, matrix.n, method="dense", memory=int(allowed))
        times = matrix.products(np.float64)
    return [KernelSolution._of(y, float(ridge), _Spectral(pairs, ridge), times) for ridge in ridges]


class _Spectral(Inverse):
    """V diag(1 / (lambda + ridge)) V^T."""

    def __init__(self, pairs: Eigenpairs, ridge: float):
        self.n = len(pairs.vectors)
        self._vectors, regularized = pairs.vectors, pairs.values + ridge
        check_ridge(ridge, np.einsum("ij,ij,j->i", pairs.vectors, pairs.vectors, pairs.values), pairs.eps)
        floor = self.n * np.finfo(np.float64).eps * float(pairs.values[0])
        if not regularized[-1] > floor:
            raise UserError(
                f"the smallest eigenvalue with ridge={ridge:g} is {regularized[-1]:.2g}, 0 within the rounding of "
                f"float64: take ridge={1.05 * floor:.2g} or above"
            )
        self._inverses = 1 / regularized

    def solve(self, b: Float[np.ndarray, " n"] | Float[np.ndarray, "n T"]) -> Float[np.ndarray, "n ..."]:
        """See `Inverse.solve`."""
        return self._vectors @ (self._inverses * (self._vectors.T @ b).T).T

    def solve_last(self, b: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, "m ..."]:
        """See `Inverse.solve_last`."""
        last = self._vectors[-len(b) :]
        return scipy.linalg.solve((last * self._inverses) @ last.T, b, assume_a="pos")

    def _diagonal(self) -> Float[np.ndarray, " n"]:
        return np.einsum("ij,ij,j->i", self._vectors, self._vectors, self._inverses)
