"""The eigendecomposition of a kernel that training dynamics are computed in, and the outputs at many times from it."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntk_repro.dynamics.filters import Filter
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import check_cross_kernel, check_finite
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.memory import check_memory, host_available_bytes
from ntk_repro.gram.spectrum import Eigenpairs, top_eigenpairs
from ntk_repro.gram.store import GramStore

__all__ = ["NullSpace", "Outputs", "SpectralDynamics", "Spectrum", "decompose"]

Outputs = tuple[Float[np.ndarray, "*T n k"], Any]
"""Outputs on the training samples, and on the test samples (*T, m, k): None where no test kernel was given. The second
is not typed, for who calls knows which it is."""

_CHUNK_BYTES = 2**26  # of the coefficients of one chunk of times
_FEW_DIGITS = 1e-3  # a rounding error above this share of y - f0 is warned about
_SPECTRUM_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class NullSpace:
    """Eigenvalues that are 0 but for rounding: training never moves the outputs along their eigenvectors.

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
        values: eigenvalues.
        vectors: unit eigenvectors, one a column.
        residuals: ||K v - lambda v|| of each pair; 0 where LAPACK found all of them.
        null_space: what was set to 0.
        eps: relative rounding of the kernel's type, the one that eigenpairs were computed from.
    """

    values: Float[np.ndarray, " r"]
    vectors: Float[np.ndarray, "n r"]
    residuals: Float[np.ndarray, " r"]
    null_space: NullSpace
    eps: float

    @property
    def complete(self) -> bool:
        """Whether all n pairs are there."""
        return len(self.values) == len(self.vectors)


def decompose(
    kernel: Float[np.ndarray, "n n"] | GramStore | Eigenpairs, ridge: float = 0.0, num_eigenpairs: int | None = None
) -> Spectrum:
    """All eigenpairs of a kernel by LAPACK in float64, or the largest `num_eigenpairs`.

    With a ridge nothing is divided by eigenvalues near 0, and only those below the floor less the ridge count as null.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, one that does not fit, and a negative ridge.
    """
    if np.ndim(ridge) or not (np.isfinite(ridge) and ridge >= 0):
        raise UserError(f"the ridge must be one finite number, not negative, not {ridge}")
    if not isinstance(kernel, Eigenpairs):
        matrix = SymmetricMatrix.of(kernel, "k_train_train")
        if num_eigenpairs is None or num_eigenpairs == matrix.n:
            return _dense(matrix, ridge)
        kernel = top_eigenpairs(matrix, num_eigenpairs, tolerance=_SPECTRUM_TOLERANCE)
    elif num_eigenpairs is not None:
        raise UserError("num_eigenpairs is for a kernel; of Eigenpairs pass the first ones only")
    values = np.asarray(kernel.values, dtype=np.float64)
    scale = np.maximum(values, kernel.eps * values[0])  # what residuals are relative to
    return _spectrum(values, np.asarray(kernel.vectors), kernel.residuals * scale, kernel.eps, ridge, kernel.clipped)


def _dense(kernel: SymmetricMatrix, ridge: float) -> Spectrum:
    n, eps = kernel.n, float(np.finfo(kernel.dtype).eps)
    remedy = "pass num_eigenpairs for the largest ones alone"
    check_memory(f"the eigendecomposition of {n:,} outputs", 4 * 8 * n**2, host_available_bytes(), remedy)
    # In Fortran's order LAPACK works in place; of a symmetric matrix both orders hold the same.
    matrix = np.array(kernel.dense(), dtype=np.float64, order="F")
    values, vectors = scipy.linalg.eigh(matrix, driver="evd", overwrite_a=True, check_finite=False)
    vectors = np.asfortranarray(vectors[:, ::-1])  # once, or every product with them would copy them
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
    return Spectrum(np.where(null | (values < 0), 0.0, values), vectors, residuals, space, eps)


class SpectralDynamics:
    """Full-batch training of a linear model, in the eigenbasis of its kernel.

    What its subclasses share: `MseDynamics` (squared error, by flow and gradient descent), `MomentumDynamics` and
    `CrossEntropyDynamics`.
    """

    def __init__(
        self,
        k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
        y_train: Float[np.ndarray, "n k"] | Float[np.ndarray, " n"],
        ridge: float = 0.0,
        num_eigenpairs: int | None = None,
    ):
        """Decomposes the kernel, once."""
        self.y_train = np.asarray(y_train, dtype=np.float64)
        if self.y_train.ndim not in (1, 2) or not self.y_train.size:
            raise UserError(f"y_train must be (n, k) or (n,), not of shape {self.y_train.shape}")
        if not np.all(np.isfinite(self.y_train)):
            raise UserError("y_train has entries that are not finite")
        rows = len(k_train_train.vectors) if isinstance(k_train_train, Eigenpairs) else len(k_train_train)
        if rows not in (len(self.y_train), self.y_train.size):
            raise UserError(
                f"a kernel with {rows} rows does not fit y_train of shape {self.y_train.shape}: it has one row for "
                "each sample, or one for each sample and output, sample-major"
            )
        self.ridge = float(ridge)
        self.spectrum = decompose(k_train_train, ridge, num_eigenpairs)
        # A kernel of all outputs acts on them as on one long column.
        self._columns = self.y_train.size // rows

    @property
    def eigenvalues(self) -> Float[np.ndarray, " r"]:
        """Of the kernel, without the ridge, descending; those in the null space are 0."""
        return self.spectrum.values

    @property
    def null_space(self) -> NullSpace:
        """How many eigenvalues are 0 but for rounding."""
        return self.spectrum.null_space

    def _outputs(
        self, filter_: Filter, shape: tuple[int, ...], fx_train_0: Any, fx_test_0: Any, k_test_train: Any
    ) -> Outputs:
        train_0 = self._start(fx_train_0)
        test_kernel, test_0 = self._test_arguments(fx_train_0, fx_test_0, k_test_train)
        filter_.check(self._largest)
        projected = self.spectrum.vectors.T @ (self._flat(self.y_train) - self._flat(train_0))
        self._warn_of_null_space(filter_, projected)
        n, columns, total = len(self.spectrum.vectors), self._columns, len(filter_)
        train = np.empty((total, n, columns))
        test = None
        through = None
        if test_kernel is not None:
            self._warn_of_lost_digits(filter_, projected, test_kernel)
            test = np.empty((total, len(test_kernel), columns))
            # The cheaper order of the products: with few times, the coefficients first.
            if total * columns >= len(test_kernel):
                through = self.spectrum.vectors.T @ test_kernel.T
        for some in self._chunks(total):
            learned, reach = self._filtered(filter_, some, test_kernel is not None)
            _fill(train, some, _weighted(learned, projected) @ self.spectrum.vectors.T)
            if test is not None and test_kernel is not None:
                weighted = _weighted(reach, projected)
                product = (
                    weighted @ through if through is not None else weighted @ self.spectrum.vectors.T @ test_kernel.T
                )
                _fill(test, some, product)
        train += self._flat(train_0)
        train = train.reshape(*shape, *self.y_train.shape)
        if test is None:
            return train, None
        return train, test.reshape(*shape, *test_0.shape) + test_0

    def _coefficients(self, filter_: Filter, shape: tuple[int, ...], fx_train_0: Any) -> np.ndarray:
        filter_.check(self._largest)
        projected = self.spectrum.vectors.T @ (self._flat(self.y_train) - self._flat(self._start(fx_train_0)))
        found = np.empty((len(filter_), len(self.spectrum.vectors), self._columns))
        for some in self._chunks(len(filter_)):
            _, reach = self._filtered(filter_, some, True)
            _fill(found, some, _weighted(reach, projected) @ self.spectrum.vectors.T)
        return found.reshape(*shape, *self.y_train.shape)

    def _filtered(self, filter_: Filter, some: slice, with_reach: bool) -> tuple[np.ndarray, np.ndarray]:
        """Shares learned and coefficients of every eigendirection, the null space's in their place."""
        values = self.spectrum.values
        regularised = values + self.ridge
        null = self._null
        learned = filter_.learned(regularised, some)
        reach = learned
        if with_reach or self.ridge:
            reach = learned / np.where(null, 1.0, regularised)  # as `filter_.reach`, without a second exponential
        if self.ridge:
            learned = reach * values
        learned[:, null] = 0.0
        if with_reach and np.any(null):
            # J^T v is 0 or nearly, so that c may be anything: at early times it is what training gives, later it would
            # multiply the rounding of K(x, X) v without end, and is let go.
            late = 0.1 / (np.sqrt(self.spectrum.eps) * max(values[0], 1e-290))
            with np.errstate(over="ignore"):
                early = filter_.reach(np.zeros(1), some)
                reach[:, null] = np.where(np.isinf(early), 0.0, np.minimum(early, 1e300) / (1 + (early / late) ** 2))
        return learned, reach

    @property
    def _null(self) -> np.ndarray:
        return self.spectrum.values + self.ridge <= self.spectrum.null_space.floor

    @property
    def _largest(self) -> float:
        return float(self.spectrum.values[0]) + self.ridge

    def _chunks(self, total: int) -> list[slice]:
        bytes_a_time = 8 * self._columns * len(self.spectrum.vectors)
        size = max(1, _CHUNK_BYTES // bytes_a_time)
        return [slice(start, start + size) for start in range(0, total, size)]

    def _flat(self, fx: np.ndarray) -> np.ndarray:
        return fx.reshape(len(self.spectrum.vectors), self._columns)

    def _start(self, fx_train_0: Any) -> np.ndarray:
        return _broadcast(fx_train_0, "fx_train_0", self.y_train.shape)

    def _test_arguments(self, fx_train_0: Any, fx_test_0: Any, k_test_train: Any) -> tuple[Any, Any]:
        if k_test_train is None:
            if fx_test_0 is not None:
                raise UserError(
                    "fx_test_0 was given without k_test_train, the kernel between test and training samples"
                )
            return None, None
        kernel = np.asarray(k_test_train, dtype=np.float64)
        rows, outputs = len(self.spectrum.vectors), self.y_train.shape[1:]
        each = self.y_train.size // self._columns // len(self.y_train)  # rows of the kernel for one sample
        check_cross_kernel(kernel, "k_test_train", rows)
        check_finite(kernel, "k_test_train")
        if len(kernel) % each or not len(kernel):
            raise UserError(f"k_test_train must have {each} rows for every test sample, not {len(kernel)} in all")
        if fx_test_0 is None:
            if np.any(np.asarray(fx_train_0) != 0):
                raise UserError("fx_train_0 is not 0: give fx_test_0 too, the outputs at the test samples at the start")
            fx_test_0 = 0.0
        return kernel, _broadcast(fx_test_0, "fx_test_0", (len(kernel) // each, *outputs))

    def _warn_of_null_space(self, filter_: Filter, projected: np.ndarray) -> None:
        space, null = self.spectrum.null_space, self._null
        if not space.count or not len(filter_):
            return
        whole = np.linalg.norm(projected)
        inside = np.linalg.norm(projected[null]) / whole if whole > 0 else 0.0
        # At early times it makes no difference whether such an eigenvalue is 0 or as large as the floor.
        matters = np.max(filter_.learned(np.array([space.floor]), slice(None)), initial=0.0) > _FEW_DIGITS
        if inside > 1e-8 and matters:
            warnings.warn(
                f"{space.count} of {len(null)} eigenvalues of the kernel are 0 within rounding (below "
                f"{space.floor:.2g}): {inside:.1%} of y - f0 lies along them and stays as it is (duplicated samples, "
                "more outputs than parameters, or a kernel in too low a precision)",
                stacklevel=4,
            )

    def _warn_of_lost_digits(self, filter_: Filter, projected: np.ndarray, test_kernel: np.ndarray) -> None:
        scale = np.linalg.norm(projected) / np.sqrt(len(self.spectrum.vectors))
        if scale == 0 or not len(filter_):
            return
        times = np.argmax(filter_.reach(np.zeros(1), slice(None))[:, 0])  # coefficients grow with time
        _, reach = self._filtered(filter_, slice(int(times), int(times) + 1), True)
        size = np.linalg.norm(reach[0][~self._null, None] * projected[~self._null])
        lost = self.spectrum.eps * np.sqrt(np.max(np.sum(test_kernel**2, axis=1))) * size / scale
        if lost > _FEW_DIGITS:
            warnings.warn(
                f"the kernel is so near to singular that rounding may move the test outputs by {lost:.1g} times the "
                "size of y - f0: compute the kernel in float64, stop earlier, or add a ridge",
                stacklevel=4,
            )


def _weighted(filtered: np.ndarray, projected: np.ndarray) -> np.ndarray:
    """Filtered coefficients as rows (T k, r), ready for one product over all times; one column is done in place."""
    if projected.shape[1] == 1:
        return np.multiply(filtered, projected.T, out=filtered)
    return (filtered[:, None, :] * projected.T).reshape(-1, filtered.shape[1])


def _fill(into: np.ndarray, some: slice, product: np.ndarray) -> None:
    """Rows (T k, n) of a product into the places (T, n, k) of their times."""
    part = into[some]
    part[:] = product.reshape(len(part), into.shape[2], into.shape[1]).transpose(0, 2, 1)


def _broadcast(fx: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    fx = np.asarray(fx, dtype=np.float64)
    if fx.ndim and fx.shape != shape and fx.shape != (*shape[:-1], 1):
        raise UserError(f"{name} must be one number or of shape {shape}, not {fx.shape}")
    if not np.all(np.isfinite(fx)):
        raise UserError(f"{name} has entries that are not finite")
    return np.broadcast_to(fx, shape)
