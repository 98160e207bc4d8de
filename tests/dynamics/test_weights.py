import jax
import numpy as np
import pytest

from ntk_repro.dynamics import mse_dynamics
from ntk_repro.dynamics.weights import weight_change
from ntk_repro.errors import UserError
from tests.dynamics.linearized import linearized


@pytest.fixture(scope="module")
def network():
    return linearized()


def flat(tree, leading=0):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(*leaf.shape[:leading], -1) for leaf in leaves], axis=-1)


def test_batches_add_up_to_the_length_that_the_kernel_says(network):
    c = np.random.default_rng(0).standard_normal((3, 6, 2))
    together = flat(weight_change(network.net, network.x, c), 1)
    np.testing.assert_allclose(flat(weight_change(network.net, network.x, c, batch_size=4), 1), together, atol=1e-13)
    for one, change in zip(c, together, strict=True):
        assert change @ change == pytest.approx(one.ravel() @ network.k_train_train @ one.ravel(), rel=1e-12)


def test_the_start_may_be_given(network):
    d = mse_dynamics(network.k_train_train, network.y)
    computed, given = (flat(d.weights(network.net, network.x, 0.1, f0)) for f0 in (None, network.fx_0))
    np.testing.assert_allclose(computed, given, atol=1e-14)
    assert np.abs(computed - flat(d.weights(network.net, network.x, 0.1, 0.0))).max() > 1e-3


def test_coefficients_of_another_shape_are_refused(network):
    with pytest.raises(UserError, match=r"outputs' shape \(6, 2\)"):
        weight_change(network.net, network.x, np.zeros((6, 1)))
