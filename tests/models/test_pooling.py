"""Poolings against XLA's windows and against means taken by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.models.pooling import adaptive_average_pool, average_pool_2x2, max_pool

X = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(("size", "strides"), [(2, 2), (3, 2)])
def test_max_pool_is_the_largest_of_every_window(size, strides):
    def windows(x):
        return nn.max_pool(x, (size, size), (strides, strides))

    ours, pull = jax.vjp(lambda x: max_pool(x, size, strides), X)
    theirs, their_pull = jax.vjp(windows, X)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(pull(ours)[0], their_pull(ours)[0])


def test_average_pool_is_the_mean_of_every_window():
    """Of 7 rows the last is left out."""
    ours, pull = jax.vjp(average_pool_2x2, X)
    theirs, their_pull = jax.vjp(lambda x: nn.avg_pool(x, (2, 2), (2, 2)), X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(pull(ours)[0][:, 6:], 0)
    np.testing.assert_allclose(pull(theirs)[0], their_pull(theirs)[0], rtol=1e-6)


def test_equal_entries_share_the_derivative():
    gradient = np.asarray(jax.grad(lambda x: max_pool(x, 2, 2).sum())(jnp.ones((1, 2, 2, 1))))
    assert (gradient > 0).all()
    assert gradient.sum() == 1


def test_cells_of_adaptive_pooling():
    """Of 7 rows in 3 cells: 0-2, 2-4, 4-6; of 8 columns: 0-2, 2-5, 5-7."""
    expected = np.stack([[X[:, r : r + 3, a:b].mean((1, 2)) for a, b in ((0, 3), (2, 6), (5, 8))] for r in (0, 2, 4)])
    pooled = np.asarray(adaptive_average_pool(jnp.asarray(X), 3))
    np.testing.assert_allclose(pooled, expected.transpose(2, 0, 1, 3), rtol=1e-5, atol=1e-6)
    one = adaptive_average_pool(jnp.asarray(X[:, :1, :1]), 2)  # fewer pixels than cells repeat
    np.testing.assert_array_equal(one, np.broadcast_to(X[:, :1, :1], (2, 2, 2, 3)))
