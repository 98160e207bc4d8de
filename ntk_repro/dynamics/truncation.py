"""How far outputs from a truncated or approximate spectrum can be from those of the whole kernel."""

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import GradientDescent, GradientFlow
from ntk_repro.dynamics.spectral import Spectrum
from ntk_repro.errors import UserError

__all__ = ["truncation_bounds"]


def truncation_bounds(
    spectrum: Spectrum,
    ridge: float,
    filter_: GradientFlow | GradientDescent,
    rest: Float[np.ndarray, "n k"],
    k_test_train: Float[np.ndarray, "m n"] | None,
    k_test_test_diagonal: Float[np.ndarray, " m"] | None,
) -> tuple[Float[np.ndarray, "T k"], Float[np.ndarray, "T m k"] | None]:
    """Upper bounds on ||f_train - exact|| over the samples, and on |f_test - exact| of each test sample.

    For r = y - f0 = sum_j c_j v_j + r', with pairs whose residuals are rho_j, and r' outside of their span left
    untrained. Variation of constants gives, for the flow and with w(x) = 1 - exp(-x t) (likewise for steps),

        ||w(K) v_j - w(lambda_j) v_j|| <= rho_j (1 - exp(-lambda_j t)) / lambda_j,
        ||w(K) r'|| <= min(1, w(lambda') + t ||R||) ||r'||,

    lambda' being the smallest computed eigenvalue and R the residuals' matrix: nothing beyond lambda' was missed by
    assumption, which holds where the pairs are the largest. Test outputs are inner products in the kernel's own space,
    where |K(x, X) u| <= sqrt(K(x, x)) ||K^(1/2) u||, and (1 - exp(-lambda t)) / sqrt(lambda) <= 0.6382 sqrt(t).

    Args:
        spectrum: the pairs.
        ridge: added to the kernel; the constants are then larger (3 instead of 1 for residuals).
        filter_: times or steps.
        rest: y - f0, one output a column.
        k_test_train: the kernel between test and training samples, or None.
        k_test_test_diagonal: K(x, x) at the test samples; None: no bound for them.

    Raises:
        UserError: pairs without residuals.
    """
    if not np.all(np.isfinite(spectrum.residuals)):
        raise UserError("these eigenpairs have no residuals, so nothing bounds the error: see nystrom_residuals")
    factor = 3.0 if ridge else 1.0
    inside = spectrum.vectors.T @ rest
    outside = rest - spectrum.vectors @ inside
    left = np.linalg.norm(outside, axis=0)
    residuals = factor * spectrum.residuals
    largest = float(spectrum.values[0]) + ridge
    ceiling = filter_.ceiling(largest)
    along = filter_.perturbed(spectrum.values + ridge, slice(None)) * residuals
    from_pairs = along @ np.abs(inside)
    coupling = float(np.linalg.norm(residuals))
    duration = filter_.duration()
    if np.isinf(ceiling):  # diverging: nothing is bounded
        m = None if k_test_train is None else len(k_test_train)
        train = np.full((len(duration), rest.shape[1]), np.inf)
        return train, None if m is None else np.full((len(duration), m, rest.shape[1]), np.inf)
    untrained = filter_.learned_at_most(float(spectrum.values[-1] + spectrum.residuals.max()))
    # With all pairs nothing is left out but rounding.
    share = np.minimum(ceiling, untrained + _product(duration, coupling))[:, None]
    started = np.where(duration > 0, 1.0, 0.0)[:, None]
    train = np.minimum(from_pairs + share * left, (1 + ceiling) * started * np.linalg.norm(rest, axis=0))
    if k_test_train is None or k_test_test_diagonal is None:
        return train, None
    sizes = np.sqrt(np.maximum(np.asarray(k_test_test_diagonal, dtype=np.float64), 0.0))
    kernel = np.asarray(k_test_train, dtype=np.float64)
    if sizes.shape != (len(kernel),):
        raise UserError(f"k_test_test_diagonal must have {len(kernel)} entries, not shape {sizes.shape}")
    unseen = np.linalg.norm(kernel - (kernel @ spectrum.vectors) @ spectrum.vectors.T, axis=1)
    spread = filter_.spread()
    with np.errstate(invalid="ignore", over="ignore"):
        straight = np.multiply.outer(duration, unseen) + np.multiply.outer(_product(duration * spread, coupling), sizes)
        reach = np.minimum(np.multiply.outer(spread, sizes), np.where(np.isnan(straight), np.inf, straight))
        test = np.multiply.outer(spread, sizes)[:, :, None] * from_pairs[:, None, :] + reach[:, :, None] * left
    test = np.where(np.isnan(test), np.inf, test)
    return train, test


def _product(a: np.ndarray, b: float) -> np.ndarray:
    """a b, 0 where b is 0."""
    return a * b if b > 0 else np.zeros_like(a)
