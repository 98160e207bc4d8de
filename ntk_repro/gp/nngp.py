"""Bayesian inference with a network of infinite width: the NNGP posterior, and the training that arrives at it."""

import warnings

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import GradientFlow, flow_times
from ntk_repro.errors import UserError
from ntk_repro.gp.gaussian import Gaussian
from ntk_repro.gp.kernels import Eigenspace, block, eigenspace, targets

__all__ = ["nngp_posterior", "readout_posterior"]


def nngp_posterior(
    nngp_train_train: Float[np.ndarray, "n n"],
    nngp_test_train: Float[np.ndarray, "m n"],
    nngp_test_test: Float[np.ndarray, "m m"],
    y_train: Float[np.ndarray, "n k"],
    observation_noise: float = 0.0,
) -> Gaussian:
    """What an infinitely wide network's outputs are, given those at the training samples.

    mean = K_* (K + s I)^-1 Y,    covariance = K_** - K_* (K + s I)^-1 K_*^T,

    the posterior of the function, without noise of its own. Where K is singular (samples that occur twice) and s is 0,
    the inverse is the pseudo-inverse, which is exact as long as Y agrees with itself; a warning says where it does not.

    Source: Lee et al. 2019, Eq. (13).

    Args:
        nngp_train_train: K between training samples.
        nngp_test_train: K between test and training samples.
        nngp_test_test: K between test samples.
        y_train: targets.
        observation_noise: s, the variance of Gaussian noise on the targets.

    Raises:
        UserError: for shapes that do not fit, entries that are not finite, a variance below 0.

    >>> import numpy as np
    >>> posterior = nngp_posterior(np.eye(2), np.array([[0.5, 0.0]]), np.eye(1), np.array([2.0, 4.0]))
    >>> posterior.mean.item(), posterior.covariance.item()
    (1.0, 0.75)
    """
    k, k_test_train, k_test_test, y = _checked(nngp_train_train, nngp_test_train, nngp_test_test, y_train)
    if not 0 <= observation_noise < np.inf:
        raise UserError(f"observation_noise is a variance, finite and at least 0, not {observation_noise}")
    # Without noise the kernel as it came: its type says how large its rounding is.
    pairs = eigenspace(k + observation_noise * np.eye(len(k)) if observation_noise else nngp_train_train)
    _warn_of_contradictions(pairs, y)
    return _posterior(pairs, k_test_train, k_test_test, y, 1 / pairs.values[None], 1 / pairs.values[None], ())


def readout_posterior(
    nngp_train_train: Float[np.ndarray, "n n"],
    nngp_test_train: Float[np.ndarray, "m n"],
    nngp_test_test: Float[np.ndarray, "m m"],
    y_train: Float[np.ndarray, "n k"],
    t: float | Float[np.ndarray, " times"] | None = np.inf,
) -> Gaussian:
    """The outputs of infinitely wide networks of which only the readout layer is trained, over initializations.

    mean = K_* K^-1 (I - exp(-K t)) Y,    covariance = K_** - K_* K^-1 (I - exp(-2 K t)) K_*^T:

    at t = 0 the prior, in the limit the NNGP posterior. It is `ntk_gp_posterior` with both kernels K.

    Source: Lee et al. 2019, Eqs. (S22), (S23).

    Args:
        nngp_train_train: K between training samples.
        nngp_test_train: K between test and training samples.
        nngp_test_test: K between test samples.
        y_train: targets.
        t: learning rate times steps, for 1/2 the sum of squares; inf or None for the limit; an array gives the results
            a leading axis.

    Raises:
        UserError: for shapes that do not fit, entries that are not finite, a time below 0.
    """
    _, k_test_train, k_test_test, y = _checked(nngp_train_train, nngp_test_train, nngp_test_test, y_train)
    times, shape = flow_times(t)
    pairs = eigenspace(nngp_train_train)
    of_mean, of_covariance = (GradientFlow(some).reach(pairs.values, slice(None)) for some in (times, 2 * times))
    return _posterior(pairs, k_test_train, k_test_test, y, of_mean, of_covariance, shape)


def _posterior(
    pairs: Eigenspace,
    k_test_train: np.ndarray,
    k_test_test: np.ndarray,
    y: np.ndarray,
    of_mean: Float[np.ndarray, "times r"],
    of_covariance: Float[np.ndarray, "times r"],
    shape: tuple[int, ...],
) -> Gaussian:
    """Mean and covariance with the inverse (or what training makes of it) given along the eigenvectors."""
    test, y_along = k_test_train @ pairs.vectors, pairs.vectors.T @ y
    mean = np.einsum("mr,tr,rk->tmk", test, of_mean, y_along, optimize=True)
    covariance = np.stack([k_test_test - (test * some) @ test.T for some in of_covariance])
    covariance = (covariance + covariance.swapaxes(1, 2)) / 2
    return Gaussian(mean.reshape(*shape, *mean.shape[1:]), covariance.reshape(*shape, *covariance.shape[1:]))


def _checked(
    k_train_train, k_test_train, k_test_test, y_train
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n, m = len(np.asarray(k_train_train)), len(np.asarray(k_test_train))
    return (
        block(k_train_train, "nngp_train_train", n, n),
        block(k_test_train, "nngp_test_train", m, n),
        block(k_test_test, "nngp_test_test", m, m),
        targets(y_train, n),
    )


def _warn_of_contradictions(pairs: Eigenspace, y: np.ndarray) -> None:
    if len(pairs.values) == len(y):
        return
    left = np.linalg.norm(y - pairs.vectors @ (pairs.vectors.T @ y)) / max(np.linalg.norm(y), np.finfo(float).tiny)
    if left > 1e-6:
        warnings.warn(
            f"the kernel is singular and {left:.1%} of the targets lie where it is 0 (equal samples with different "
            "targets), which no function explains: give an observation_noise above 0",
            stacklevel=3,
        )
