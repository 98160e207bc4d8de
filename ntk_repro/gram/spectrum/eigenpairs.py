"""Eigenpairs of a Gram matrix, and what is read off a spectrum."""

import dataclasses
import warnings

import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator

from ntk_repro.described import Described
from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.checks import check_eigenpair_count, checked_array
from ntk_repro.gram.matrices import SymmetricMatrix, SymmetricOperator
from ntk_repro.gram.spectrum.eigensolver import Eigensolver, Lapack, Solution, smallest_resolved
from ntk_repro.gram.spectrum.krylov import BlockKrylov
from ntk_repro.memory import given_bytes, host_available_bytes
from ntk_repro.ranges import check_positive, check_seed
from ntk_repro.reservations import reserving

# Below this size LAPACK takes a second or two; above it, it still pays when most of the spectrum is asked for.
DENSE_BELOW = 1500
DENSE_SHARE = 0.4


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Eigenpairs(Described):
    """The largest eigenvalues of a symmetric matrix, descending, with unit eigenvectors as columns.

    Attributes:
        values: eigenvalues, float64; those below 0 (rounding of a positive semi-definite matrix) are clipped at 0.
        vectors: one unit vector a column. Sign: the sum of the cubed entries is positive, so that a vector with entries
            of one sign is positive; where that sum is nearly zero, the first entry of at least half the largest
            magnitude is positive.
        residuals: ||K v - lambda v|| / lambda for each pair. Eigenvalues below the rounding of the matrix (epsilon of
            its type times the largest) are divided by that.
        clipped: how many values were clipped at 0.
        products: how many vectors were multiplied by the matrix to find the pairs; 0 where LAPACK did.
        passes: how often the matrix was read for these products; 0 where LAPACK had all of it in memory.
        eps: relative rounding of the matrix's entries, that of its type; float32's where it is unknown.
    """

    values: Float[np.ndarray, " k"]
    vectors: Float[np.ndarray, "n k"]
    residuals: Float[np.ndarray, " k"]
    clipped: int = 0
    products: int = 0
    passes: int = 0
    eps: float = float(np.finfo(np.float32).eps)

    def _facts(self) -> dict[str, str]:
        (n, k), values = self.vectors.shape, self.values
        return {
            "k": f"{k:,} of {n:,}",
            "eigenvalues": f"{values[0]:.4g} to {values[-1]:.4g}",
            "residuals up to": f"{np.max(self.residuals):.1g}",
        }


def top_eigenpairs(
    gram: Float[np.ndarray, "n n"] | SymmetricOperator | LinearOperator,
    k: int,
    *,
    tolerance: float = 1e-3,
    method: str = "auto",
    seed: int = 0,
    memory: int | str | None = None,
    solver: Eigensolver | None = None,
) -> Eigenpairs:
    """The k largest eigenvalues of a symmetric positive semi-definite matrix and their eigenvectors.

    Small matrices go to LAPACK in float64, large ones to a block Krylov iteration that multiplies them in their own
    precision and keeps its basis and the projected problem in float64 (see `BlockKrylov`). A matrix in a store is read
    panel by panel, once a pass: from memory after the first pass where `memory` allows, else from disk with wider
    blocks, in bounded memory. An operator is multiplied by a block of vectors at a time, in its own precision.

    Args:
        gram: a NumPy array or memory map, float32 or float64, with both triangles filled; a `GramStore`; or a symmetric
            operator, such as `ntk_operator` returns.
        k: how many eigenpairs, at most n.
        tolerance: the residual ||K v - lambda v|| / lambda asked of every pair; a warning says where it is not reached.
        method: "dense", "krylov", or "auto": dense for small n and where k is a large share of n, if memory allows. An
            operator has "krylov" alone.
        seed: of the Krylov iteration's random start. The same seed and `memory` give the same result.
        memory: bytes that may be used, the result included and an array passed in not; None for most of what is free,
            which then decides over the width of the blocks, and so over the rounding.
        solver: the eigensolver, in place of `method` and `seed`.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, k outside 1..n, too little memory, and
            method="dense" for an operator.
    """
    matrix = SymmetricOperator.of(gram)
    k = check_eigenpair_count(k, matrix.n)
    check_positive(tolerance=tolerance)
    seed = check_seed(seed)
    if not isinstance(solver, Eigensolver | None):
        raise UserError(f"solver must be an eigensolver such as BlockKrylov(), not {solver!r}: or name a method")
    if method == "auto" and not isinstance(matrix, SymmetricMatrix):
        method = "krylov"
    memory = None if memory is None else given_bytes(memory, 0)
    solver = solver or pick_eigensolver(matrix.n, k, method=method, seed=seed, memory=memory)
    needed = solver.cost(matrix.n, k).memory
    with reserving(needed if memory is None else min(needed, memory)):
        solution = solver.solve(matrix, k, tolerance, memory)
    pairs = _clipped(solution, matrix.dtype)
    if missed := solution.missed(tolerance, matrix.dtype):
        message = f"{missed} of {k} eigenpairs miss the tolerance {tolerance:g}"
        warnings.warn(f"{message}: the largest residual is {pairs.residuals.max():.2g}", stacklevel=2)
    return pairs


def pick_eigensolver(
    n: int, k: int, *, method: str = "auto", seed: int = 0, memory: float | str | None = None
) -> Eigensolver:
    """The eigensolver of `top_eigenpairs` for k eigenpairs of a matrix of n rows; arguments as there.

    Raises:
        UserError: for an unknown method.
    """
    solvers: dict[str, Eigensolver] = {"dense": Lapack(), "krylov": BlockKrylov(seed)}
    if method == "auto":
        allowed = given_bytes(memory, host_available_bytes())
        suits = n <= DENSE_BELOW or k > DENSE_SHARE * n
        method = "dense" if suits and solvers["dense"].cost(n, k).memory <= allowed else "krylov"
    check_name("method", method, ("auto", *solvers))
    return solvers[method]


def _clipped(solution: Solution, dtype: np.dtype) -> Eigenpairs:
    values, vectors, floor = solution.values, solution.vectors, smallest_resolved(dtype, solution.values)
    if values[-1] < -10 * floor:
        message = f"eigenvalue {values[-1]:.3g} was clipped at 0"
        warnings.warn(f"the matrix is not positive semi-definite: {message}", stacklevel=3)
    clipped = np.where(values < 0, 0.0, values)
    # Of a clipped pair K v itself is the residual; what K v has besides lambda v is orthogonal to v.
    residuals = np.hypot(solution.residuals, values - clipped) / np.maximum(clipped, floor)
    vectors *= signs(vectors)
    negative, eps = int(np.sum(values < 0)), float(np.finfo(dtype).eps)
    return Eigenpairs(clipped, vectors, residuals, negative, solution.products, solution.passes, eps)


def effective_rank(singular_values: Float[np.ndarray, " d"]) -> float:
    """The exponential of the Shannon entropy of the normalised singular values: d for equal ones, 1 for one.

    Source: Roy and Vetterli 2007, Definition 1. Pass the singular values of a Jacobian, or a kernel's eigenvalues,
    and say which: the two ranks differ.

    Raises:
        UserError: for negative, non-finite or only zero values.
    """
    values = checked_array(singular_values, "the singular values", ("d",))
    if np.any(values < 0) or not np.any(values > 0):
        raise UserError("effective_rank needs singular values of which none is negative and at least one above 0")
    share = values[values > 0] / values.max()
    share /= share.sum()
    return float(np.exp(-np.sum(share * np.log(np.where(share > 0, share, 1.0)))))


def energy_concentration(
    vectors: Float[np.ndarray, "n k"], y: Float[np.ndarray, " n"] | Float[np.ndarray, "n T"]
) -> float | Float[np.ndarray, " T"]:
    """||Phi^T y|| / ||y||: how much of a label vector lies in the span of orthonormal vectors, between 0 and 1.

    Source: Ortiz-Jimenez et al. 2021, Table 1; a ratio of norms, not of their squares, which is what reproduces
    the numbers printed there.

    Args:
        vectors: orthonormal columns, e.g. `top_eigenpairs(gram, 50).vectors`.
        y: one label vector, or several as columns.

    Raises:
        UserError: for lengths that do not match, vectors that are not orthonormal, and a label vector of zeros.
    """
    vectors = checked_array(vectors, "the vectors", ("n", "k"))
    y = checked_array(y, "the labels", (len(vectors),), (len(vectors), "T"))
    if np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max() > 1e-3:
        raise UserError("the vectors are not orthonormal; pass the columns that top_eigenpairs returns")
    norm = np.linalg.norm(y, axis=0)
    if np.any(norm == 0):
        raise UserError("a label vector of zeros has no energy to concentrate: leave it out")
    share = np.linalg.norm(vectors.T @ y, axis=0) / norm
    return float(share) if y.ndim == 1 else share


def signs(vectors: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """The factor, 1 or -1, that gives each column the sign that `Eigenpairs` promises."""
    found = []
    for start in range(0, vectors.shape[1], 64):
        block = vectors[:, start : start + 64]
        # Cubes weigh the large entries, which rounding moves least, and do not depend on the order of the samples.
        cubes = block**3
        sums, sizes = cubes.sum(axis=0), np.abs(cubes).sum(axis=0)
        large = np.abs(block) >= 0.5 * np.abs(block).max(axis=0)
        first = np.take_along_axis(block, large.argmax(axis=0)[None], axis=0)[0]
        found.append(np.where(np.where(np.abs(sums) > 1e-6 * sizes, sums, first) < 0, -1.0, 1.0))
    return np.concatenate(found)
