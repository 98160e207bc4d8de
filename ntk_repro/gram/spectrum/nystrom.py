"""Eigenvectors continued to samples that the Gram matrix was not computed on, by Nystrom's method."""

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import check_finite, check_real, check_shape
from ntk_repro.gram.spectrum.eigenpairs import Eigenpairs, signs

_ROWS = 2048  # of the kernel that are in float64 at once


def nystrom_extension(pairs: Eigenpairs, k_new_old: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m k"]:
    """The eigenvectors of the Gram matrix on n samples as functions, at m new samples: K(x, X) v_j / lambda_j.

    In the scale of the unit vectors: on the n samples themselves it returns `pairs.vectors`, up to
    `pairs.residuals`. On new samples it is exact where x lies in the span of the n samples in feature space (a kernel
    whose rank the n samples exhaust), else an approximation that gets worse with j.

    Source: Williams and Seeger 2001 (their eigenfunctions have mean square 1, which is sqrt(n) times these).

    Args:
        pairs: of the Gram matrix on the n samples.
        k_new_old: the kernel between the new samples (rows) and those n, in their order; an array or memory map.

    Raises:
        UserError: for a kernel of another shape or not finite, and for pairs whose eigenvalue is 0 or rounding.
    """
    return _times_vectors(pairs, k_new_old) / pairs.values


def nystrom_eigenpairs(pairs: Eigenpairs, k_new_old: Float[np.ndarray, "m n"]) -> Eigenpairs:
    """Approximate eigenpairs of the Gram matrix on all N = n + m samples, the old ones first, without its (m, m) part.

    They are the exact eigenpairs of the Nystrom matrix C V diag(1 / lambda) V^T C^T, C being the n known columns: its
    vectors are orthonormal, and its eigenvalues never above those of the true matrix (up to the residuals of `pairs`),
    from which it differs by a positive semi-definite matrix. Nothing is lost where the kernel's rank is at most k and
    the n samples exhaust it. Williams and Seeger's own estimates, lambda_j N / n and the extended vectors, are those of
    a sample that stands for all; they are neither orthogonal nor bounded.

    Source: Williams and Seeger 2001 (the matrix); Fowlkes et al. 2004 (its orthogonal eigenvectors).

    Args:
        pairs: of the Gram matrix on the n samples.
        k_new_old: the kernel between the m new samples (rows) and those n; an array or memory map.

    Returns:
        k pairs; `residuals` is nan, being unknown without the (m, m) part: see `nystrom_residuals`.

    Raises:
        UserError: as `nystrom_extension`.
    """
    roots = np.sqrt(pairs.values)
    factor = np.concatenate([pairs.vectors * roots, _times_vectors(pairs, k_new_old) / roots])
    # The factor times its transpose is the Nystrom matrix. By QR, as its squares would lose half the digits.
    q, r = np.linalg.qr(factor)
    left, singular, _ = np.linalg.svd(r)
    vectors = q @ left
    return Eigenpairs(singular**2, vectors * signs(vectors), np.full(len(singular), np.nan), eps=pairs.eps)


def nystrom_residuals(
    pairs: Eigenpairs, k_rows_all: Float[np.ndarray, "s N"], rows: Int[np.ndarray, " s"]
) -> Float[np.ndarray, " k"]:
    """||K v - lambda v|| / lambda of approximate eigenpairs, estimated from a few rows of the true matrix K.

    The rows must be drawn at random among all N: then the estimate's square is unbiased, and off by about
    sqrt(2 / s) of itself where the rows are similar (9% at 256 rows); with all rows it is the residual. An eigenvalue
    of K lies within lambda times the residual of each lambda.

    Args:
        pairs: from `nystrom_eigenpairs`.
        k_rows_all: the kernel between the s samples drawn (rows) and all N, in the order of `pairs.vectors`.
        rows: which samples were drawn, 0-based, none twice.

    Raises:
        UserError: for shapes that do not fit, rows drawn twice and a kernel that is not finite.
    """
    rows = np.asarray(rows)
    total = len(pairs.vectors)
    if rows.ndim != 1 or len(rows) == 0 or len(np.unique(rows)) != len(rows) or rows.min() < 0 or rows.max() >= total:
        raise UserError(f"the rows drawn must be different numbers from 0 to {total - 1}, at least one")
    check_shape(k_rows_all, "the kernel of the rows drawn", (len(rows), total))
    difference = _times_vectors(pairs, k_rows_all) - pairs.vectors[rows] * pairs.values
    return np.sqrt(total / len(rows) * np.sum(difference**2, axis=0)) / pairs.values


def _times_vectors(pairs: Eigenpairs, kernel: np.ndarray) -> np.ndarray:
    if not isinstance(pairs, Eigenpairs):
        raise UserError(f"the first argument must be Eigenpairs, as top_eigenpairs returns them, not {pairs!r}")
    n, k = pairs.vectors.shape
    kernel = np.asanyarray(kernel)
    check_real(kernel, "the kernel between new and old samples")
    check_shape(kernel, "the kernel between new and old samples", ("m", n), (0, n))
    eps = np.finfo(kernel.dtype if np.issubdtype(kernel.dtype, np.floating) else np.float64).eps
    good = int(np.sum(pairs.values > eps * pairs.values[0]))
    if good < k:
        remedy = f"take {good} eigenpairs" if good else "the kernel is 0 on all samples"
        raise UserError(f"eigenvalue {good + 1} is {pairs.values[good]:.2g}, 0 up to rounding: {remedy}")
    products = np.empty((len(kernel), k))
    for start in range(0, len(kernel), _ROWS):
        rows = slice(start, start + _ROWS)
        products[rows] = kernel[rows].astype(np.float64) @ pairs.vectors
    check_finite(products, "the kernel")
    return products
