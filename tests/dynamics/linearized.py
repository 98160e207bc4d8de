"""A small network in float64 with its kernels, and full-batch gradient descent on its linearization."""

import functools
from typing import Any, NamedTuple

import numpy as np
import optax

from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import cast, float64_scope
from tests.training.small import Small, by_optax


class Linearized(NamedTuple):
    """A network, its data, and the kernels of both of its outputs."""

    net: Network
    x: np.ndarray
    x_test: np.ndarray
    y: np.ndarray
    k_train_train: np.ndarray
    k_test_train: np.ndarray
    fx_0: np.ndarray
    fx_test_0: np.ndarray


@functools.cache
def linearized(n=6, m=3):
    """One problem for all tests, which compile the programs that they share once."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + m, 4))
    with float64_scope():
        net = Network.create(Small(2), 0, (4,))
        net = net.replace(params=cast(net.params, np.dtype("float64")))
        gram = empirical_gram(net, x, method="jacobian", outputs="full", precision="float64")
        fx = net(x)
    k, y = 2 * n, rng.standard_normal((n, 2))
    return Linearized(net, x[:n], x[n:], y, gram[:k, :k], gram[k:, :k], fx[:n], fx[n:])


def descend(steps: int, learning_rate: float, momentum: float = 0.0) -> Any:
    """The weights after gradient descent on 1/2 sum (f_lin - y)^2, and the linearized outputs there."""
    net, x, x_test, y, *_ = linearized()
    optimizer = optax.sgd(learning_rate * y.size, momentum=momentum or None)
    with float64_scope():
        f, rows = net.linearized(), [np.arange(len(x))] * steps
        params = by_optax(f, net.params, x, y, rows, optimizer, "half_mean_squared_error")[0][-1]
        return params, np.asarray(f(params, x)), np.asarray(f(params, x_test))
