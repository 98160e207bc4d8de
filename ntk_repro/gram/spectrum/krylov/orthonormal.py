"""Orthonormal rows from a block of vectors, beside those that are there."""

from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float


def new_directions(
    block: Float[np.ndarray, "b n"], basis: Float[np.ndarray, "size n"], projected: bool
) -> Float[np.ndarray, "added n"]:
    """Orthonormal rows that span what `block` adds to the span of `basis`, up to rounding; writes over `block`.

    Source: Fukaya et al. 2014, CholeskyQR2; Giraud et al. 2005 (projecting twice is enough).

    Args:
        block: rows of which the largest has norm 1.
        basis: orthonormal rows.
        projected: whether the block is orthogonal to the basis already.
    """
    if not projected:
        block -= (block @ basis.T) @ basis
    spread, rows = _whitened(block)
    if rows is None:
        rows = _by_pivoting(block)
    # Once is enough where no direction was so small that scaling it up scaled up what was left over.
    if not projected or spread > 100:
        rows -= (rows @ basis.T) @ basis
    if not len(rows):
        return rows
    orthonormal = _whitened(rows)[1]
    return np.ascontiguousarray(np.linalg.qr(rows.T)[0].T) if orthonormal is None else orthonormal


def _whitened(block: np.ndarray) -> tuple[float, np.ndarray | None]:
    """The ratio of the block's singular values, and rows that are nearly orthonormal; None where it is too large."""
    gram = block @ block.T
    scales = np.linalg.eigvalsh(gram)
    if not scales[0] > 1e-10 * scales[-1]:
        return np.inf, None
    factor = np.linalg.cholesky(gram)
    inverse = scipy.linalg.solve_triangular(factor, np.eye(len(gram)), lower=True)
    return float(np.sqrt(scales[-1] / scales[0])), inverse @ block


def _by_pivoting(block: np.ndarray) -> np.ndarray:
    """Orthonormal rows without the directions that are only rounding, which a pivoted factorization shows."""
    factors: Any = scipy.linalg.qr(block.T, mode="economic", pivoting=True, check_finite=False)
    q, r = factors[:2]
    rank = int(np.sum(np.abs(np.diagonal(r)) > 1e-10))
    return np.ascontiguousarray(q.T[:rank])
