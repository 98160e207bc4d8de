"""Products of a symmetric matrix with blocks of vectors, counted and checked."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ntk_repro.gram.checks import check_finite

__all__ = ["Products"]


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
