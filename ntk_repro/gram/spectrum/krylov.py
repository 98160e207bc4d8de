"""A block Krylov iteration for the largest eigenpairs of a symmetric matrix, read from memory or from disk."""

import dataclasses
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.memory import host_available_bytes, readable_bytes
from ntk_repro.gram.spectrum.panels import Panelled, Products
from ntk_repro.progress import progress

__all__ = ["Solution", "block_krylov"]

BLOCK = 64  # wide enough for GEMM speed, narrow enough for a high polynomial degree in a small basis
MAX_PRODUCTS = 40  # the work that is spent at most, in basis sizes
PROBES = 32  # random vectors that the residuals are checked with: their norms are seen to within about 25 %
_READING = 120  # operations of a product that take the time of reading one byte from a fast disk
_CHUNK = 8192  # samples whose part of all eigenvectors is made at once


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """What the iteration found.

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
    products: int
    passes: int


def block_krylov(
    matrix: Float[np.ndarray, "n n"] | Panelled,
    k: int,
    tolerance: float,
    seed: int = 0,
    block: int | None = None,
    memory: int | None = None,
    dtype: Any = None,
) -> Solution:
    """The k largest eigenvalues, their unit eigenvectors and residuals, from a block Lanczos iteration.

    The basis is reorthogonalised in full and restarted thickly when it is full. Products with the matrix run in its
    own precision, everything else in float64. Where `block` or more eigenvalues coincide, a Krylov space of one start
    block cannot hold all their vectors; the block is then widened by a fresh random one.

    The residuals follow from the products that the iteration made anyway: K Q is known for the basis Q, so K v is for
    v = Q c. They are held against products of `PROBES` random vectors, made in the first pass; should these disagree (a
    matrix that is not symmetric, a disk that does not read the same twice), every eigenvector is multiplied itself.

    A panelled matrix is read once a pass, each panel serving both triangles. What memory allows is kept from the first
    pass on; where the rest comes from disk, the block is widened, which trades passes for products: about
    k + 5 sqrt(k block) products are needed where eigenvalues follow a power law (measured).

    Source: Stewart 2001, A Krylov-Schur algorithm for large eigenproblems (the restart);
    Musco and Musco 2015 (randomised block Krylov).

    Args:
        matrix: symmetric, float32 or float64: an array, or what hands out panels.
        k: number of eigenpairs.
        tolerance: on ||K v - lambda v|| / lambda; the iteration stops when all k reach it, or at the rounding of K.
        seed: of the random start.
        block: width of the start block.
        memory: bytes that may be used beside an array passed in, the result included; None for most of what is free.
        dtype: of the products, None for the matrix's own.

    Raises:
        UserError: when a product shows entries that are not finite, and for less memory than the basis needs.
    """
    n, rng = len(matrix), np.random.default_rng(seed)
    dtype = np.dtype(dtype or matrix.dtype)
    plan = _Plan.of(matrix, k, dtype, block, memory)
    times = Products(matrix, dtype, plan.kept_bytes)
    basis = _Basis(times, n, plan.capacity, rng)
    limit = MAX_PRODUCTS * basis.capacity
    # The projected problem costs size^3: it is looked at when the basis can have converged, then at every few blocks.
    stride = max(plan.block, k // 4)
    look_at = min(n, k + max(2 * plan.block, k // 2))
    steps = first = settle = found = 0
    before: tuple[int, float] | None = None
    probes = np.random.default_rng([seed, 1]).standard_normal((PROBES, n))
    with progress(f"{k} eigenpairs", total=k) as advance:
        basis.extend(basis.random(plan.block))
        probed = basis.multiply(probes)
        while True:
            steps += 1
            full = basis.capacity < n and basis.size + 2 * len(basis.remainder) > basis.capacity
            if basis.size < n and not full and (basis.size < look_at or steps < settle):
                advance(0, note=f"{found} converged, {times.note}")
                basis.extend_by_remainder(plan.block)
                basis.multiply()
                continue
            values, coefficients, residuals = basis.ritz_pairs()
            noise = 4 * float(np.finfo(dtype).eps) * abs(values[0]) / np.sqrt(n)
            targets = np.maximum(0.5 * tolerance * np.abs(values[:k]), noise)
            good = int(np.sum(residuals[:k] <= targets))
            advance(max(0, good - found), note=f"{good} converged, {times.note}")
            found = max(found, good)
            if basis.size == n or times.products >= limit:
                break
            fresh = basis.random(0)
            if good == k and steps >= settle:
                if not basis.lacks_copies(values[:k], noise):
                    break
                # A fresh block needs as many steps as the first one had before its Ritz values can be trusted.
                first = first or steps
                fresh, settle = basis.random(basis.width), steps + first
            worst = float(np.log(np.max(residuals[:k] / np.maximum(targets, np.finfo(float).tiny)) + 1e-300))
            look_at = basis.size + _next_look(before, (basis.size, worst), plan.block, stride)
            before = (basis.size, worst)
            if full:
                basis.restart(values, coefficients, k)
                look_at, before = basis.size + stride, None
            basis.extend_by_remainder(plan.block)
            basis.extend(fresh)
            basis.multiply()
    values, coefficients = values[:k], np.ascontiguousarray(coefficients[:, :k])
    residuals, vectors = basis.residuals(values, coefficients), basis.vectors(coefficients)
    spare = basis.capacity // 5  # as many vectors can be multiplied at once in the memory of the basis
    del basis
    rounding = 16 * float(np.finfo(dtype).eps) * (np.abs(values[0]) / np.sqrt(n) + np.abs(values))
    seen = np.linalg.norm(probed @ vectors - (probes @ vectors) * values, axis=0) / np.sqrt(PROBES)
    if not np.all(seen <= 2 * residuals + rounding):
        residuals = _direct_residuals(times, values, vectors, max(spare, plan.block))
    return Solution(values, vectors, residuals, times.products, times.passes)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """How wide the block, how large the basis, and how much of the matrix is kept in memory."""

    block: int
    capacity: int
    kept_bytes: float

    @classmethod
    def of(cls, matrix: Any, k: int, dtype: np.dtype, block: int | None, memory: int | None) -> "_Plan":
        n, itemsize = len(matrix), matrix.dtype.itemsize
        panelled = not isinstance(matrix, np.ndarray)
        rows = panel_bytes = 0
        if panelled:
            rows = len(next(iter(matrix.panels([0])))[1])
            # One in use, one read ahead and one in between; beside them the converted one, and products of one panel.
            panel_bytes = rows * n * (3 * itemsize + (dtype.itemsize if dtype != matrix.dtype else 0))
        narrow = block or max(8, min(BLOCK, k // 4 + 8))
        budget = memory if memory is not None else int(0.8 * host_available_bytes())

        def fixed(width: int, capacity: int) -> int:
            # Five blocks in float64 and three in the products' precision are alive in a step; the first has the probes.
            step = (width + PROBES) * n * (40 + 3 * dtype.itemsize) + panel_bytes
            projected, result = 40 * capacity**2, 8 * k * (n + 2 * min(n, _CHUNK))
            return 8 * n * (capacity + 2 * PROBES) + 8 * capacity**2 + max(step, projected, result)

        def plan(width: int) -> tuple[int, float, float]:
            """Capacity, memory left to panels, and cost in products of n^2, for a width of the block."""
            products = k + 5 * np.sqrt(k * width)
            capacity, least = min(n, 2 * k + 8 * width), min(n, k + 4 * width)
            # Twice the usual products, so that hardly any spectrum needs a restart, where no panel has to make room.
            ample = max(capacity, min(n, int(2 * products)))
            if fixed(width, ample) + (itemsize * n * (n + rows) // 2 if panelled else 0) <= budget:
                capacity = ample
            excess = fixed(width, capacity) - budget
            if excess > 0:
                capacity = max(least, capacity - -(-excess // (8 * n)))
            left = max(0.0, budget - fixed(width, capacity))
            read = max(0.0, 1 - left / (itemsize * n * n / 2)) if panelled else 0.0
            restarts = max(1.0, products / capacity)
            return capacity, left, products * restarts * max(1.0, read * itemsize * _READING / (4 * width))

        widths = [narrow]
        if panelled and block is None:
            widths += [w for w in (96, 128, 192, 256) if w > narrow and fixed(w, min(n, k + 4 * w)) <= budget]
        block = min(n, min(widths, key=lambda w: plan(w)[2]))
        capacity, left, _ = plan(block)
        if memory is not None and (needed := fixed(block, capacity)) > memory:
            raise UserError(
                f"{k} eigenpairs of {n:,} samples need {readable_bytes(needed)} of memory and {readable_bytes(memory)} "
                "are allowed: allow more, or ask for fewer eigenpairs"
            )
        return cls(block, capacity, left)


class _Basis:
    """Orthonormal rows Q (float64), the products K Q as coefficients in Q, and what K maps out of their span."""

    def __init__(self, times: Products, n: int, capacity: int, rng: np.random.Generator):
        self.times, self.rng, self.n = times, rng, n
        self._allocate(capacity)
        self.size = 0  # rows in the basis
        self.done = 0  # rows that were multiplied
        self.recent = 0  # rows before this one are coupled to the next products by rounding only
        self.remainder = np.empty((0, self.n))
        self.significant = False  # whether the remainder is more than the rounding of its projection
        self.width = 0
        self.leading = (slice(0), np.empty((0, 0)))  # which rows lead out of the span, as combinations of the remainder

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = np.empty((capacity, self.n))
        self.coupling = np.zeros((capacity, capacity))  # row i: the product of row i
        self.lost = np.zeros(capacity)  # norm of the part of each product that a restart has dropped

    def random(self, count: int) -> np.ndarray:
        return self.rng.standard_normal((count, self.n))

    def extend_by_remainder(self, block: int) -> None:
        """The next step of the Krylov iteration; where the span is closed under K, random rows open it again."""
        added = self.extend(self.remainder, projected=self.significant)
        if added:
            new, (leading, weights) = slice(self.size - added, self.size), self.leading
            self.coupling[leading, new] = weights @ (self.remainder @ self.rows[new].T)
        else:
            self.extend(self.random(block))

    def extend(self, block: np.ndarray, projected: bool = False) -> int:
        """Appends an orthonormal basis of what `block` adds to the span; returns by how many rows."""
        room = self.capacity - self.size
        scale = np.linalg.norm(block, axis=1).max(initial=0.0)
        if scale == 0 or room == 0:
            return 0
        block = block / scale
        if not projected:
            self._project_out(block)
        spread, whitened = _whitened(block)
        if whitened is None:
            # The pivoted factorisation shows which directions are only rounding.
            factors: Any = scipy.linalg.qr(block.T, mode="economic", pivoting=True, check_finite=False)
            q, r = factors[:2]
            rank = int(np.sum(np.abs(np.diagonal(r)) > 1e-10))
            whitened = np.ascontiguousarray(q.T[: min(rank, room)])
        # Twice is enough, and once where no direction was so small that scaling it up scaled up what was left over.
        if not projected or spread > 100:
            self._project_out(whitened)
        q = whitened if len(whitened) == 0 else _whitened(whitened)[1]
        if q is None:
            q = np.ascontiguousarray(np.linalg.qr(whitened.T)[0].T)
        added = min(len(q), room)
        self.rows[self.size : self.size + added] = q[:added]
        self.size += added
        return added

    def multiply(self, others: np.ndarray | None = None) -> np.ndarray:
        """Multiplies the rows that are new, and splits the products into the span and the remainder.

        Returns the products of `others`, which go along in the same pass.
        """
        others = self.random(0) if others is None else others
        new = slice(self.done, self.size)
        self.width = self.size - self.done
        product = self.times(np.concatenate([self.rows[new], others]) if len(others) else self.rows[new])
        product, passengers = product[: self.width], product[self.width :].copy()
        scale = np.linalg.norm(product)
        inside = np.zeros((self.width, self.size))
        # In a Krylov sequence only the last two blocks matter; then the whole basis, until it takes nothing more.
        start = self.recent
        for _ in range(4):
            basis = self.rows[start : self.size]
            part = product @ basis.T
            product -= part @ basis
            inside[:, start:] += part
            if start == 0 and np.linalg.norm(part) <= 0.1 * np.linalg.norm(product):
                break
            start = 0
        self.coupling[new, : self.size] = inside
        self.remainder = product
        self.significant = bool(np.linalg.norm(product) > 1e-4 * scale)
        self.leading = (new, np.eye(self.width))
        self.recent, self.done = self.done, self.size
        return passengers

    def ritz_pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values (descending), their coefficients in the basis, and how far K leads them out of the span."""
        # The lower triangle holds the later products, whose coupling to earlier rows includes all rounding.
        projection = np.tril(self.coupling[: self.size, : self.size])
        projection += np.tril(projection, -1).T
        values, coefficients = np.linalg.eigh(projection)
        values, coefficients = values[::-1], coefficients[:, ::-1]
        return values, coefficients, self._outside(coefficients)

    def residuals(self, values: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """||K v - theta v|| with all that rounding has done to the products, of v = Q c."""
        inside = self.coupling[: self.size, : self.size].T @ coefficients - coefficients * values
        lost = self.lost[: self.size, None] * coefficients
        return np.sqrt(np.sum(inside**2, axis=0) + self._outside(coefficients) ** 2 + np.sum(lost**2, axis=0))

    def vectors(self, coefficients: np.ndarray) -> np.ndarray:
        """Q c for each column c, normalised."""
        vectors = np.empty((self.n, coefficients.shape[1]))
        for start in range(0, self.n, _CHUNK):
            some = slice(start, start + _CHUNK)
            np.matmul(self.rows[: self.size, some].T, coefficients, out=vectors[some])
        return vectors

    def restart(self, values: np.ndarray, coefficients: np.ndarray, k: int) -> None:
        """Shrinks the basis to its leading Ritz vectors: k of them and a share of the others."""
        width = len(self.remainder)
        keep = max(k, min(k + (self.capacity - k) // 2, self.capacity - 3 * width))
        kept = np.ascontiguousarray(coefficients[:, :keep])
        rounding = self.coupling[: self.size, : self.size].T @ kept - kept * values[:keep]
        lost = np.sqrt(np.sum(rounding**2, axis=0) + np.sum((self.lost[: self.size, None] * kept) ** 2, axis=0))
        rows, size = self.rows, self.size
        if keep + 3 * width > self.capacity:  # fresh blocks have widened the block
            self._allocate(min(self.n, keep + 6 * width))
        for start in range(0, self.n, _CHUNK):
            self.rows[:keep, start : start + _CHUNK] = kept.T @ rows[:size, start : start + _CHUNK]
        self.leading = (slice(0, keep), kept[size - self.width :].T)
        self.coupling[:] = 0.0
        self.coupling[np.arange(keep), np.arange(keep)] = values[:keep]
        self.lost[:keep] = lost
        self.size = self.done = keep
        self.recent = 0

    def lacks_copies(self, values: np.ndarray, noise: float) -> bool:
        """Whether as many eigenvalues coincide, above the smallest, as the last block is wide."""
        close = values[:-1] - values[1:] <= max(noise, 1e-9 * abs(values[0]))
        starts = np.flatnonzero(np.concatenate([[True], ~close]))
        lengths = np.diff(np.append(starts, len(values)))
        return bool(np.any(lengths[:-1] >= self.width))

    def _outside(self, coefficients: np.ndarray) -> np.ndarray:
        # Only the rows multiplied last lead out of the span: by remainder^T (their coefficients).
        overlap = self.remainder @ self.remainder.T
        last = coefficients[self.size - self.width :]
        return np.sqrt(np.maximum(np.einsum("ij,ij->j", last, overlap @ last), 0.0))

    def _project_out(self, block: np.ndarray) -> None:
        basis = self.rows[: self.size]
        block -= (block @ basis.T) @ basis


def _whitened(block: np.ndarray) -> tuple[float, np.ndarray | None]:
    """The ratio of the block's singular values, and rows that are nearly orthonormal; None where it is too large.

    Source: Fukaya et al. 2014, CholeskyQR2: done twice, the rows are orthonormal to rounding.
    """
    gram = block @ block.T
    scales = np.linalg.eigvalsh(gram)
    if not scales[0] > 1e-10 * scales[-1]:
        return np.inf, None
    factor = np.linalg.cholesky(gram)
    inverse = scipy.linalg.solve_triangular(factor, np.eye(len(gram)), lower=True)
    return float(np.sqrt(scales[-1] / scales[0])), inverse @ block


def _next_look(before: tuple[int, float] | None, now: tuple[int, float], block: int, stride: int) -> int:
    """After how many more rows to look at the pairs again: when the worst one, by its last two looks, is right."""
    if before is None or not before[1] > now[1]:
        return stride
    return int(np.clip((now[0] - before[0]) * now[1] / (before[1] - now[1]), block, stride))


def _direct_residuals(times: Products, values: np.ndarray, vectors: np.ndarray, width: int) -> np.ndarray:
    residuals = np.empty(len(values))
    for start in range(0, len(values), width):
        some = slice(start, start + width)
        residuals[some] = np.linalg.norm(times(vectors[:, some].T) - (vectors[:, some] * values[some]).T, axis=1)
    return residuals
