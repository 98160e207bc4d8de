"""Symmetric matrices, checked where they enter: square, symmetric and finite; in memory, on disk or as an operator."""

import abc
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import as_array, check_finite, check_real

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

_SAMPLED = 4096  # pairs of mirrored entries that are compared before the work starts
_ASYMMETRY = 1e-4  # of mirrored entries, relative to the largest one
_ROWS = 512  # that are compared with their mirror images at once
ROWS_MULTIPLIED = 1024  # of an array at once, which is a quarter faster than all of it in one piece
_PANEL_ENTRIES = 2e7  # of a matrix in memory, in one panel


class Products:
    """A symmetric matrix as an operator, which counts its work.

    Attributes:
        products: how many vectors were multiplied.
        passes: how often the matrix was read for it.
    """

    def __init__(self, times: Callable[[np.ndarray], np.ndarray], dtype: np.dtype):
        """Takes the matrix as a function of vectors (n, b), and the type that its products are computed in."""
        self._times, self._dtype = times, dtype
        self.products = self.passes = 0

    @property
    def note(self) -> str:
        """For the progress bar."""
        return f"{self.products} products in {self.passes} passes"

    def __call__(self, rows: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """rows times the symmetric matrix, as float64.

        Raises:
            UserError: the matrix has entries that are not finite.
        """
        self.products += len(rows)
        self.passes += 1
        # Vectors as columns, so that every panel adds to whole rows.
        y = self._times(rows.T.astype(self._dtype, order="C")).T.astype(np.float64, order="C")
        check_finite(y, "the Gram matrix")
        return y


class SymmetricOperator(abc.ABC):
    """A symmetric matrix K of real numbers that can be multiplied; `of` takes whatever stands for one.

    Attributes:
        n: rows, and columns.
        dtype: type of the entries, float32 or float64.
        panel_rows: rows of a panel that is read into memory; 0 if no panels are read.
    """

    n: int
    dtype: np.dtype
    panel_rows: int = 0

    @abc.abstractmethod
    def products(self, dtype: DTypeLike, kept_bytes: float = 0.0) -> Products:
        """The matrix as a function of vectors.

        Args:
            dtype: type that products are computed in; an operator without entries has its own.
            kept_bytes: of panels that may be kept in memory.
        """

    @staticmethod
    def of(gram: Any, name: str = "the Gram matrix") -> "SymmetricOperator":
        """The matrix, checked: an operator by the products of two random vectors, all else as `SymmetricMatrix.of`.

        Raises:
            UserError: it is not square, symmetric and finite, or not of real numbers.
        """
        if isinstance(gram, SymmetricOperator):
            return gram
        return _OfLinearOperator(gram, name) if _is_linear_operator(gram) else SymmetricMatrix.of(gram, name)

    def __len__(self) -> int:
        return self.n


class SymmetricMatrix(SymmetricOperator):
    """A symmetric matrix with entries, wherever these lie: `of` wraps an array, `GramStore` is one on disk.

    A subclass hands out the upper triangle by block rows; everything else is written in terms of these.
    """

    @abc.abstractmethod
    def panels(self, blocks: Iterable[int] | None = None) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """(start, K[start : start + rows, start:]) of all block rows in order, or of those numbered in `blocks`."""

    def diagonal(self) -> Float[np.ndarray, " n"]:
        """The diagonal, in float64."""
        return np.concatenate([panel.diagonal() for _, panel in self.panels()]).astype(np.float64)

    def digest(self) -> str:
        """SHA-256, as hexadecimal digits, of the upper triangle's entries."""
        digest = hashlib.sha256()
        for _, panel in self.panels():
            digest.update(np.ascontiguousarray(panel).view(np.uint8).data)
        return digest.hexdigest()

    def rows(self, start: int, stop: int) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """(row, K[row : row + rows, row:]) from row `start` to `stop`, in the pieces that panels cut them into."""
        for first, panel in self.panels(range(start // self.panel_rows, -(-stop // self.panel_rows))):
            row = max(first, start)
            yield row, panel[row - first : stop - first, row - first :]

    @staticmethod
    def of(gram: Any, name: str = "the Gram matrix", asymmetry: float = _ASYMMETRY) -> "SymmetricMatrix":
        """The matrix, checked: its shape and type, and some entries of an array; `dense` checks all of them.

        Args:
            gram: an array or memory map, both triangles filled, of which a few thousand entries are read; or a
                symmetric matrix already. Types other than float32 and float64 become float64.
            name: what error messages call it.
            asymmetry: largest difference of mirrored entries, relative to the largest entry.

        Raises:
            UserError: it is not square, symmetric and finite, or not of real numbers.
        """
        if _is_linear_operator(gram):
            raise UserError(f"{name} is an operator, which has no entries: pass the matrix, as by empirical_gram")
        return gram if isinstance(gram, SymmetricMatrix) else _InMemory(gram, name, asymmetry)

    def dense(self, dtype: DTypeLike | None = None) -> Float[np.ndarray, "n n"]:
        """The whole matrix in memory, both triangles, every entry checked; in its own type where `dtype` is None.

        An array is returned itself where it has that type: copy it before you write to it.

        Raises:
            UserError: as `of`.
        """
        matrix = self._assembled(dtype or self.dtype)
        check_finite(matrix, "the Gram matrix")
        return matrix

    def check(self) -> None:
        """Compares all entries of an array with their mirror images; a matrix of which one triangle is kept has none.

        Raises:
            UserError: as `of`.
        """

    def products(self, dtype: DTypeLike, kept_bytes: float = 0.0) -> Products:
        """See `SymmetricOperator.products`; each panel serves both triangles."""
        panels = KeptPanels(self, kept_bytes)

        def times(x: np.ndarray) -> np.ndarray:
            y = np.zeros_like(x)
            for start, panel in panels:
                panel = panel.astype(x.dtype, copy=False)
                stop = start + len(panel)
                # Rows times panel: a sixth faster than the transposed panel times columns.
                y[start:] += (np.ascontiguousarray(x[start:stop].T) @ panel).T
                y[start:stop] += panel[:, len(panel) :] @ x[stop:]
            return y

        return Products(times, np.dtype(dtype))

    def _assembled(self, dtype: DTypeLike) -> np.ndarray:
        matrix = np.empty((self.n, self.n), dtype)
        for start, panel in self.panels():
            stop = start + len(panel)
            matrix[start:stop, start:] = panel
            matrix[stop:, start:stop] = panel[:, len(panel) :].T
        return matrix


class _InMemory(SymmetricMatrix):
    """An array, or what is mapped into memory."""

    def __init__(self, array: Any, name: str, asymmetry: float):
        array = as_array(array, name)
        if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
            raise UserError(f"{name} must be a square matrix of one row at least, not of shape {array.shape}")
        check_real(array, name)
        self._array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
        self.n, self.dtype = len(array), self._array.dtype
        self._name, self._asymmetry = name, asymmetry
        rows, columns = np.random.default_rng(0).integers(0, self.n, size=(2, _SAMPLED))
        entries, mirrored = self._array[rows, columns], self._array[columns, rows]
        scale = np.max([np.abs(part).max() for part in (entries, mirrored, self._array.diagonal())])
        self._check(entries, mirrored, scale)

    def panels(self, blocks: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        rows = max(1, int(_PANEL_ENTRIES / self.n))
        for block in range(-(-self.n // rows)) if blocks is None else blocks:
            start = block * rows
            yield start, self._array[start : start + rows, start:]

    def diagonal(self) -> np.ndarray:
        return self._array.diagonal().astype(np.float64)

    def rows(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        yield start, self._array[start:stop, start:]

    def check(self) -> None:
        k = self._array
        scale = np.max([k.max(), -k.min()])
        for start in range(0, self.n, _ROWS):
            rows = slice(start, start + _ROWS)
            self._check(k[rows], k[:, rows].T, scale)

    def dense(self, dtype: DTypeLike | None = None) -> np.ndarray:
        self.check()
        return self._array.astype(dtype or self.dtype, copy=False)

    def products(self, dtype: DTypeLike, kept_bytes: float = 0.0) -> Products:
        def times(x: np.ndarray) -> np.ndarray:
            y = np.empty_like(x)
            for start in range(0, self.n, ROWS_MULTIPLIED):
                rows = slice(start, start + ROWS_MULTIPLIED)
                np.matmul(self._array[rows].astype(x.dtype, copy=False), x, out=y[rows])
            return y

        return Products(times, np.dtype(dtype))

    def _check(self, entries: np.ndarray, mirrored: np.ndarray, scale: float) -> None:
        check_finite(scale, self._name)
        if np.abs(entries - mirrored).max() > self._asymmetry * scale:
            raise UserError(f"{self._name} is not symmetric; fill both triangles, or pass (K + K.T) / 2")


def _is_linear_operator(gram: Any) -> bool:
    # Whoever has one has imported it: what reads a store does not wait for SciPy.
    scipy_linalg = sys.modules.get("scipy.sparse.linalg")
    return scipy_linalg is not None and isinstance(gram, scipy_linalg.LinearOperator)


class _OfLinearOperator(SymmetricOperator):
    """SciPy's operator, of which only products are known."""

    def __init__(self, operator: "LinearOperator", name: str):
        self.dtype = np.dtype(operator.dtype)
        if operator.shape[0] != operator.shape[1]:
            raise UserError(f"{name} must be a square operator, not of shape {operator.shape}: leave x2 out")
        if self.dtype not in (np.float32, np.float64):
            raise UserError(f"{name} must be an operator of float32 or float64, not of {self.dtype}")
        self.n, self._operator = operator.shape[0], operator
        if getattr(operator, "is_symmetric", False):  # an operator of ours, by construction
            return
        rows = np.random.default_rng(0).standard_normal((2, self.n))
        images = self.products(self.dtype)(rows)
        one, two = rows[0] @ images[1], rows[1] @ images[0]
        if abs(one - two) > _ASYMMETRY * np.linalg.norm(rows[0]) * np.linalg.norm(images[1]):
            raise UserError(f"{name} is not symmetric: leave x2 out, or pass (K + K.T) / 2")

    def products(self, dtype: DTypeLike, kept_bytes: float = 0.0) -> Products:
        return Products(self._operator.matmat, self.dtype)


class KeptPanels:
    """The panels of a matrix, one after another; what memory allows is kept from the first time on.

    Attributes:
        kept: the panels in memory by their number.
    """

    def __init__(self, matrix: SymmetricMatrix, allowed: float):
        """Takes the matrix and the bytes of panels that may be kept."""
        self._matrix, self._chosen = matrix, set()
        self._count = -(-matrix.n // matrix.panel_rows)
        self.kept: dict[int, tuple[int, np.ndarray]] = {}
        share = allowed / (matrix.dtype.itemsize * matrix.n**2 / 2)
        bytes_chosen = bytes_seen = 0
        for i in range(self._count):
            columns = matrix.n - i * matrix.panel_rows
            size = matrix.dtype.itemsize * min(matrix.panel_rows, columns) * columns
            bytes_seen += size
            # Those kept lie between those read, so that the disk is busy while they are multiplied.
            if bytes_chosen + size <= min(allowed, share * bytes_seen):
                bytes_chosen += size
                self._chosen.add(i)

    def __iter__(self) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        read = self._matrix.panels([i for i in range(self._count) if i not in self.kept])
        for i in range(self._count):
            start, panel = self.kept[i] if i in self.kept else next(read)
            if i in self._chosen and i not in self.kept:
                self.kept[i] = (start, panel.copy())  # what reads panels may fill the same memory again
            yield start, panel


def mirrored(tile: Float[np.ndarray, "... n n"]) -> Float[np.ndarray, "... n n"]:
    """Exactly symmetric: products of rows with themselves differ in rounding between both halves; the upper counts."""
    return np.triu(tile) + np.triu(tile, 1).swapaxes(-1, -2)


def place_tile(
    k: Float[np.ndarray, "... rows columns"], row: int, column: int, tile: Float[np.ndarray, "... r c"], symmetric: bool
) -> None:
    """Writes a tile into a kernel from (row, column) on; into a symmetric one its mirror image too."""
    rows, columns = slice(row, row + tile.shape[-2]), slice(column, column + tile.shape[-1])
    k[..., rows, columns] = tile
    if symmetric and row != column:
        k[..., columns, rows] = tile.swapaxes(-1, -2)
