"""Small networks that the tests of training share, and what is computed of them by hand."""

import jax
import numpy as np
from flax import linen as nn


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
    pass


def assert_running_mean(trained, net, x, batches):
    """The statistics of `Normalised` after a training at rate 0: running means over the batches seen."""
    jax.tree.map(np.testing.assert_array_equal, trained.params, net.params)
    mean, dense = np.zeros(6), net.params["Dense_0"]
    for batch in batches:
        mean = 0.8 * mean + 0.2 * (x[batch] @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"])).mean(axis=0)
    np.testing.assert_allclose(trained.state["batch_stats"]["BatchNorm_0"]["mean"], mean, rtol=1e-4, atol=1e-6)


def assert_trees_close(mine, theirs, atol):
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
