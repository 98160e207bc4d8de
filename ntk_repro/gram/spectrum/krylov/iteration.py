"""The block Krylov iteration: it grows a basis until its leading Ritz pairs are eigenpairs, then checks them."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import Products, SymmetricMatrix, SymmetricOperator
from ntk_repro.gram.spectrum.eigensolver import Cost, Eigensolver, Solution
from ntk_repro.gram.spectrum.krylov.basis import Basis
from ntk_repro.gram.spectrum.krylov.plan import PROBES, Plan, Problem
from ntk_repro.progress import progress

MAX_PRODUCTS = 40  # the work that is spent at most, in basis sizes
_FLOAT32 = 4


@dataclasses.dataclass(frozen=True)
class BlockKrylov(Eigensolver):
    """Block Lanczos iteration, reorthogonalized in full and thick-restarted when its basis is full.

    Products with the matrix run in its own precision, everything else in float64. In float32 that limits the residual
    to about 5e-7 / sqrt(n) times lambda_1 / lambda_k. Where this misses the tolerance, the iteration is done again with
    float64 products, if memory has room for them and the matrix has entries (an operator's precision is its own).

    A matrix in a store is read once a pass, each panel serving both triangles. What memory allows is kept from the
    first pass on; where panels come from disk, the block is widened, which trades passes for products: about
    k + 5 sqrt(k block) products are needed where eigenvalues follow a power law (measured).

    Source: Stewart 2001, A Krylov-Schur algorithm for large eigenproblems (the restart);
    Musco and Musco 2015 (randomized block Krylov).

    Attributes:
        seed: of the random start. The same seed and memory give the same result.
    """

    seed: int = 0

    def cost(self, n: int, k: int) -> Cost:
        """See `Eigensolver.cost`; for a float32 matrix whose eigenvalues follow a power law."""
        problem = Problem(n, k, _FLOAT32, _FLOAT32, panel_rows=0)
        vectors = min(float(n), problem.products(problem.block))
        # Each new vector is projected out of all earlier ones, there and back, twice, in float64.
        memory = problem.memory(problem.block, problem.usual_capacity(problem.block))
        return Cost(2.0 * n**2 * vectors, 4.0 * n * vectors**2, memory)

    def solve(self, matrix: SymmetricOperator, k: int, tolerance: float, memory: int | None) -> Solution:
        """See `Eigensolver.solve`."""
        first = self.iterate(matrix, k, tolerance, memory)
        if not _drowned(first, matrix, tolerance):
            return first
        try:
            again = self.iterate(matrix, k, tolerance, memory, np.float64)
        except UserError:
            if memory is None:
                raise
            return first
        return dataclasses.replace(again, products=again.products + first.products, passes=again.passes + first.passes)

    def iterate(
        self, matrix: SymmetricOperator, k: int, tolerance: float, memory: int | None = None, dtype: Any = None
    ) -> Solution:
        """One iteration with products of one type.

        The residuals follow from the products that the iteration made anyway: K Q is known for the basis Q, so K v is
        for v = Q c. They are held against products of `PROBES` random vectors, made in the first pass; should these
        disagree (a matrix that is not symmetric, a disk that does not read the same twice), every eigenvector is
        multiplied itself.

        Args:
            matrix: as in `Eigensolver.solve`, and so on.
            k: number of eigenpairs.
            tolerance: the iteration stops when all k pairs reach it, or at the rounding of K.
            memory: bytes that may be used.
            dtype: of the products, None for the matrix's own.

        Raises:
            UserError: when a product shows entries that are not finite, and for less memory than the basis needs.
        """
        n, dtype = matrix.n, np.dtype(dtype or matrix.dtype)
        eps = float(np.finfo(dtype).eps)
        problem = Problem(n, k, matrix.dtype.itemsize, dtype.itemsize, matrix.panel_rows)
        plan = problem.plan(memory)
        times = matrix.products(dtype, plan.kept_bytes)
        basis = Basis(times, n, plan.capacity, np.random.default_rng(self.seed))
        probes = np.random.default_rng([self.seed, 1]).standard_normal((PROBES, n))
        basis.extend(basis.random(plan.block))
        probed = basis.multiply(probes)
        values, coefficients = _converged(basis, plan, k, tolerance, eps)
        residuals, vectors = basis.residuals(values, coefficients), basis.vectors(coefficients)
        width = max(basis.capacity // 5, plan.block)  # so many can be multiplied at once in the memory of the basis
        del basis
        rounding = 16 * eps * (np.abs(values[0]) / np.sqrt(n) + np.abs(values))
        seen = np.linalg.norm(probed @ vectors - (probes @ vectors) * values, axis=0) / np.sqrt(PROBES)
        if not np.all(seen <= 2 * residuals + rounding):
            residuals = _direct_residuals(times, values, vectors, width)
        return Solution(values, vectors, residuals, times.products, times.passes)


def _converged(
    basis: Basis, plan: Plan, k: int, tolerance: float, eps: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "size k"]]:
    """Grows the basis until k Ritz pairs are within the tolerance; their values and coefficients.

    Where as many eigenvalues coincide as the block is wide, a Krylov space of one start block cannot hold all their
    vectors: a fresh random block joins it, which needs as many steps as the first one had.
    """
    n, limit = basis.n, MAX_PRODUCTS * basis.capacity
    checkpoints = _Checkpoints(min(n, k + max(2 * plan.block, k // 2)), plan.block, stride=max(plan.block, k // 4))
    steps = steps_of_one_block = settled_at = found = 0
    with progress(f"{k} eigenpairs", total=k) as advance:
        while True:
            steps += 1
            fresh = basis.random(0)
            full = basis.capacity < n and basis.size + 2 * len(basis.remainder) > basis.capacity
            if basis.size < n and not full and (basis.size < checkpoints.next or steps < settled_at):
                advance(0, note=f"{found} converged, {basis.times.note}")
            else:
                pairs = basis.ritz_pairs()
                noise = 4 * eps * abs(pairs.values[0]) / np.sqrt(n)
                targets = np.maximum(0.5 * tolerance * np.abs(pairs.values[:k]), noise)
                good = int(np.sum(pairs.outside[:k] <= targets))
                advance(max(0, good - found), note=f"{good} converged, {basis.times.note}")
                found = max(found, good)
                converged = good == k and steps >= settled_at
                lacks_copies = converged and _lacks_copies(pairs.values[:k], noise, basis.width)
                if basis.size == n or basis.times.products >= limit or (converged and not lacks_copies):
                    return pairs.values[:k], np.ascontiguousarray(pairs.coefficients[:, :k])
                if lacks_copies:
                    steps_of_one_block = steps_of_one_block or steps
                    fresh, settled_at = basis.random(basis.width), steps + steps_of_one_block
                checkpoints.plan_next(basis.size, pairs.outside[:k] / np.maximum(targets, np.finfo(float).tiny))
                if full:
                    basis.restart(pairs, k)
                    checkpoints.restart(basis.size)
            basis.extend_by_remainder(plan.block)
            basis.extend(fresh)
            basis.multiply()


@dataclasses.dataclass
class _Checkpoints:
    """At which sizes of the basis the Ritz pairs are computed, which costs size^3.

    Attributes:
        next: the size of the next check.
        block: fewest rows between two checkpoints.
        stride: most rows between two checkpoints.
    """

    next: int
    block: int
    stride: int
    _last: tuple[int, float] | None = None

    def plan_next(self, size: int, excess: Float[np.ndarray, " k"]) -> None:
        """From the last two checks, when the worst pair will be right; `excess` is residual over target."""
        worst = float(np.log(np.max(excess) + 1e-300))
        rows = self.stride
        if self._last is not None and self._last[1] > worst:
            rows = int(np.clip((size - self._last[0]) * worst / (self._last[1] - worst), self.block, self.stride))
        self.next, self._last = size + rows, (size, worst)

    def restart(self, size: int) -> None:
        self.next, self._last = size + self.stride, None


def _lacks_copies(values: np.ndarray, noise: float, width: int) -> bool:
    """Whether as many eigenvalues coincide, above the smallest, as the last block is wide."""
    close = values[:-1] - values[1:] <= max(noise, 1e-9 * abs(values[0]))
    starts = np.flatnonzero(np.concatenate([[True], ~close]))
    lengths = np.diff(np.append(starts, len(values)))
    return bool(np.any(lengths[:-1] >= width))


def _drowned(solution: Solution, matrix: SymmetricOperator, tolerance: float) -> bool:
    """Whether a steep spectrum drowns its small eigenvalues in the rounding of float32 products."""
    # An operator has products of its own type alone.
    if matrix.dtype == np.float64 or not isinstance(matrix, SymmetricMatrix):
        return False
    if not solution.missed(tolerance, matrix.dtype):
        return False
    values = solution.values
    rounding = float(np.finfo(matrix.dtype).eps) * values[0] / np.sqrt(matrix.n)
    return rounding > 0.1 * tolerance * max(values[-1], 0.0)


def _direct_residuals(times: Products, values: np.ndarray, vectors: np.ndarray, width: int) -> np.ndarray:
    residuals = np.empty(len(values))
    for start in range(0, len(values), width):
        pairs = slice(start, start + width)
        residuals[pairs] = np.linalg.norm(times(vectors[:, pairs].T) - (vectors[:, pairs] * values[pairs]).T, axis=1)
    return residuals
