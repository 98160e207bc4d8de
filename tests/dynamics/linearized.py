"""A small network in float64 with its kernels, and full-batch gradient descent on its linearization."""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope


class Tiny(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.tanh(nn.Dense(9)(x)))


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
    """The same one for all tests, which compile what they share once."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + m, 4))
    with float64_scope():
        net = Network.create(Tiny(), 0, (4,))
        net = net.replace(params=jax.tree.map(lambda leaf: leaf.astype(np.float64), net.params))
        gram = empirical_gram(net, x, method="jacobian", outputs="full", precision="float64")
        fx = net(x)
    k, y = 2 * n, rng.standard_normal((n, 2))
    return Linearized(net, x[:n], x[n:], y, gram[:k, :k], gram[k:, :k], fx[:n], fx[n:])


def descend(steps: int, learning_rate: float, momentum: float = 0.0) -> Any:
    """The weights after gradient descent on 1/2 sum (f_lin - y)^2, and the linearized outputs there."""
    problem = linearized()
    with float64_scope():
        params = _descent()(problem.net.params, steps, learning_rate, momentum)
        f = problem.net.linearized()
        return params, np.asarray(f(params, problem.x)), np.asarray(f(params, problem.x_test))


@functools.cache
def _descent():
    problem = linearized()
    f = problem.net.linearized()
    gradient = jax.grad(lambda params: jnp.sum((f(params, problem.x) - problem.y) ** 2) / 2)

    @jax.jit
    def run(params, steps, learning_rate, momentum):
        def step(_, state):
            params, velocity = state
            velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, gradient(params))
            return jax.tree.map(lambda p, v: p - learning_rate * v, params, velocity), velocity

        return jax.lax.fori_loop(0, steps, step, (params, jax.tree.map(jnp.zeros_like, params)))[0]

    return run
