"""Networks of infinite width as distributions over functions: the NNGP posterior, and the NTK-GP through training."""

import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import GradientFlow, checked_times
from ntk_repro.dynamics.spectral import Spectrum, decompose
from ntk_repro.gp.gaussian import Gaussian
from ntk_repro.gram.checks import check_shape, checked_array
from ntk_repro.gram.solve import full_rank_factor
from ntk_repro.ranges import check_not_negative


def nngp_posterior(
    nngp_train_train: Float[np.ndarray, "n n"],
    nngp_test_train: Float[np.ndarray, "m n"],
    nngp_test_test: Float[np.ndarray, "m m"],
    y_train: Float[np.ndarray, "n k"],
    observation_noise: float = 0.0,
) -> Gaussian:
    """The outputs of an infinitely wide network, given those at the training samples.

    mean = K_* (K + s I)^-1 Y,    covariance = K_** - K_* (K + s I)^-1 K_*^T,

    the posterior of the function, without observation noise. Where K is singular (samples that occur twice) and s is 0,
    the inverse is the pseudo-inverse, which is exact as long as Y is consistent; if it is not, a warning says so.

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
    check_not_negative(observation_noise=observation_noise)
    if factor := full_rank_factor(nngp_train_train, observation_noise):
        solved = factor.solve(k_test_train.T)
        return _gaussian(lambda: (solved.T @ y, k_test_test - k_test_train @ solved), len(k_test_test), y.shape[1])
    # Without noise, the kernel in its own type, which determines its rounding.
    spectrum = decompose(k + observation_noise * np.eye(len(k)) if observation_noise else nngp_train_train)
    _warn_of_contradictions(spectrum, y)
    inverse = np.divide(1, spectrum.values, out=np.zeros(len(k)), where=~spectrum.null)
    return _readout(spectrum, inverse, inverse, k_test_train, k_test_test, y)


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
    times, spectrum = checked_times(t), decompose(nngp_train_train)
    of_mean, of_covariance = _learned_inverse(spectrum, times), _learned_inverse(spectrum, np.asarray(2 * times))
    return _readout(spectrum, of_mean, of_covariance, k_test_train, k_test_test, y)


def ntk_gp_posterior(
    ntk_train_train: Float[np.ndarray, "n n"],
    ntk_test_train: Float[np.ndarray, "m n"],
    nngp_train_train: Float[np.ndarray, "n n"],
    nngp_test_train: Float[np.ndarray, "m n"],
    nngp_test_test: Float[np.ndarray, "m m"],
    y_train: Float[np.ndarray, "n k"],
    t: float | Float[np.ndarray, " times"] | None = np.inf,
) -> Gaussian:
    """The outputs of infinitely wide networks trained for a time t by gradient flow, over initializations.

    Training maps [f_0(x_*), f_0(X)] ~ N(0, K) to f_0(x_*) + A (Y - f_0(X)), with
    A = Theta_* Theta^-1 (I - exp(-Theta t)), so that

        mean = A Y,    covariance = K_** + A K A^T - (A K_*^T + transposed).

    At t = 0 it is the prior N(0, K_**), in the limit Eq. (16). In directions in which Theta is 0 nothing is learned, at
    any time. One eigendecomposition serves all times.

    Source: Lee et al. 2019, Eqs. (14) to (16).

    Args:
        ntk_train_train: Theta between training samples.
        ntk_test_train: Theta between test and training samples.
        nngp_train_train: K between training samples.
        nngp_test_train: K between test and training samples.
        nngp_test_test: K between test samples.
        y_train: targets.
        t: learning rate times steps, for 1/2 the sum of squares; inf or None for the limit; an array gives the results
            a leading axis.

    Raises:
        UserError: for shapes that do not fit, entries that are not finite, a time below 0.
    """
    k, k_test_train, k_test_test, y = _checked(nngp_train_train, nngp_test_train, nngp_test_test, y_train)
    checked_array(ntk_train_train, "ntk_train_train", k.shape)
    theta_test = checked_array(ntk_test_train, "ntk_test_train", k_test_train.shape)
    times, m = checked_times(t), len(theta_test)

    def of(a, y, k, k_test_train) -> tuple[np.ndarray, np.ndarray]:
        cross = a @ k_test_train.T
        return a @ y, k_test_test + a @ k @ a.T - cross - cross.T

    if times.shape == () and np.isinf(times) and (factor := full_rank_factor(ntk_train_train)):
        return _gaussian(lambda: of(factor.solve(theta_test.T).T, y, k, k_test_train), m, y.shape[1])
    # All in the eigenbasis of Theta.
    spectrum = decompose(ntk_train_train)
    v = spectrum.vectors
    test, along = theta_test @ v, (v.T @ y, v.T @ k @ v, k_test_train @ v)
    learned_inverse = _learned_inverse(spectrum, times)
    return _gaussian(lambda inverse: of(test * inverse, *along), m, y.shape[1], learned_inverse)


def _readout(
    spectrum: Spectrum,
    of_mean: Float[np.ndarray, "*times n"],
    of_covariance: Float[np.ndarray, "*times n"],
    k_test_train: Float[np.ndarray, "m n"],
    k_test_test: Float[np.ndarray, "m m"],
    y: Float[np.ndarray, "n k"],
) -> Gaussian:
    """Mean and covariance with the inverse, or the learned part of it, given along the eigenvectors."""
    test, y_along = k_test_train @ spectrum.vectors, spectrum.vectors.T @ y

    def at(of_mean: np.ndarray, of_covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (test * of_mean) @ y_along, k_test_test - (test * of_covariance) @ test.T

    return _gaussian(at, len(test), y.shape[1], of_mean, of_covariance)


def _gaussian(
    at: Callable[..., tuple[np.ndarray, np.ndarray]], m: int, k: int, *along: Float[np.ndarray, "*times n"]
) -> Gaussian:
    """Mean and covariance, time by time, from numbers along the eigenvectors; the covariance exactly symmetric."""
    times = along[0].shape[:-1] if along else ()
    mean, covariance = np.empty((*times, m, k)), np.empty((*times, m, m))
    for time in np.ndindex(times):
        mean[time], found = at(*(array[time] for array in along))
        covariance[time] = (found + found.T) / 2
    return Gaussian(mean, covariance)


def _learned_inverse(spectrum: Spectrum, times: np.ndarray) -> Float[np.ndarray, "*times n"]:
    """(1 - exp(-lambda t)) / lambda, and 0 in the null space."""
    return np.where(spectrum.null, 0.0, GradientFlow(times).coefficients(spectrum.values))


def _checked(k_train_train, k_test_train, k_test_test, y_train) -> tuple[np.ndarray, ...]:
    k_train_train = checked_array(k_train_train, "nngp_train_train", ("n", "n"))
    n = len(k_train_train)
    check_shape(k_train_train, "nngp_train_train", (n, n))
    k_test_train = checked_array(k_test_train, "nngp_test_train", ("m", n))
    m = len(k_test_train)
    return (
        k_train_train,
        k_test_train,
        checked_array(k_test_test, "nngp_test_test", (m, m)),
        checked_array(y_train, "y_train", (n,), (n, "k")).reshape(n, -1),
    )


def _warn_of_contradictions(spectrum: Spectrum, y: np.ndarray) -> None:
    unexplained = np.linalg.norm(spectrum.vectors[:, spectrum.null].T @ y) / max(np.linalg.norm(y), 1e-300)
    if unexplained > 1e-6:
        warnings.warn(
            f"the kernel is singular, and {unexplained:.1%} of the targets lie in its null space (equal samples with "
            "different targets), where no function fits them: give an observation_noise above 0",
            stacklevel=3,
        )
