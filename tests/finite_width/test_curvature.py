import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ntk_repro.errors import UserError
from ntk_repro.finite_width import curvature, training
from ntk_repro.finite_width.task import images, targets
from ntk_repro.training import train

RUN = curvature.run
CONFIG = curvature.Config(
    net="mlp", data="digits", n_train=60, widths=(0.02, 0.1), batch_size=3, batches=2, learning_rate=0.05
)


@pytest.mark.slow
def test_curvatures_are_those_of_the_dense_hessian(done):
    result, data = done.result(), images(CONFIG)
    net = CONFIG.of_width(0.02).initial_network(data.x_train.shape[1:], 10)
    y = jnp.asarray(targets(data).y_train)
    start, as_tree = ravel_pytree(net.params)
    f = net.linearized()

    def largest(rows):
        def loss(flat):
            return jnp.mean(jnp.sum((f(as_tree(flat), data.x_train[rows]) - y[rows]) ** 2, axis=1))

        return np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(start), np.float64))[-1]

    assert result["curvature"][0] == pytest.approx(largest(np.arange(6)), rel=1e-4)
    by_batch = [largest(np.arange(3)), largest(np.arange(3, 6))]
    np.testing.assert_allclose(result["batch_curvature"][0], by_batch, rtol=1e-4)
    assert result["num_params"][0] == len(start)


@pytest.mark.slow
def test_the_limit_is_where_gradient_descent_begins_to_diverge(done):
    """Full-batch steps on the six images, with momentum, just below and just above."""
    result, data = done.result(), images(CONFIG)
    net = CONFIG.of_width(0.02).initial_network(data.x_train.shape[1:], 10).linearization()
    y = targets(data).y_train[:6]
    limit = float(result["limit"] / result["curvature"][0])
    assert result["limit"] == pytest.approx(3.8)

    def last_loss(rate, reduction):
        settings = {"weight_decay": 0.0, "momentum": 0.9, "batch_size": 6, "epochs": 400}
        recipe = training.Config(learning_rate=rate, loss_reduction=reduction, **settings).recipe
        batches = np.tile(np.arange(6, dtype=np.int32), (400, 1))
        losses = train(net, data.x_train[:6], y, recipe=recipe, batches=batches).train_loss
        return losses[-1] / losses[0]

    assert last_loss(0.97 * limit, "sum") < 0.5
    with pytest.warns(UserWarning, match="diverged"):
        assert np.isnan(last_loss(1.03 * limit, "sum"))
    assert last_loss(0.97 * 10 * limit, "mean") < 0.5


def test_a_run_is_shown(done, capsys):
    curvature.show(done)
    shown = capsys.readouterr().out
    assert "stable below 3.8" in shown
    assert "x0.02" in shown


def test_more_batches_than_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="21 batches of 3 are more than the 60 images"):
        curvature.run(dataclasses.replace(CONFIG, batches=21), root=tmp_path)
