"""Products of a symmetric matrix with blocks of vectors, from an array or panel by panel."""

import abc
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Float

from ntk_repro.gram.checks import check_finite

__all__ = ["ArrayProducts", "PanelProducts", "Products"]

_ROWS = 1024


class Products(abc.ABC):
    """A symmetric matrix as an operator, which counts its work.

    Attributes:
        products: how many vectors were multiplied.
        passes: how often the matrix was read for it.
    """

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype
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
        y = self._times(rows.T.astype(self.dtype, order="C")).T.astype(np.float64, order="C")
        check_finite(y, "the Gram matrix")
        return y

    @abc.abstractmethod
    def _times(self, x: Float[np.ndarray, "n b"]) -> Float[np.ndarray, "n b"]: ...


class ArrayProducts(Products):
    """Products with an array, some rows at a time, which is a quarter faster than in one piece."""

    def __init__(self, array: Float[np.ndarray, "n n"], dtype: np.dtype):
        super().__init__(dtype)
        self._array = array

    def _times(self, x: np.ndarray) -> np.ndarray:
        y = np.empty(x.shape, np.result_type(self._array, x))
        for start in range(0, len(y), _ROWS):
            np.matmul(self._array[start : start + _ROWS], x, out=y[start : start + _ROWS])
        return y


class PanelProducts(Products):
    """Products with a matrix that is read once for each, every panel serving both triangles.

    The panels that memory allows are kept from the first time on.
    """

    def __init__(
        self,
        panels: Callable[[Iterable[int] | None], Iterator[tuple[int, np.ndarray]]],
        dtype: np.dtype,
        kept_bytes: float,
        kept_share: float,
    ):
        """Takes `SymmetricMatrix.panels`, and how many bytes, and what share of all, may be kept."""
        super().__init__(dtype)
        self._read, self._allowed, self._share = panels, kept_bytes, kept_share
        self._kept: dict[int, tuple[int, np.ndarray]] = {}
        self._missing: list[int] | None = None

    def _times(self, x: np.ndarray) -> np.ndarray:
        y = np.zeros_like(x)
        for start, panel in self._panels():
            panel = panel.astype(self.dtype, copy=False)
            stop = start + len(panel)
            y[start:] += panel.T @ x[start:stop]
            y[start:stop] += panel[:, len(panel) :] @ x[stop:]
        return y

    def _panels(self) -> Iterator[tuple[int, np.ndarray]]:
        if self._missing is None:
            yield from self._first_pass()
            return
        read = iter(self._read(self._missing)) if self._missing else iter(())
        for i in range(len(self._kept) + len(self._missing)):
            yield self._kept[i] if i in self._kept else next(read)

    def _first_pass(self) -> Iterator[tuple[int, np.ndarray]]:
        self._missing = []
        kept = seen = 0
        for i, (start, panel) in enumerate(self._read(None)):
            seen += panel.nbytes
            # Those kept lie between those read, so that the disk is busy while they are multiplied.
            if kept + panel.nbytes <= min(self._allowed, self._share * seen):
                kept += panel.nbytes
                self._kept[i] = (start, panel.copy())  # what reads panels may fill the same memory again
            else:
                self._missing.append(i)
            yield start, panel
