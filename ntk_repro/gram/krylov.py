"""A block Krylov iteration for the largest eigenpairs of a symmetric matrix that is read, never copied."""

from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.progress import progress

__all__ = ["block_krylov"]

BLOCK = 64  # wide enough for GEMM speed, narrow enough for a high polynomial degree in a small basis
MAX_PRODUCTS = 40  # the work that is spent at most, in basis sizes


def block_krylov(
    matrix: Float[np.ndarray, "n n"], k: int, tolerance: float, seed: int = 0, block: int | None = None
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Eigenvalues (descending), unit eigenvectors V and the products K V, from a block Lanczos iteration.

    The basis is reorthogonalised in full, twice, and restarted thickly when it is full. Products with the matrix run
    in its own precision, everything else in float64. Where `block` or more eigenvalues coincide, a Krylov space of
    one start block cannot hold all their vectors; the block is then widened by a fresh random one.

    Source: Stewart 2001, A Krylov-Schur algorithm for large eigenproblems (the restart);
    Musco and Musco 2015 (randomised block Krylov).

    Args:
        matrix: symmetric, float32 or float64.
        k: number of eigenpairs.
        tolerance: on ||K v - lambda v|| / lambda; the iteration stops when all k reach it, or at the rounding of K.
        seed: of the random start.
        block: width of the start block.

    Raises:
        UserError: when a product shows entries that are not finite.
    """
    n = len(matrix)
    block = min(n, block or max(8, min(BLOCK, k // 4 + 8)))
    basis = _Basis(matrix, min(n, 2 * k + 8 * block), np.random.default_rng(seed))
    limit = MAX_PRODUCTS * basis.capacity
    # The projected problem costs size^3: it is looked at when the basis can have converged, then at every few blocks.
    stride = max(block, k // 4)
    look_at = min(n, k + max(2 * block, k // 2))
    products = steps = first = settle = found = 0
    with progress(f"{k} eigenpairs", total=k) as advance:
        basis.extend(basis.random(block))
        while True:
            products += basis.multiply()
            steps += 1
            full = basis.capacity < n and basis.size + 2 * len(basis.remainder) > basis.capacity
            if basis.size < n and not full and (basis.size < look_at or steps < settle):
                basis.extend_by_remainder(block)
                continue
            values, coefficients, residuals = basis.ritz_pairs()
            noise = 4 * float(np.finfo(matrix.dtype).eps) * abs(values[0]) / np.sqrt(n)
            good = int(np.sum(residuals[:k] <= np.maximum(0.5 * tolerance * np.abs(values[:k]), noise)))
            advance(max(0, good - found), note=f"{good} converged, {products} products")
            found = max(found, good)
            if basis.size == n or products >= limit:
                break
            fresh = basis.random(0)
            if good == k and steps >= settle:
                if not basis.lacks_copies(values[:k], noise):
                    break
                # A fresh block needs as many steps as the first one had before its Ritz values can be trusted.
                first = first or steps
                fresh, settle = basis.random(basis.width), steps + first
            if full:
                basis.restart(values, coefficients, k)
            look_at = basis.size + stride
            basis.extend_by_remainder(block)
            basis.extend(fresh)
        return _polished(matrix, basis.vectors(coefficients[:, :k]))


class _Basis:
    """Orthonormal rows Q (float64), the projection H = Q K Q^T, and what K maps out of their span."""

    def __init__(self, matrix: np.ndarray, capacity: int, rng: np.random.Generator):
        self.matrix, self.rng, self.n = matrix, rng, len(matrix)
        self._allocate(capacity)
        self.size = 0  # rows in the basis
        self.done = 0  # rows that were multiplied
        self.remainder = np.empty((0, self.n))
        self.significant = False  # whether the remainder is more than the rounding of its projection
        self.width = 0

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = np.empty((capacity, self.n))
        self.projection = np.zeros((capacity, capacity))

    def random(self, count: int) -> np.ndarray:
        return self.rng.standard_normal((count, self.n))

    def extend_by_remainder(self, block: int) -> None:
        """The next step of the Krylov iteration; where the span is closed under K, random rows open it again."""
        if not self.extend(self.remainder, projected=self.significant):
            self.extend(self.random(block))

    def extend(self, block: np.ndarray, projected: bool = False) -> int:
        """Appends an orthonormal basis of what `block` adds to the span; returns by how many rows."""
        room = self.capacity - self.size
        scale = np.linalg.norm(block, axis=1).max(initial=0.0)
        added = 0
        if scale > 0 and room > 0:
            block = block / scale
            # Twice is enough; the pivoted factorisation in between shows which directions are only rounding.
            if not projected:
                self._project_out(block)
            factors: Any = scipy.linalg.qr(block.T, mode="economic", pivoting=True, check_finite=False)
            q, r = factors[:2]
            rank = int(np.sum(np.abs(np.diagonal(r)) > 1e-10))
            q = np.ascontiguousarray(q.T[: min(rank, room)])
            self._project_out(q)
            if len(q):
                q = np.ascontiguousarray(np.linalg.qr(q.T)[0].T)
            added = len(q)
            self.rows[self.size : self.size + added] = q
            self.size += added
        return added

    def multiply(self) -> int:
        """Multiplies the rows that are new, and splits the products into the span and the remainder."""
        new = slice(self.done, self.size)
        # The matrix is symmetric, so rows times matrix are the products, without a transposed copy.
        product = (self.rows[new].astype(self.matrix.dtype) @ self.matrix).astype(np.float64)
        if not np.all(np.isfinite(product)):
            raise UserError("the Gram matrix has entries that are not finite; look for NaN in the data or parameters")
        basis = self.rows[: self.size]
        scale = np.linalg.norm(product)
        inside = product @ basis.T
        product -= inside @ basis
        again = product @ basis.T
        product -= again @ basis
        inside += again
        self.projection[new, : self.size] = inside
        self.projection[: self.size, new] = inside.T
        own = inside[:, new]
        self.projection[new, new] = (own + own.T) / 2
        self.remainder = product
        self.significant = bool(np.linalg.norm(product) > 1e-4 * scale)
        self.width = self.size - self.done
        self.done = self.size
        return self.width

    def ritz_pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values (descending), their coefficients in the basis, and the norms of their residuals."""
        values, coefficients = np.linalg.eigh(self.projection[: self.size, : self.size])
        values, coefficients = values[::-1], coefficients[:, ::-1]
        # Only the rows multiplied last lead out of the span: K V - V theta = remainder^T (their coefficients).
        overlap = self.remainder @ self.remainder.T
        last = coefficients[self.size - self.width :]
        residuals = np.sqrt(np.maximum(np.einsum("ij,ij->j", last, overlap @ last), 0.0))
        return values, coefficients, residuals

    def vectors(self, coefficients: np.ndarray) -> np.ndarray:
        return self.rows[: self.size].T @ coefficients

    def restart(self, values: np.ndarray, coefficients: np.ndarray, k: int) -> None:
        """Shrinks the basis to its leading Ritz vectors: k of them and a share of the others."""
        width = len(self.remainder)
        keep = max(k, min(k + (self.capacity - k) // 2, self.capacity - 3 * width))
        kept = coefficients[:, :keep].T @ self.rows[: self.size]
        if keep + 3 * width > self.capacity:  # fresh blocks have widened the block
            self._allocate(min(self.n, keep + 6 * width))
        self.rows[:keep] = kept
        # Their coupling to the remainder is found when that is multiplied.
        self.projection[:] = 0.0
        self.projection[np.arange(keep), np.arange(keep)] = values[:keep]
        self.size = self.done = keep

    def lacks_copies(self, values: np.ndarray, noise: float) -> bool:
        """Whether as many eigenvalues coincide, above the smallest, as the last block is wide."""
        close = values[:-1] - values[1:] <= max(noise, 1e-9 * abs(values[0]))
        starts = np.flatnonzero(np.concatenate([[True], ~close]))
        lengths = np.diff(np.append(starts, len(values)))
        return bool(np.any(lengths[:-1] >= self.width))

    def _project_out(self, block: np.ndarray) -> None:
        basis = self.rows[: self.size]
        block -= (block @ basis.T) @ basis


def _polished(matrix: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # The products are needed for the residuals anyway; a last projected problem with them costs nothing more.
    products = _product(matrix, vectors)
    projected = vectors.T @ products
    values, rotation = np.linalg.eigh((projected + projected.T) / 2)
    rotation = rotation[:, ::-1]
    return values[::-1], vectors @ rotation, products @ rotation


def _product(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrix @ vectors.astype(matrix.dtype)).astype(np.float64)
