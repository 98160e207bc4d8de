"""Eigenpairs of a kernel on training samples, and the base of all training dynamics: kernel, targets, starts."""

import dataclasses
import warnings

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike, DTypeLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum import Eigenpairs, top_eigenpairs
from ntk_repro.gram.store import GramStore
from ntk_repro.memory import check_memory, host_available_bytes
from ntk_repro.ranges import check_not_negative
from ntk_repro.reservations import reserving

TrainKernel = Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs
Targets = Float[np.ndarray, "n k"] | Float[np.ndarray, " n"]

_SPECTRUM_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class NullSpace:
    """Eigenvalues that are 0 up to rounding: training never changes the outputs along their eigenvectors.

    Attributes:
        count: how many eigenvalues are at most `floor`.
        clipped: how many of them were negative.
        floor: twice the most negative eigenvalue or, where larger, the rounding of the largest one (epsilon of the
            kernel's type; for float64 at least 10 epsilon, and sqrt(n) epsilon, which is what LAPACK adds).
    """

    count: int
    clipped: int
    floor: float


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenpairs of a kernel, float64, descending; eigenvalues in the null space are 0.

    Attributes:
        values: eigenvalues, without the ridge.
        vectors: unit eigenvectors, one a column.
        residuals: ||K v - lambda v|| of each pair; 0 where LAPACK found all of them.
        null_space: the eigenvalues that were set to 0.
        eps: relative rounding of the kernel's type, the one that eigenpairs were computed from.
        ridge: added to the eigenvalues in training.
    """

    values: Float[np.ndarray, " r"]
    vectors: Float[np.ndarray, "n r"]
    residuals: Float[np.ndarray, " r"]
    null_space: NullSpace
    eps: float
    ridge: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether all n pairs are there."""
        return len(self.values) == len(self.vectors)

    @property
    def regularized(self) -> Float[np.ndarray, " r"]:
        """Eigenvalues with the ridge."""
        return self.values + self.ridge

    @property
    def null(self) -> np.ndarray:
        """Which pairs are in the null space."""
        return self.regularized <= self.null_space.floor


def decompose(kernel: TrainKernel | SymmetricMatrix, ridge: float = 0.0, num_eigenpairs: int | None = None) -> Spectrum:
    """All eigenpairs of a kernel by LAPACK in float64, or the largest `num_eigenpairs`.

    With a ridge nothing is divided by eigenvalues near 0, and only those below the floor less the ridge count as null.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, one that does not fit, and a negative ridge.
    """
    check_not_negative(ridge=ridge)
    if not isinstance(kernel, Eigenpairs):
        matrix = SymmetricMatrix.of(kernel, "k_train_train")
        if num_eigenpairs is None or num_eigenpairs == matrix.n:
            return _dense(matrix, ridge)
        kernel = top_eigenpairs(matrix, num_eigenpairs, tolerance=_SPECTRUM_TOLERANCE)
    elif num_eigenpairs is not None:
        raise UserError("num_eigenpairs is for a kernel; of Eigenpairs pass the first ones only")
    values = np.asarray(kernel.values, dtype=np.float64)
    scale = np.maximum(values, kernel.eps * values[0])  # the residuals are relative to it
    return _spectrum(values, np.asarray(kernel.vectors), kernel.residuals * scale, kernel.eps, ridge, kernel.clipped)


def _dense(kernel: SymmetricMatrix, ridge: float) -> Spectrum:
    n, eps = kernel.n, float(np.finfo(kernel.dtype).eps)
    remedy = "pass num_eigenpairs for the largest ones alone"
    needed = 4 * 8 * n**2
    with reserving(needed):
        check_memory(f"the eigendecomposition of {n:,} outputs", needed, host_available_bytes(), remedy)
        # In Fortran's order LAPACK works in place; a symmetric matrix is the same in both orders.
        matrix = np.array(kernel.dense(), dtype=np.float64, order="F")
        values, vectors = scipy.linalg.eigh(matrix, driver="evd", overwrite_a=True, check_finite=False)
        vectors = np.asfortranarray(vectors[:, ::-1])  # one copy here, instead of one in every product
    return _spectrum(values[::-1], vectors, np.zeros(n), eps, ridge, 0)


def _spectrum(
    values: np.ndarray, vectors: np.ndarray, residuals: np.ndarray, eps: float, ridge: float, clipped: int
) -> Spectrum:
    largest = max(values[0], 0.0)
    rounding = max(eps, max(10.0, np.sqrt(len(vectors))) * np.finfo(np.float64).eps) * largest
    if values[-1] < -100 * rounding:
        warnings.warn(
            f"the kernel is not positive semi-definite: eigenvalue {values[-1]:.3g} was clipped at 0", stacklevel=6
        )
    floor = float(max(rounding, -2 * values[-1]))
    null = values + ridge <= floor
    space = NullSpace(int(np.sum(null)), clipped + int(np.sum(values < 0)), floor)
    return Spectrum(np.where(null | (values < 0), 0.0, values), vectors, residuals, space, eps, float(ridge))


def checked_start(
    fx_0: ArrayLike, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> Float[np.ndarray, "..."]:
    """Outputs at the start of training: one number, one for each sample, or all of them; not broadcast.

    Raises:
        UserError: for another shape, and entries that are not finite.
    """
    return checked_array(fx_0, name, (), (*shape[:-1], 1), shape, dtype=dtype)


def decompose_for(
    kernel: TrainKernel, y_train: Targets, ridge: float = 0.0, num_eigenpairs: int | None = None
) -> tuple[Targets, Spectrum]:
    """The targets, checked, and the eigenpairs of a kernel that fits them.

    Raises:
        UserError: as `decompose`, and for a kernel or targets of a shape that does not fit.
    """
    y = checked_array(y_train, "y_train", ("n", "k"), ("n",))
    matrix = kernel if isinstance(kernel, Eigenpairs) else SymmetricMatrix.of(kernel, "k_train_train")
    rows = len(matrix.vectors) if isinstance(matrix, Eigenpairs) else matrix.n
    if rows not in (len(y), y.size):
        raise UserError(
            f"a kernel with {rows} rows does not fit y_train of shape {y.shape}: pass one row for each sample, or one "
            "for each sample and output, sample-major"
        )
    return y, decompose(matrix, ridge, num_eigenpairs)


@dataclasses.dataclass(frozen=True, eq=False)
class SpectralDynamics:
    """Full-batch training of a linear model, in the eigenbasis of its kernel.

    The base of `MseDynamics` (squared error, by flow and gradient descent), `MomentumDynamics` and
    `CrossEntropyDynamics`.

    Attributes:
        y_train: targets, (n, k) or (n,).
        spectrum: eigenpairs of the kernel on the training samples.
    """

    y_train: Targets
    spectrum: Spectrum

    @property
    def ridge(self) -> float:
        """Added to the eigenvalues in training."""
        return self.spectrum.ridge

    @property
    def eigenvalues(self) -> Float[np.ndarray, " r"]:
        """Of the kernel, without the ridge, descending; those in the null space are 0."""
        return self.spectrum.values

    @property
    def null_space(self) -> NullSpace:
        """The eigenvalues that are 0 up to rounding."""
        return self.spectrum.null_space

    @property
    def _largest(self) -> float:
        """The largest eigenvalue, with the ridge."""
        return float(self.spectrum.regularized[0])

    def _start(self, fx_train_0: ArrayLike) -> Targets:
        """Outputs at the training samples at the start of training, checked.

        Raises:
            UserError: for a shape that does not fit, and entries that are not finite.
        """
        return np.broadcast_to(checked_start(fx_train_0, "fx_train_0", self.y_train.shape), self.y_train.shape)

    def _error_0(self, fx_train_0: ArrayLike) -> Float[np.ndarray, "rows columns"]:
        """y - f_0 as columns for the kernel to act on: one column if it couples the outputs."""
        return (self.y_train - self._start(fx_train_0)).reshape(len(self.spectrum.vectors), -1)

    def _test_arguments(
        self, fx_train_0: ArrayLike, fx_test_0: ArrayLike | None, k_test_train: Float[np.ndarray, "m n"] | None
    ) -> tuple[Float[np.ndarray, "m n"], np.ndarray] | tuple[None, None]:
        """The kernel between test and training samples, and the outputs at the test samples at the start, checked.

        Raises:
            UserError: for shapes that do not fit, entries that are not finite, and a missing `fx_test_0` where
                `fx_train_0` is not 0.
        """
        if k_test_train is None:
            if fx_test_0 is not None:
                raise UserError("fx_test_0 was given without k_test_train, the kernel between test and train samples")
            return None, None
        rows, (n, *outputs) = len(self.spectrum.vectors), self.y_train.shape
        each = rows // n  # rows of the kernel for one sample
        kernel = checked_array(k_test_train, "k_test_train", ("m", rows))
        if len(kernel) % each:
            raise UserError(f"k_test_train must have {each} rows for each test sample, not {len(kernel)} in all")
        if fx_test_0 is None and np.any(np.asarray(fx_train_0) != 0):
            raise UserError("fx_train_0 is not 0: give fx_test_0 too, the outputs at the test samples at the start")
        shape = (len(kernel) // each, *outputs)
        start = checked_start(0.0 if fx_test_0 is None else fx_test_0, "fx_test_0", shape)
        return kernel, np.broadcast_to(start, shape)
