"""All eigenpairs by LAPACK, in float64: for small matrices, and where most of the spectrum is asked for."""

import dataclasses

import numpy as np

from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.memory import check_memory
from ntk_repro.gram.spectrum.eigensolver import Cost, Eigensolver, Solution

__all__ = ["Lapack"]

_MATRICES = 5  # n x n in float64 that are alive at once: matrix, vectors, and room to work


@dataclasses.dataclass(frozen=True)
class Lapack(Eigensolver):
    """Reduction to a tridiagonal matrix and divide and conquer, LAPACK's `syevd`.

    Source: Cuppen 1981; Gu and Eisenstat 1995 (divide and conquer).
    """

    def cost(self, n: int, k: int) -> Cost:
        """See `Eigensolver.cost`; most of the 6 n^3 operations wait for memory, so that they take as long as 20 n^3."""
        return Cost(0.0, 20.0 * n**3, _MATRICES * 8.0 * n**2)

    def solve(self, matrix: SymmetricMatrix, k: int, tolerance: float, memory: int | None) -> Solution:
        """See `Eigensolver.solve`; the residuals are those of rounding, whatever the tolerance."""
        if memory is not None:
            needed = self.cost(matrix.n, k).memory
            remedy = 'allow more, or take method="krylov"'
            check_memory(f"the dense eigendecomposition of {matrix.n:,} rows", needed, memory, remedy)
        dense = matrix.dense(np.float64)
        # All pairs, then the largest: LAPACK's drivers for a part of the spectrum lose some where eigenvalues coincide.
        values, vectors = np.linalg.eigh(dense)
        values, vectors = values[::-1][:k].copy(), np.ascontiguousarray(vectors[:, ::-1][:, :k])
        return Solution(values, vectors, np.linalg.norm(dense @ vectors - vectors * values, axis=0))
