import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.finite_width.training import Config, followed_images
from ntk_repro.network import Network
from ntk_repro.training import train

SETTINGS = {"learning_rate": 0.1, "weight_decay": 0.02, "momentum": 0.9, "batch_size": 4, "epochs": 2}


@pytest.mark.slow
@pytest.mark.parametrize(("reduction", "terms"), [("mean", 3), ("sum", 1)])
@pytest.mark.parametrize("linearized", [False, True])
def test_a_step_is_that_of_pytorch_on_the_studys_loss(reduction, terms, linearized):
    """SGD with momentum and weight decay by hand: v <- m v + g + decay u, theta <- theta - rate v."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5)).astype(np.float32), rng.normal(size=(8, 3)).astype(np.float32)
    net = Network.from_apply(
        lambda params, x: jnp.tanh(x @ params["w"]), {"w": rng.normal(size=(5, 3)).astype(np.float32)}
    )
    net = net.linearization() if linearized else net
    batches = np.arange(16, dtype=np.int32).reshape(4, 4) % 8
    recipe = Config(decay_epochs=1, loss_reduction=reduction, **SETTINGS).recipe
    trained = train(net, x, y, recipe=recipe, batches=batches)

    def loss(params, rows):
        return jnp.sum((net.apply(params, x[rows]) - y[rows]) ** 2) / (4 * terms)

    params, velocity = net.params, jax.tree.map(jnp.zeros_like, net.params)
    for step, rows in enumerate(batches):
        start = net.params if linearized else jax.tree.map(jnp.zeros_like, params)
        gradient = jax.grad(loss)(params, rows)
        velocity = jax.tree.map(lambda v, g, p, s: 0.9 * v + g + 0.02 * (p - s), velocity, gradient, params, start)
        params = jax.tree.map(lambda p, v, rate=0.1 if step < 2 else 0.01: p - rate * v, params, velocity)
    np.testing.assert_allclose(trained.network.params["w"], params["w"], rtol=1e-4, atol=1e-6)


def test_the_images_followed_are_drawn_once_for_all():
    rows = followed_images(100, 20)
    np.testing.assert_array_equal(rows, followed_images(100, 20))
    assert len(set(rows)) == 20
    assert rows.max() > 60  # not the first ones
    np.testing.assert_array_equal(followed_images(5, 20), np.arange(5))
