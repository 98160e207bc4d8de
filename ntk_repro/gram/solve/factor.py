"""The inverse of K + ridge I as something to apply: `Inverse`, and `CholeskyFactor`, in memory or on disk."""

import abc
import functools
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.linalg.lapack import get_lapack_funcs
from scipy.sparse.linalg import LinearOperator, onenormest

from ntk_repro.errors import UserError
from ntk_repro.gram.solve.rounding import check_pivots
from ntk_repro.gram.store import GramStore
from ntk_repro.progress import Advance, progress
from ntk_repro.record import atomic_file

PANEL_ROWS = 1024  # of a factor in memory that are used at once
_CHUNK_ROWS = 1024  # of a product that is subtracted


(_potrf,) = get_lapack_funcs(("potrf",), dtype=np.float64)


def overwrite_with_factor(
    matrix: Float[np.ndarray, "b b"], first: int, diagonal: Float[np.ndarray, " n"], ridge: float
) -> None:
    """R for a matrix in float64 and C order, of which the upper triangle is read; below the diagonal R is 0.

    Args:
        matrix: K + ridge I or, within a blocked factorization, what is left of a diagonal block of it.
        first: row of K that it begins with.
        diagonal: of K.
        ridge: that was added to it.

    Raises:
        UserError: it is not positive definite in float64.
    """
    # To LAPACK, whose order is the other one, the transpose is what lies there.
    _, info = _potrf(matrix.T, lower=1, clean=1, overwrite_a=1)
    pivots = matrix.diagonal() ** 2
    if info > 0:
        pivots[info - 1 :] = 0.0
    check_pivots(pivots, first, diagonal, ridge)


class Inverse(abc.ABC):
    """(K + ridge I)^-1, as a factor or a spectrum.

    Attributes:
        n: rows of K.
    """

    n: int

    @abc.abstractmethod
    def solve(self, b: Float[np.ndarray, " n"] | Float[np.ndarray, "n T"]) -> Float[np.ndarray, "n ..."]:
        """(K + ridge I)^-1 b, for a vector or the columns of a matrix."""

    @abc.abstractmethod
    def solve_last(self, b: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, "m ..."]:
        """G_TT^-1 b, of the last m rows and columns of G = (K + ridge I)^-1."""

    @functools.cached_property
    def diagonal(self) -> Float[np.ndarray, " n"]:
        """The diagonal of (K + ridge I)^-1, computed at first use."""
        return self._diagonal()

    @abc.abstractmethod
    def _diagonal(self) -> Float[np.ndarray, " n"]: ...


class CholeskyFactor(Inverse):
    """R, upper triangular, with K + ridge I = R^T R, by block rows.

    Attributes:
        n: rows of K.
        panel_rows: rows of a block row.
        columns: of the inverse of R^T that `diagonal` computes at once.
    """

    panel_rows: int
    columns: int

    @abc.abstractmethod
    def panels(self, blocks: Iterable[int]) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """(start, R[start : start + rows, start:]) of block rows."""

    @property
    def num_blocks(self) -> int:
        """Number of block rows."""
        return -(-self.n // self.panel_rows)

    def solve(self, b: Float[np.ndarray, " n"] | Float[np.ndarray, "n T"]) -> Float[np.ndarray, "n ..."]:
        """(K + ridge I)^-1 b: R^T z = b downwards, then R x = z upwards, R being read twice."""
        solution = np.array(b, dtype=np.float64, order="C")
        x = solution.reshape(self.n, -1)
        with progress("solving", 2 * self.num_blocks, "panels") as advance:
            self._forward(x, 0, advance)
            for start, panel in self.panels(range(self.num_blocks - 1, -1, -1)):
                rows, stop = slice(start, start + len(panel)), start + len(panel)
                x[rows] -= panel[:, len(panel) :] @ x[stop:]
                x[rows] = scipy.linalg.solve_triangular(panel[:, : len(panel)], x[rows], check_finite=False)
                advance()
        return solution

    def solve_last(self, b: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, "m ..."]:
        """See `Inverse.solve_last`: R_TT^T R_TT b, as R^-1 is upper triangular, too."""
        product, begin = np.zeros(b.shape), self.n - len(b)
        for start, panel in self.panels(range(begin // self.panel_rows, self.num_blocks)):
            outside = max(0, begin - start)
            right, first = panel[outside:, outside:], start + outside - begin
            product[first:] += right.T @ (right @ b[first:])
        return product

    def _diagonal(self) -> Float[np.ndarray, " n"]:
        """The squared norms of the columns of R^-T, a group of columns at a time: about n^3 / 3 operations."""
        diagonal = self._begun_diagonal()
        done = -(-np.count_nonzero(np.isfinite(diagonal)) // self.panel_rows)  # block rows
        wide = max(1, self.columns // self.panel_rows)  # block rows to a group
        groups = range(done, self.num_blocks, wide)
        with progress("diagonal of the inverse", sum(self.num_blocks - first for first in groups), "panels") as advance:
            for first in groups:
                start, stop = first * self.panel_rows, min((first + wide) * self.panel_rows, self.n)
                x = np.eye(self.n - start, stop - start)  # above `start` R^-T is 0
                self._forward(x, first, advance, lower_triangular=True)
                diagonal[start:stop] = np.einsum("ij,ij->j", x, x)
                self._keep_diagonal(diagonal)
        return diagonal

    def _begun_diagonal(self) -> Float[np.ndarray, " n"]:
        """What is known of the diagonal, from its beginning on; the rest is NaN."""
        return np.full(self.n, np.nan)

    def _keep_diagonal(self, diagonal: Float[np.ndarray, " n"]) -> None:
        """Keeps what is known of the diagonal, so that a killed computation continues."""

    def reciprocal_condition(self, norm: float) -> float:
        """An estimate of 1 / (||A||_1 ||A^-1||_1) of A = K + ridge I, from ||A||_1.

        Source: Higham and Tisseur 2000 (SciPy's `onenormest`, here with one column, which starts from no random one).
        """
        products = dict.fromkeys(("matvec", "rmatvec", "matmat", "rmatmat"), self.solve)
        operator: Any = LinearOperator(shape=(self.n, self.n), dtype=np.float64, **products)
        inverse_norm: Any = onenormest(operator, t=1)
        return 1 / (norm * float(inverse_norm))

    def _forward(
        self, x: Float[np.ndarray, "rows T"], first: int, advance: Advance, lower_triangular: bool = False
    ) -> None:
        """Overwrites x with R^-T x, of the part of R from block row `first` on; x may be lower triangular like R^-T."""
        offset = first * self.panel_rows
        for start, panel in self.panels(range(first, self.num_blocks)):
            rows, stop = slice(start - offset, start - offset + len(panel)), start - offset + len(panel)
            diagonal, right = panel[:, : len(panel)], panel[:, len(panel) :]
            filled = x[:, :stop] if lower_triangular else x
            filled[rows] = scipy.linalg.solve_triangular(diagonal, filled[rows], trans=1, check_finite=False)
            for chunk in range(0, right.shape[1], _CHUNK_ROWS):  # bounds the memory of the product
                columns = right[:, chunk : chunk + _CHUNK_ROWS]
                filled[stop + chunk : stop + chunk + columns.shape[1]] -= columns.T @ filled[rows]
            advance()


class FactorInMemory(CholeskyFactor):
    """R in memory, by LAPACK."""

    def __init__(self, matrix: Float[np.ndarray, "n n"], ridge: float = 0.0):
        """Takes K, of which the upper triangle is read; one in float64 and C order is overwritten with R.

        Raises:
            UserError: K + ridge I is not positive definite in float64.
        """
        matrix = np.ascontiguousarray(matrix, np.float64)
        self.n, self.panel_rows, self.columns = len(matrix), PANEL_ROWS, PANEL_ROWS
        diagonal = matrix.diagonal().copy()
        matrix[np.diag_indices(self.n)] += ridge
        overwrite_with_factor(matrix, 0, diagonal, ridge)
        self._factor = matrix

    def panels(self, blocks: Iterable[int]) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """See `CholeskyFactor.panels`."""
        for block in blocks:
            start = block * self.panel_rows
            yield start, self._factor[start : start + self.panel_rows, start:]


class FactorOnDisk(CholeskyFactor):
    """R on disk, as the upper triangle of a `GramStore`; made by `cholesky`.

    Attributes:
        store: the store.
    """

    def __init__(self, store: GramStore, columns: int):
        """Takes the finished store, and how many columns of the inverse of R^T memory holds."""
        self.store, self.columns = store, columns
        self.n, self.panel_rows = store.n, store.tile

    def panels(self, blocks: Iterable[int]) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """See `CholeskyFactor.panels`."""
        return self.store.panels(blocks)

    def _begun_diagonal(self) -> Float[np.ndarray, " n"]:
        try:
            return np.load(self._diagonal_path)
        except (FileNotFoundError, ValueError, EOFError):  # not begun, or damaged
            return super()._begun_diagonal()

    def _keep_diagonal(self, diagonal: Float[np.ndarray, " n"]) -> None:
        try:
            with atomic_file(self._diagonal_path) as handle:
                np.save(handle, diagonal)
        except UserError as error:  # it is of use without being kept
            warnings.warn(f"{error}; until then it is not kept", stacklevel=2)

    @property
    def _diagonal_path(self) -> Path:
        return self.store.path / "diagonal_of_inverse.npy"
