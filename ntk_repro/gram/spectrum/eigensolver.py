"""What an eigensolver is: an algorithm for the largest eigenpairs of a symmetric matrix that knows what it costs.

LAPACK's is the one for small matrices.
"""

import abc
import dataclasses

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import SymmetricMatrix, SymmetricOperator
from ntk_repro.memory import check_memory

_MATRICES = 5  # n x n in float64 that are alive at once: matrix, vectors, and room to work


@dataclasses.dataclass(frozen=True)
class Cost:
    """What eigenpairs take.

    Attributes:
        products: floating-point operations of products with the matrix, in its own precision.
        algebra: operations in float64 beside them, as many as a matrix product does in the same time.
        memory: bytes at once, beside a matrix that is in memory.
    """

    products: float
    algebra: float
    memory: float


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """What an eigensolver found.

    Attributes:
        values: eigenvalues, descending.
        vectors: unit eigenvectors as columns.
        residuals: ||K v - lambda v|| of each pair.
        products: how many vectors were multiplied by the matrix.
        passes: how often the matrix was read for it.
    """

    values: Float[np.ndarray, " k"]
    vectors: Float[np.ndarray, "n k"]
    residuals: Float[np.ndarray, " k"]
    products: int = 0
    passes: int = 0

    def missed(self, tolerance: float, dtype: np.dtype) -> int:
        """How many pairs have ||K v - lambda v|| / lambda above the tolerance, of those whose eigenvalue has digits."""
        # An eigenvalue that is clipped at 0 is off by its own size: it cannot miss a relative tolerance.
        with_digits = self.values > 10 * smallest_resolved(dtype, self.values)
        return int(np.sum(with_digits & (self.residuals > tolerance * self.values)))


class Eigensolver(abc.ABC):
    """Finds the largest eigenpairs of a symmetric positive semi-definite matrix."""

    @abc.abstractmethod
    def cost(self, n: int, k: int) -> Cost:
        """What k eigenpairs of a matrix of n rows are expected to take."""

    @abc.abstractmethod
    def solve(self, matrix: SymmetricOperator, k: int, tolerance: float, memory: int | None) -> Solution:
        """The k largest eigenpairs.

        Args:
            matrix: any symmetric matrix; one that is no `SymmetricMatrix` has products alone.
            k: from 1 to n.
            tolerance: the residual ||K v - lambda v|| / lambda that is asked of every pair.
            memory: bytes that may be used, the result included and an array passed in not; None for what is free.

        Raises:
            UserError: for entries that are not finite, too little memory, and an operator where entries are needed.
        """


@dataclasses.dataclass(frozen=True)
class Lapack(Eigensolver):
    """Reduction to a tridiagonal matrix and divide and conquer, LAPACK's `syevd`.

    Source: Cuppen 1981; Gu and Eisenstat 1995 (divide and conquer).
    """

    def cost(self, n: int, k: int) -> Cost:
        """See `Eigensolver.cost`; most of the 6 n^3 operations wait for memory, so that they take as long as 20 n^3."""
        return Cost(0.0, 20.0 * n**3, _MATRICES * 8.0 * n**2)

    def solve(self, matrix: SymmetricOperator, k: int, tolerance: float, memory: int | None) -> Solution:
        """See `Eigensolver.solve`; the residuals are those of rounding, whatever the tolerance."""
        if not isinstance(matrix, SymmetricMatrix):
            raise UserError('an operator has no entries for LAPACK: take method="krylov"')
        if memory is not None:
            needed = self.cost(matrix.n, k).memory
            remedy = 'allow more, or take method="krylov"'
            check_memory(f"the dense eigendecomposition of {matrix.n:,} rows", needed, memory, remedy)
        dense = matrix.dense(np.float64)
        # All pairs, then the largest: LAPACK's drivers for a part of the spectrum lose some where eigenvalues coincide.
        values, vectors = np.linalg.eigh(dense)
        values, vectors = values[::-1][:k].copy(), np.ascontiguousarray(vectors[:, ::-1][:, :k])
        return Solution(values, vectors, np.linalg.norm(dense @ vectors - vectors * values, axis=0))


def smallest_resolved(dtype: np.dtype, values: Float[np.ndarray, " k"]) -> float:
    """The rounding of the largest eigenvalue, below which others have no digits."""
    return float(np.finfo(dtype).eps) * max(abs(values[0]), np.finfo(dtype).tiny)
