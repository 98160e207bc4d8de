import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.training import Recipe, train, train_linearization

RNG = np.random.default_rng(0)
X, X_TEST = (RNG.normal(size=(n, 3)).astype(np.float32) for n in (12, 7))
Y, Y_TEST = (RNG.integers(0, 2, (n, 2)) for n in (12, 7))


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
def test_training_by_the_kernel_is_training_of_the_weights(loss):
    params = RNG.normal(size=(3, 4)).astype(np.float32)
    net = Network.from_apply(lambda w, x: jnp.tanh(x @ w).sum(axis=1), params).linearization()
    recipe = Recipe(loss=loss, batch_size=5, epochs=6, learning_rate=0.02, weight_decay=0.01)
    batches, start = recipe.minibatches(0, 12), (net(X), net(X_TEST))
    kernels = empirical_gram(net, X), empirical_gram(net, X_TEST, X)
    both = train_linearization(*kernels, Y, Y_TEST, *start, recipe=recipe, batches=batches)
    one = train_linearization(*kernels, Y[:, 1], Y_TEST[:, 1], *start, recipe=recipe, batches=batches)
    np.testing.assert_allclose(one.fx_test[:, 0], both.fx_test[:, 1], rtol=1e-5)
    for task in (0, 1):
        test = {"x_test": X_TEST, "y_test": Y_TEST[:, task]}
        weights = train(net, X, Y[:, task], recipe=recipe, batches=batches, **test)
        np.testing.assert_allclose(both.fx_test[:, task], weights.network(X_TEST)[:, 0], atol=1e-5)
        np.testing.assert_allclose(both.train_loss[task], weights.train_loss, rtol=1e-5)
        assert both.l2_distance[task] == pytest.approx(weights.l2_distance, rel=1e-4)
        assert both.train_accuracy[task] == pytest.approx(weights.train_accuracy)
        assert both.test_accuracy[task] == pytest.approx(weights.test_accuracy)
