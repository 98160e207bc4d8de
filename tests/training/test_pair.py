import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.training import critical_learning_rate, descend, train_pair

rng = np.random.default_rng(1)
X = rng.standard_normal((12, 4)).astype(np.float32)
Y = rng.standard_normal((12, 1)).astype(np.float32)
NET = Network.create("mlp", 0, (4,), width=0.1, activation="tanh")
BATCHES = rng.integers(0, 12, (25, 5))


@pytest.mark.slow
def test_both_are_trained_as_if_alone_and_seen_alike(capsys):
    at = (0, 10, 25)
    settings = {"learning_rate": 0.3, "steps": 25, "batches": BATCHES, "momentum": 0.5, "observe_at": at}
    network, linearization = train_pair(NET, X, Y, observe_fn=lambda net, params: net.apply(params, X), **settings)
    assert capsys.readouterr().err.count("eta / eta_critical") == 1
    for net, pair in ((NET, network), (NET.linearization(), linearization)):
        alone = descend(net, X, Y, observe_fn=lambda params, net=net: net.apply(params, X), critical=1.0, **settings)
        np.testing.assert_array_equal(pair.observations, alone.observations)
        np.testing.assert_array_equal(pair.loss, alone.loss)
        np.testing.assert_array_equal(pair.observations[-1], pair.network.apply(pair.network.params, X))
    # The same start, then the network leaves the tangent.
    np.testing.assert_allclose(linearization.observations[0], network.observations[0], atol=1e-6)
    assert np.abs(linearization.observations[-1] - network.observations[-1]).max() > 1e-2
    # A linearization's outputs move in function space alone.
    fx, kernel = NET(X), _kernel()
    velocity = np.zeros_like(fx)
    alpha = np.zeros_like(fx)
    for batch in BATCHES:
        slope = np.zeros_like(fx)
        np.add.at(slope, batch, (fx + kernel @ alpha - Y)[batch] / 5)
        velocity = 0.5 * velocity + slope
        alpha = alpha - 0.3 * velocity
    np.testing.assert_allclose(linearization.observations[-1], fx + kernel @ alpha, atol=2e-5)


def test_the_observer_is_given_the_network_as_it_is():
    def observe(net, params):
        assert net.params is params
        return net(X), jnp.asarray(net.origin is not None)

    both = train_pair(NET, X, Y, learning_rate=0.1, steps=3, observe_at=(3,), observe_fn=observe, critical=1.0)
    for descent, linear in zip(both, (False, True), strict=True):
        np.testing.assert_array_equal(descent.observations[0][0], descent.network(X))
        assert bool(descent.observations[1][0]) == linear


def test_a_rate_above_the_critical_one_is_refused_unless_forced():
    rate = 1.5 * critical_learning_rate(NET, X, 1)
    with pytest.raises(UserError, match="or force"):
        train_pair(NET, X, Y, learning_rate=rate, steps=2)
    network, linearization = train_pair(NET, X, Y, learning_rate=rate, steps=2, force=True)
    assert network.ratio == linearization.ratio == pytest.approx(1.5)


def _kernel():
    rows = jax.tree.leaves(jax.jacrev(NET.apply)(NET.params, X))
    rows = np.concatenate([np.asarray(leaf).reshape(12, -1) for leaf in rows], axis=1).astype(np.float64)
    return rows @ rows.T
