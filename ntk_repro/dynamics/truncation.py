"""Bounds on the error of outputs that come from a truncated or approximate spectrum."""

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import GradientDescent, GradientFlow
from ntk_repro.dynamics.spectral import Spectrum
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array


def truncation_bounds(
    spectrum: Spectrum,
    filter_: GradientFlow | GradientDescent,
    error_0: Float[np.ndarray, "n k"],
    k_test_train: Float[np.ndarray, "m n"] | None,
    k_test_test_diagonal: Float[np.ndarray, " m"] | None,
) -> tuple[Float[np.ndarray, "*T k"], Float[np.ndarray, "*T m k"] | None]:
    """Upper bounds on ||f_train - exact|| over the samples, and on |f_test - exact| of each test sample.

    For r = y - f0 = sum_j c_j v_j + r', with pairs whose residuals are rho_j, and r' outside of their span left
    untrained. Variation of constants gives, for the flow and with w(x) = 1 - exp(-x t) (likewise for steps),

        ||w(K) v_j - w(lambda_j) v_j|| <= rho_j (1 - exp(-lambda_j t)) / lambda_j,
        ||w(K) r'|| <= min(1, w(lambda') + t ||R||) ||r'||,

    lambda' being the smallest computed eigenvalue and R the residuals' matrix. No eigenvalue above lambda' may be
    missing, which holds when the pairs are the largest. Test outputs are inner products in the kernel's feature space,
    where |K(x, X) u| <= sqrt(K(x, x)) ||K^(1/2) u||, and (1 - exp(-lambda t)) / sqrt(lambda) <= 0.6382 sqrt(t).

    Args:
        spectrum: the pairs; with a ridge the constants are larger (3 instead of 1 for residuals).
        filter_: times or steps.
        error_0: y - f0, one output a column.
        k_test_train: the kernel between test and training samples, or None.
        k_test_test_diagonal: K(x, x) at the test samples; None: no bound for them.

    Raises:
        UserError: pairs without residuals.
    """
    if not np.all(np.isfinite(spectrum.residuals)):
        raise UserError("these eigenpairs have no residuals, so nothing bounds the error: see nystrom_residuals")
    inside = spectrum.vectors.T @ error_0
    outside = np.linalg.norm(error_0 - spectrum.vectors @ inside, axis=0)
    residuals = (3.0 if spectrum.ridge else 1.0) * spectrum.residuals
    coupling = float(np.linalg.norm(residuals))
    duration, spread, ceiling = filter_.duration(), filter_.spread(), filter_.ceiling(spectrum.regularized[0])
    kernel = None if k_test_test_diagonal is None else k_test_train
    if np.isinf(ceiling):  # diverging: nothing is bounded
        times, k = duration.shape, error_0.shape[1]
        return np.full((*times, k), np.inf), None if kernel is None else np.full((*times, len(kernel), k), np.inf)
    from_pairs = (filter_.perturbed(spectrum.regularized) * residuals) @ np.abs(inside)
    untrained = filter_.learned_at_most(float(spectrum.values[-1] + spectrum.residuals.max()))
    # With all pairs only rounding is left out.
    share = np.minimum(ceiling, untrained + _product(duration, coupling))[..., None]
    started = np.where(duration > 0, 1.0, 0.0)[..., None]
    train = np.minimum(from_pairs + share * outside, (1 + ceiling) * started * np.linalg.norm(error_0, axis=0))
    if kernel is None:
        return train, None
    sizes = np.sqrt(np.maximum(checked_array(k_test_test_diagonal, "k_test_test_diagonal", (len(kernel),)), 0.0))
    unseen = np.linalg.norm(kernel - (kernel @ spectrum.vectors) @ spectrum.vectors.T, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        along = np.multiply.outer(spread, sizes)
        straight = np.multiply.outer(duration, unseen) + np.multiply.outer(_product(duration * spread, coupling), sizes)
        across = np.fmin(along, straight)
        test = along[..., None] * from_pairs[..., None, :] + across[..., None] * outside
    return train, np.where(np.isnan(test), np.inf, test)


def _product(a: Float[np.ndarray, "*T"] | np.float64, b: float) -> Float[np.ndarray, "*T"] | np.float64:
    """a b, 0 where b is 0."""
    return a * b if b > 0 else np.zeros_like(a)
