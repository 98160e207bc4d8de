"""A symmetric matrix that comes in panels, from memory or from disk, and products with it."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError

__all__ = ["Panelled", "Products"]

_ROWS = 1024


class Panelled(Protocol):
    """A symmetric matrix that hands out its upper triangle by block rows, such as `GramStore`."""

    @property
    def dtype(self) -> np.dtype:
        """Of the entries: float32 or float64."""
        ...

    def __len__(self) -> int:
        """The number n of rows."""
        ...

    def panels(self, blocks: Any = None) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """(start, K[start : start + rows, start:n]) of all block rows in order, or of those numbered in `blocks`."""
        ...


class Products:
    """A symmetric matrix as an operator, which counts its work.

    A panelled matrix is read once a product, each panel serving both triangles, and what memory allows is kept from the
    first time on.

    Attributes:
        products: how many vectors were multiplied.
        passes: how often the matrix was read for it.
    """

    def __init__(self, matrix: Float[np.ndarray, "n n"] | Panelled, dtype: np.dtype, kept_bytes: float = 0.0):
        """Takes the matrix, the type its products are computed in, and the bytes of panels that may be kept."""
        self.dtype = np.dtype(dtype)
        self._array, self._source = (matrix, None) if isinstance(matrix, np.ndarray) else (None, matrix)
        self.products = self.passes = 0
        self._kept: dict[int, tuple[int, np.ndarray]] = {}
        self._missing: list[int] | None = None
        self._allowed, self._share = kept_bytes, kept_bytes / (matrix.dtype.itemsize * len(matrix) ** 2 / 2)

    @property
    def note(self) -> str:
        """For the progress bar."""
        return f"{self.products} products in {self.passes} passes"

    def __call__(self, rows: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """rows times the symmetric matrix, as float64."""
        # Vectors as columns, so that every panel adds to whole rows.
        x = rows.T.astype(self.dtype, order="C")
        self.products += len(rows)
        self.passes += 1
        if self._array is not None:
            y = np.empty((len(self._array), len(rows)), np.result_type(self._array, x))
            for start in range(0, len(y), _ROWS):  # a quarter faster than in one piece
                np.matmul(self._array[start : start + _ROWS], x, out=y[start : start + _ROWS])
        else:
            y = np.zeros_like(x)
            for start, panel in self._panels():
                panel = panel.astype(self.dtype, copy=False)
                stop = start + len(panel)
                y[start:] += panel.T @ x[start:stop]
                y[start:stop] += panel[:, len(panel) :] @ x[stop:]
        y = y.T.astype(np.float64, order="C")
        if not np.all(np.isfinite(y)):
            raise UserError("the Gram matrix has entries that are not finite; look for NaN in the data or parameters")
        return y

    def _panels(self) -> Iterator[tuple[int, np.ndarray]]:
        assert self._source is not None
        if self._missing is None:
            self._missing = []
            kept = seen = 0
            for i, (start, panel) in enumerate(self._source.panels()):
                seen += panel.nbytes
                # Those kept lie between those read, so that the disk is busy while they are multiplied.
                if kept + panel.nbytes <= min(self._allowed, self._share * seen):
                    kept += panel.nbytes
                    # A copy, for what reads panels may fill the same memory again.
                    self._kept[i] = (start, panel.copy())
                else:
                    self._missing.append(i)
                yield start, panel
            return
        read = iter(self._source.panels(self._missing)) if self._missing else iter(())
        for i in range(len(self._kept) + len(self._missing)):
            yield self._kept[i] if i in self._kept else next(read)
