import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram import analytic_kernel, empirical_gram
from ntk_repro.network import Network
from ntk_repro.wide_limit import drift, linearization_error, settings
from ntk_repro.wide_limit.drift import Config, relative_weight_changes
from tests.interruption import interrupted
from tests.refusals import refused

RUN = drift.run
CONFIG = Config(depth=2, widths=(6, 9), data="digits", classes=(0, 1, 2), n_train=7, learning_rate=0.3, steps=4)


@pytest.fixture(scope="module")
def by_hand():
    """The wider network before and after the same training, written out with jax.grad; its data."""
    data = CONFIG.regression_data()
    net = Network.create(CONFIG.module(9, 3), jax.random.fold_in(jax.random.key(0), 0), data.x_train.shape[1:])
    loss = lambda params: jnp.mean((net.apply(params, data.x_train) - data.y_train) ** 2) / 2  # noqa: E731
    params, gradient = net.params, jax.jit(jax.grad(loss))
    for _ in range(CONFIG.steps):
        params = jax.tree.map(lambda p, g: p - CONFIG.learning_rate * g, params, gradient(params))
    return net, net.replace(params=params), data


def norm(array):
    return np.linalg.norm(np.asarray(array, float))


def test_changes_of_weights_are_relative_to_their_kind():
    layers = {"Dense_0": 2.0, "Dense_1": 1.0, "Dense_2": 3.0, "readout": 4.0}
    before = {name: {"kernel": np.full((2, 2), size), "bias": np.ones(2)} for name, size in layers.items()}
    after = {name: {"kernel": layer["kernel"] + 1, "bias": np.zeros(2)} for name, layer in before.items()}
    changes = relative_weight_changes(after, before)
    assert changes == pytest.approx({"input": 1 / 2, "intermediate": (8 / 40) ** 0.5, "output": 1 / 4})


def test_one_hidden_layer_has_no_intermediate_weights():
    params = {name: {"kernel": np.ones((2, 2))} for name in ("Dense_0", "readout")}
    assert relative_weight_changes(params, params) == {"input": 0, "output": 0}


@pytest.mark.slow
def test_every_array_has_the_documented_shape(done):
    result = done.result()
    assert result["widths"].tolist() == [6, 9]
    assert result["steps"].tolist() == [1, 2, 4]
    for name in (*drift.QUANTITIES, "train_loss"):
        assert result[name].shape == (2, 3)
        assert np.all(result[name] > 0)
    for name in ("input_largest", "intermediate_largest", "output_largest", "activations", "outputs"):
        assert result[name].shape == (2, 3)
        assert np.all(result[name] > 0)
    for name in ("learning_rate_ratio", "input_size", "intermediate_size", "output_size", "ntk_from_analytic"):
        assert result[name].shape == (2,)
        assert np.all(result[name] > 0)


@pytest.mark.slow
def test_weights_move_as_by_explicit_gradient_descent(done, by_hand):
    net, trained, data = by_hand
    result = done.result()
    for name, change in relative_weight_changes(trained.params, net.params).items():
        assert result[name][1, -1] == pytest.approx(change, rel=1e-4)
    before, after = (at.params["Dense_1"]["kernel"] for at in (net, trained))
    assert result["intermediate"][1, -1] == pytest.approx(norm(after - before) / norm(before), rel=1e-4)
    loss = np.mean((trained(data.x_train) - data.y_train) ** 2) / 2
    assert result["train_loss"][1, -1] == pytest.approx(loss, rel=1e-4)


@pytest.mark.slow
def test_sizes_and_largest_changes_of_weights_outputs_and_activations_by_hand(done, by_hand):
    net, trained, data = by_hand
    result = done.result()
    layers = {"input": "Dense_0", "intermediate": "Dense_1", "output": "readout"}
    for kind, layer in layers.items():
        before, after = (at.params[layer]["kernel"] for at in (net, trained))
        assert result[f"{kind}_size"][1] == pytest.approx(norm(before), rel=1e-5)
        assert result[f"{kind}_largest"][1, -1] == pytest.approx(np.abs(after - before).max(), rel=1e-3)
    change = np.asarray(trained(data.x_train) - net(data.x_train))
    assert result["outputs"][1, -1] == pytest.approx(np.sqrt(np.mean(change**2)), rel=1e-4)

    def activations(at):
        x, hidden = data.x_train.reshape(7, -1), []
        for layer in ("Dense_0", "Dense_1"):
            kernel, bias = at.params[layer]["kernel"], at.params[layer]["bias"]
            x = np.maximum((2 / len(kernel)) ** 0.5 * x @ kernel + 0.1**0.5 * bias, 0)
            hidden.append(np.ravel(x))
        return np.concatenate(hidden)

    change = norm(activations(trained) - activations(net)) / norm(activations(net))
    assert result["activations"][1, -1] == pytest.approx(change, rel=1e-3)


@pytest.mark.slow
def test_the_distance_from_the_analytic_kernel_is_over_all_outputs(done, by_hand):
    net, _, data = by_hand
    exact = np.kron(analytic_kernel(net.module, data.x_train).ntk, np.eye(3))
    start = empirical_gram(net, data.x_train, method="jacobian", outputs="full")
    assert done.result()["ntk_from_analytic"][1] == pytest.approx(norm(start - exact) / norm(start), rel=1e-4)


@pytest.mark.slow
def test_the_tangent_kernel_is_that_of_all_outputs(done, by_hand):
    net, trained, data = by_hand
    before, after = (empirical_gram(at, data.x_train, method="jacobian", outputs="full") for at in (net, trained))
    assert done.result()["ntk"][1, -1] == pytest.approx(norm(after - before) / norm(before), rel=1e-4)


@pytest.mark.slow
def test_the_nngp_kernel_is_that_of_the_last_hidden_layer(done, by_hand):
    net, trained, data = by_hand

    def kernel(at):
        def layer(name, x):
            kernel, bias = at.params[name]["kernel"], at.params[name]["bias"]
            return np.maximum((2 / len(kernel)) ** 0.5 * x @ kernel + 0.1**0.5 * bias, 0)

        last = layer("Dense_1", layer("Dense_0", data.x_train.reshape(7, -1)))
        return 2 / 9 * last @ last.T + 0.1

    change = norm(kernel(trained) - kernel(net)) / norm(kernel(net))
    assert done.result()["nngp"][1, -1] == pytest.approx(change, rel=1e-3)


@pytest.mark.slow
def test_a_stopped_run_continues_with_the_next_width(done, tmp_path, monkeypatch):
    asked, _ = interrupted(monkeypatch, settings, "descend", 2, done, drift.run, CONFIG, tmp_path)
    assert asked == ["descent_6", "descent_9", "descent_9"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the learning rate")
@pytest.mark.parametrize(
    ("experiment", "config"),
    [(drift, CONFIG), (linearization_error, linearization_error.Config(sizes=(4,), n_test=5, data="digits"))],
)
def test_a_rate_above_the_critical_one_takes_force(experiment, config, tmp_path):
    wild = dataclasses.replace(config, widths=(6,), depth=2, learning_rate=30.0, steps=1)
    refused("times eta_critical", experiment.run, wild, root=tmp_path)
    forced = experiment.run(dataclasses.replace(wild, force=True), root=tmp_path).result()
    assert forced["learning_rate_ratio"].item() > 1
