"""The NTK-GP: what gradient descent makes of infinitely wide networks, as a distribution over initializations."""

import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.filters import GradientFlow, flow_times
from ntk_repro.gp.gaussian import Gaussian
from ntk_repro.gp.kernels import block, eigenspace, targets

__all__ = ["ntk_gp_posterior"]


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

    Training maps [f0(x_*), f0(X)] ~ N(0, K) to f0(x_*) + A (Y - f0(X)) with A = Theta_* Theta^-1 (I - exp(-Theta t)),
    so that

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
    n, m = len(np.asarray(ntk_train_train)), len(np.asarray(ntk_test_train))
    block(ntk_train_train, "ntk_train_train", n, n)
    theta_test = block(ntk_test_train, "ntk_test_train", m, n)
    k = block(nngp_train_train, "nngp_train_train", n, n)
    k_test_train = block(nngp_test_train, "nngp_test_train", m, n)
    k_test_test = block(nngp_test_test, "nngp_test_test", m, m)
    y = targets(y_train, n)
    times, shape = flow_times(t)

    pairs = eigenspace(ntk_train_train)
    reach = GradientFlow(times).reach(pairs.values, slice(None))
    test, y_along = theta_test @ pairs.vectors, pairs.vectors.T @ y
    k_along, k_test_along = pairs.vectors.T @ k @ pairs.vectors, k_test_train @ pairs.vectors
    means, covariances = [], []
    for some in reach:
        a = test * some
        cross = a @ k_test_along.T
        covariance = k_test_test + a @ k_along @ a.T - cross - cross.T
        means.append(a @ y_along)
        covariances.append((covariance + covariance.T) / 2)
    return Gaussian(
        np.reshape(means, (*shape, m, y.shape[1])),
        np.reshape(covariances, (*shape, m, m)),
    )
