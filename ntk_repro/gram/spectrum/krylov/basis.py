"""The basis of a block Krylov space: orthonormal vectors Q, their products with K, and the eigenpairs they span."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ntk_repro.gram.matrices import Products
from ntk_repro.gram.spectrum.krylov.orthonormal import new_directions
from ntk_repro.gram.spectrum.krylov.plan import ROWS_AT_ONCE


class RitzPairs(NamedTuple):
    """Eigenpairs of the projected matrix Q K Q^T.

    Attributes:
        values: Ritz values, descending.
        coefficients: of each Ritz vector in the basis, one a column.
        outside: norm of the part of K v outside the span, for each Ritz vector v: its residual but for rounding.
    """

    values: Float[np.ndarray, " size"]
    coefficients: Float[np.ndarray, "size size"]
    outside: Float[np.ndarray, " size"]


class Basis:
    """Orthonormal rows Q (float64), the products Q K as coefficients in Q, and what K maps out of their span.

    It keeps the Krylov-Schur relation Q K = H Q + B R: only few combinations B of rows lead out of the span, along the
    rows of the remainder R.

    Source: Stewart 2001, A Krylov-Schur algorithm for large eigenproblems.

    Attributes:
        rows: Q, of which the first `size` are in use.
        coupling: H; row i holds the product of row i.
        remainder: R.
        width: how many rows were multiplied last.
    """

    def __init__(self, times: Products, n: int, capacity: int, rng: np.random.Generator):
        self.times, self.rng, self.n = times, rng, n
        self._allocate(capacity)
        self.size = self.width = 0
        self.remainder = np.empty((0, n))
        self._multiplied = 0  # rows whose product is known
        self._recent = 0  # rows before this one are coupled to the next products by rounding only
        self._significant = False  # whether the remainder is more than the rounding of its projection
        self._leading = (slice(0), np.empty((0, 0)))  # B: which rows lead out, as combinations of the remainder

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = np.empty((capacity, self.n))
        self.coupling = np.zeros((capacity, capacity))
        self._lost = np.zeros(capacity)  # norm of the part of each product that a restart has dropped

    def random(self, count: int) -> Float[np.ndarray, "count n"]:
        """Random vectors."""
        return self.rng.standard_normal((count, self.n))

    def extend_by_remainder(self, block: int) -> None:
        """The next step of the Krylov iteration; where the span is closed under K, random rows open it again."""
        added = self.extend(self.remainder, projected=self._significant)
        if added:
            new, (leading, weights) = slice(self.size - added, self.size), self._leading
            self.coupling[leading, new] = weights @ (self.remainder @ self.rows[new].T)
        else:
            self.extend(self.random(block))

    def extend(self, block: Float[np.ndarray, "b n"], projected: bool = False) -> int:
        """Appends an orthonormal basis of what `block` adds to the span; returns by how many rows."""
        room = self.capacity - self.size
        scale = np.linalg.norm(block, axis=1).max(initial=0.0)
        if scale == 0 or room == 0:
            return 0
        new = new_directions(block / scale, self.rows[: self.size], projected)[:room]
        self.rows[self.size : self.size + len(new)] = new
        self.size += len(new)
        return len(new)

    def multiply(self, others: Float[np.ndarray, "m n"] | None = None) -> Float[np.ndarray, "m n"]:
        """Multiplies the rows that are new, and splits the products into the span and the remainder.

        Returns the products of `others`, which go along in the same pass.
        """
        others = self.random(0) if others is None else others
        new = slice(self._multiplied, self.size)
        self.width = self.size - self._multiplied
        product = self.times(np.concatenate([self.rows[new], others]) if len(others) else self.rows[new])
        product, of_others = product[: self.width], product[self.width :].copy()
        scale = np.linalg.norm(product)
        inside = np.zeros((self.width, self.size))
        # In a Krylov sequence only the last two blocks matter; then the whole basis, until it takes nothing more.
        start = self._recent
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
        self._significant = bool(np.linalg.norm(product) > 1e-4 * scale)
        self._leading = (new, np.eye(self.width))
        self._recent, self._multiplied = self._multiplied, self.size
        return of_others

    def ritz_pairs(self) -> RitzPairs:
        """The eigenpairs of the projected matrix."""
        # The lower triangle holds the later products, whose coupling to earlier rows includes all rounding.
        projection = np.tril(self.coupling[: self.size, : self.size])
        projection += np.tril(projection, -1).T
        values, coefficients = np.linalg.eigh(projection)
        values, coefficients = values[::-1], coefficients[:, ::-1]
        return RitzPairs(values, coefficients, self._outside(coefficients))

    def residuals(self, values: Float[np.ndarray, " k"], coefficients: Float[np.ndarray, "size k"]) -> np.ndarray:
        """||K v - theta v|| with all that rounding has done to the products, of v = Q c."""
        return self._norms(values, coefficients, self._outside(coefficients))

    def vectors(self, coefficients: Float[np.ndarray, "size k"]) -> Float[np.ndarray, "n k"]:
        """Q c for each column c."""
        vectors = np.empty((self.n, coefficients.shape[1]))
        for start in range(0, self.n, ROWS_AT_ONCE):
            samples = slice(start, start + ROWS_AT_ONCE)
            np.matmul(self.rows[: self.size, samples].T, coefficients, out=vectors[samples])
        return vectors

    def restart(self, pairs: RitzPairs, k: int) -> None:
        """Thick restart: shrinks the basis to its leading Ritz vectors, k of them and a share of the others."""
        width, size, rows = len(self.remainder), self.size, self.rows
        keep = max(k, min(k + (self.capacity - k) // 2, self.capacity - 3 * width))
        kept = np.ascontiguousarray(pairs.coefficients[:, :keep])
        lost = self._norms(pairs.values[:keep], kept)
        if keep + 3 * width > self.capacity:  # fresh blocks have widened the block
            self._allocate(min(self.n, keep + 6 * width))
        for start in range(0, self.n, ROWS_AT_ONCE):
            samples = slice(start, start + ROWS_AT_ONCE)
            self.rows[:keep, samples] = kept.T @ rows[:size, samples]
        self._leading = (slice(0, keep), kept[size - self.width :].T)
        self.coupling[:] = 0.0
        self.coupling[np.arange(keep), np.arange(keep)] = pairs.values[:keep]
        self._lost[:keep] = lost
        self.size = self._multiplied = keep
        self._recent = 0

    def _outside(self, coefficients: np.ndarray) -> np.ndarray:
        # Only the rows multiplied last lead out of the span: by remainder^T (their coefficients).
        overlap = self.remainder @ self.remainder.T
        last = coefficients[self.size - self.width :]
        return np.sqrt(np.maximum(np.einsum("ij,ij->j", last, overlap @ last), 0.0))

    def _norms(
        self, values: np.ndarray, coefficients: np.ndarray, outside: Float[np.ndarray, " k"] | float = 0.0
    ) -> Float[np.ndarray, " k"]:
        """Norm of K v - theta v within the span, of what is outside, and of what restarts have dropped, of v = Q c."""
        inside = self.coupling[: self.size, : self.size].T @ coefficients - coefficients * values
        lost = self._lost[: self.size, None] * coefficients
        return np.sqrt(np.sum(inside**2, axis=0) + outside**2 + np.sum(lost**2, axis=0))
