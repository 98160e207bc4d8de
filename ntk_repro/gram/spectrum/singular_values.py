"""Singular values of a Jacobian from the kernel of all its outputs, and what they tell about training."""

import dataclasses

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.spectrum.eigenpairs import effective_rank


@dataclasses.dataclass(frozen=True, eq=False)
class SingularSpectrum:
    """Singular values sigma of J, of K = J J^T.

    Attributes:
        values: sigma of all rows, descending, float64; those at or below the cut-off are 0.
        cutoff: singular values at or below it are rounding.
        rank: how many are above it.
        effective_rank: exponential of the entropy of sigma / sum(sigma): the paper's erank(J), from 1 to the rows.
        kernel_effective_rank: the same of the eigenvalues sigma^2 of K.
        condition_number: the largest singular value by the smallest one above the cut-off.
    """

    values: Float[np.ndarray, " rows"]
    cutoff: float
    rank: int
    effective_rank: float
    kernel_effective_rank: float
    condition_number: float


def singular_spectrum(gram: Float[np.ndarray, "rows rows"]) -> SingularSpectrum:
    """All singular values of J from K = J J^T, in float64 by LAPACK.

    Of a network with k outputs take `empirical_gram(net, x, outputs="full", precision="float64")`: one row for each
    sample and output. Rounding of K drowns eigenvalues below epsilon times rows times the largest one, so singular
    values below about 1e-6 (float64) or 3e-2 (float32, 6,000 rows) times the largest are taken as 0.

    Source: Samarin et al. 2022, section 4.2 and A.3 (Figures 6, 7, A.3); Roy and Vetterli 2007.

    Raises:
        UserError: for a matrix that is not square, symmetric and finite, and one of zeros.
    """
    # LAPACK would take the rounding of one triangle for singular values: mirrored entries must agree to rounding.
    given = np.asarray(gram).dtype
    epsilon = float(np.finfo(given if given.kind == "f" else np.float64).eps)
    gram = SymmetricMatrix.of(gram, "the kernel", asymmetry=100 * epsilon).dense(np.float64)
    if not gram.any():
        raise UserError("the kernel is 0 everywhere: its network does not depend on its parameters")
    eigenvalues = scipy.linalg.eigh(gram, eigvals_only=True, check_finite=False)
    limit = len(gram) * epsilon * eigenvalues[-1]
    eigenvalues = np.where(eigenvalues > limit, eigenvalues, 0.0)[::-1]
    values = np.sqrt(eigenvalues)
    rank = int(np.count_nonzero(values))
    return SingularSpectrum(
        values=values,
        cutoff=float(limit**0.5),
        rank=rank,
        effective_rank=effective_rank(values),
        kernel_effective_rank=effective_rank(eigenvalues),
        condition_number=float(values[0] / values[rank - 1]),
    )
