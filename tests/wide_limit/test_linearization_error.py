import dataclasses

import jax
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.training import train_pair
from ntk_repro.wide_limit import linearization_error, settings
from ntk_repro.wide_limit.linearization_error import Config
from tests.interruption import interrupted

RUN = linearization_error.run
CONFIG = Config(widths=(5, 8), sizes=(4, 6), n_test=5, depth=2, data="digits", learning_rate=0.1, steps=4)


def weights_apart(net, pair):
    """Distance of the trained parameters over how far the network's moved."""
    network, linearization, start = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)]).astype(float)
        for params in (pair[0].network.params, pair[1].network.params, net.params)
    )
    return np.linalg.norm(network - linearization) / np.linalg.norm(network - start)


def rms(fx):
    return np.sqrt(np.mean(np.asarray(fx, float) ** 2, axis=(1, 2)))


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    result = done.result()
    assert [result[name].tolist() for name in ("widths", "sizes", "steps")] == [[5, 8], [4, 6], [1, 2, 4]]
    for name in ("test_rmse", "train_rmse", "test_scale", "train_loss"):
        assert result[name].shape == (2, 2, 3)
        assert np.all(result[name] > 0)
    assert result["learning_rate_ratio"].shape == result["weights_apart"].shape == (2, 2)


@pytest.mark.slow
def test_the_error_is_that_of_a_network_and_its_linearization_trained_side_by_side(done):
    data = CONFIG.regression_data()
    x, y, x_test = data.x_train[:4], data.y_train[:4], data.x_test
    net = Network.create(CONFIG.module(8), jax.random.fold_in(jax.random.key(0), 0), x.shape[1:])
    observed = {
        "observe_at": (1, 2, 4),
        "observe_fn": lambda net, params: (net.apply(params, x), net.apply(params, x_test)),
    }
    pair = train_pair(net, x, y, learning_rate=0.1, steps=4, **observed)
    (train, test), (train_lin, test_lin) = (descent.observations for descent in pair)
    result = {name: values[1, 0] for name, values in done.result().items() if values.ndim == 3}
    np.testing.assert_allclose(result["test_rmse"], rms(test - test_lin), rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(result["train_rmse"], rms(train - train_lin), rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(result["test_scale"], rms(test_lin), rtol=1e-4)
    np.testing.assert_allclose(result["train_loss"], pair[0].train_loss, rtol=1e-4)
    assert done.result()["weights_apart"][1, 0] == pytest.approx(weights_apart(net, pair), rel=5e-3)


@pytest.mark.slow
def test_with_cross_entropy_both_are_trained(tmp_path):
    config = dataclasses.replace(CONFIG, widths=(8,), sizes=(6,), classes=(0, 1, 2), loss="cross_entropy")
    data = config.regression_data()
    x, y, x_test = data.x_train[:6], data.y_train[:6], data.x_test
    net = Network.create(config.module(8, 3), jax.random.fold_in(jax.random.key(0), 0), x.shape[1:])
    settings = {"learning_rate": 0.1, "steps": 4, "loss": "cross_entropy"}
    pair = train_pair(net, x, y, **settings)
    fx, fx_lin = (np.asarray(descent.network(x_test)) for descent in pair)
    result = linearization_error.run(config, root=tmp_path).result()
    assert result["test_rmse"].shape == (1, 1, 3)
    assert result["test_rmse"][0, 0, -1] == pytest.approx(np.sqrt(np.mean((fx - fx_lin) ** 2)), rel=1e-3)
    assert result["weights_apart"][0, 0] == pytest.approx(weights_apart(net, pair), rel=1e-3)
    assert result["train_loss"][0, 0, -1] < result["train_loss"][0, 0, 0] < 1.5 * np.log(3) + 1


@pytest.mark.slow
def test_the_squared_loss_of_several_outputs_has_a_closed_form(tmp_path):
    config = dataclasses.replace(CONFIG, widths=(8,), sizes=(6,), classes=(0, 1, 2))
    data = config.regression_data()
    net = Network.create(config.module(8, 3), jax.random.fold_in(jax.random.key(0), 0), data.x_train.shape[1:])
    pair = train_pair(net, data.x_train[:6], data.y_train[:6], learning_rate=0.1, steps=4)
    fx, fx_lin = (np.asarray(descent.network(data.x_test)) for descent in pair)
    result = linearization_error.run(config, root=tmp_path).result()
    assert result["test_rmse"][0, 0, -1] == pytest.approx(np.sqrt(np.mean((fx - fx_lin) ** 2)), rel=5e-3)


@pytest.mark.slow
def test_a_stopped_run_continues_where_it_stopped(done, tmp_path, monkeypatch):
    asked, _ = interrupted(monkeypatch, settings, "descend", 4, done, linearization_error.run, CONFIG, tmp_path)
    assert asked == ["descent_5_4", "descent_5_6", "descent_8_4", "descent_8_6", "descent_8_6"]


def test_sizes_above_the_number_of_images_are_left_out():
    assert CONFIG.within(n_train=11 - CONFIG.n_test, n_test=CONFIG.n_test) == (CONFIG, [])
    fit, lines = CONFIG.within(n_train=10 - CONFIG.n_test, n_test=CONFIG.n_test)
    assert fit.sizes == (4,)
    assert lines == ["sizes beyond 5 training images are left out"]
