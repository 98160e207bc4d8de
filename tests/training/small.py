"""Small networks that the tests of training share, and references for their trainings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ntk_repro.dynamics import train_in_function_space
from ntk_repro.gram import empirical_gram
from ntk_repro.training import train


class Small(nn.Module):
    outputs: int = 1

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.outputs)(nn.tanh(nn.Dense(8)(x)))


class Normalised(nn.Module):
    outputs: int = 1
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.8)(nn.Dense(6)(x))
        return nn.Dense(self.outputs)(nn.Dropout(self.dropout, deterministic=not train)(nn.relu(x)))


class Killed(Exception):
    """In place of a kill, from which a process does not come back."""


MEANS = {
    "binary_cross_entropy": lambda fx, y: -(y * nn.log_sigmoid(fx) + (1 - y) * nn.log_sigmoid(-fx)).sum(axis=1).mean(),
    "cross_entropy": lambda fx, y: -(y * nn.log_softmax(fx)).sum(axis=1).mean(),
    "half_squared_error": lambda fx, y: ((fx - y) ** 2 / 2).sum(axis=1).mean(),
    "half_mean_squared_error": lambda fx, y: ((fx - y) ** 2 / 2).mean(),
}


def by_optax(apply, params, x, y, batches, optimizer, loss):
    """An optimizer of optax in a Python loop: parameters at the start and after each step, and the batches' losses."""
    x, y = jnp.asarray(x), jnp.asarray(y)

    @jax.jit
    def step(params, state, batch):
        mean, gradient = jax.value_and_grad(lambda params: MEANS[loss](apply(params, x[batch]), y[batch]))(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, mean

    trajectory, state, losses = [params], optimizer.init(params), []
    for batch in batches:
        params, state, mean = step(trajectory[-1], state, batch)
        trajectory.append(params)
        losses.append(float(mean))
    return trajectory, np.array(losses)


def in_both_spaces(net, x, y, x_test, recipe, batches):
    """The linearization of a network, with its outputs close to 1e-4 to those trained in function space, and those."""
    n, kernel = len(x), empirical_gram(net, np.concatenate([x, x_test]), method="jacobian")
    trained = train(net.linearization(), x, y, recipe=recipe, batches=batches)
    expected = train_in_function_space(
        kernel[:n, :n], y[:, None], batches=batches, **recipe.in_function_space(n), fx_train_0=net(x),
        k_test_train=kernel[n:, :n], fx_test_0=net(x_test),
    )  # fmt: skip
    np.testing.assert_allclose(trained.network(x), expected.fx_train, atol=1e-4)
    assert expected.fx_test is not None
    np.testing.assert_allclose(trained.network(x_test), expected.fx_test, atol=1e-4)
    return trained, expected


def assert_running_mean(trained, net, x, batches):
    """The statistics of `Normalised` after a training at rate 0: running means over the batches seen."""
    jax.tree.map(np.testing.assert_array_equal, trained.params, net.params)
    mean, dense = np.zeros(6), net.params["Dense_0"]
    for batch in batches:
        mean = 0.8 * mean + 0.2 * (x[batch] @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"])).mean(axis=0)
    np.testing.assert_allclose(trained.state["batch_stats"]["BatchNorm_0"]["mean"], mean, rtol=1e-4, atol=1e-6)


def assert_close(mine, theirs, atol):
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
