import functools

import jax
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.wide_limit.layerwise_rates import (
    layerwise_learning_rates,
    outputs_apart,
    rates_by_parameter,
    standard_learning_rate,
    standard_parameters,
    widest_layer,
)
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5, 5, 2)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 7)]


@functools.cache
def pair(name="fcn", activation="relu", sigma_b=0.3):
    sizes = {"fcn": {"hidden": 9, "depth": 2}, "cnn": {"channels": 4, "depth": 1}}[name]
    settings = {"num_outputs": 3, "activation": activation, "sigma_w": 1.4, "sigma_b": sigma_b, **sizes}
    return tuple(Network.create(name, 3, X.shape[1:], parameterization=p, **settings) for p in ("ntk", "standard"))


def test_the_rates_of_equation_s37():
    rates = layerwise_learning_rates(0.6, fan_in=20, n_max=50, sigma_w=2.0, sigma_b=0.5)
    assert rates.weights == pytest.approx(20 / (50 * 4) * 0.6)
    assert rates.biases == pytest.approx(1 / (50 * 0.25) * 0.6)
    assert layerwise_learning_rates(0.6, 20, 50, 2.0, 0.0).biases is None
    assert standard_learning_rate(0.6, 50) == pytest.approx(0.012)


@pytest.mark.slow
def test_each_parameter_has_the_rate_of_its_layer():
    ntk, _ = pair()
    assert widest_layer(ntk.params) == 50  # the inputs count
    rates = rates_by_parameter(ntk.params, 2.0, 1.4, 0.3)
    assert rates["Dense_0"]["kernel"] == pytest.approx(2 / 1.4**2)
    assert rates["Dense_1"]["kernel"] == rates["readout"]["kernel"] == pytest.approx(9 / 50 * 2 / 1.4**2)
    assert {rates[layer]["bias"] for layer in rates} == {rates["readout"]["bias"]}
    assert rates["readout"]["bias"] == pytest.approx(2 / (50 * 0.09))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "activation", "loss", "sigma_b"),
    [("fcn", "relu", "half_mean_squared_error", 0.3), ("cnn", "tanh", "cross_entropy", 0.0)],
)
def test_training_by_equation_s37_is_training_in_standard_parameterization(name, activation, loss, sigma_b):
    ntk, standard = pair(name, activation, sigma_b)
    sigmas = {"sigma_w": 1.4, "sigma_b": sigma_b}
    rates, rate = rates_by_parameter(ntk.params, 3.0, **sigmas), standard_learning_rate(3.0, widest_layer(ntk.params))

    def apart(rates):
        return outputs_apart(ntk, standard, X, Y, rates=rates, standard_rate=rate, loss=loss, **sigmas)

    assert np.all(apart(rates)[:2] < 1e-13)
    assert np.all(apart(rates) < 1e-10)
    # One learning rate for all layers is another training, which the comparison must see.
    one_for_all = jax.tree.map(lambda _: rates["readout"]["kernel"], ntk.params)
    assert apart(one_for_all)[0] < 1e-13
    assert np.all(apart(one_for_all)[1:] > 0.01)


@pytest.mark.slow
def test_another_function_at_the_start_is_seen():
    ntk, standard = pair()
    settings = {"rates": jax.tree.map(lambda _: 0.0, ntk.params), "standard_rate": 1e-3, "steps": (0,)}
    assert outputs_apart(ntk, standard, X, Y, sigma_w=1.4, sigma_b=0.3, **settings) < 1e-13
    assert outputs_apart(ntk, standard, X, Y, sigma_w=1.0, sigma_b=0.3, **settings) > 0.1


@pytest.mark.slow
def test_standard_parameters_are_the_same_function_and_the_same_initialization():
    ntk, standard = pair()
    params = standard_parameters(ntk.params, 1.4, 0.3)
    np.testing.assert_allclose(standard.replace(params=params)(X), ntk(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(params["Dense_1"]["kernel"], standard.params["Dense_1"]["kernel"], rtol=1e-6)


@pytest.mark.parametrize(("leaf", "sigma_b"), [("scale", 0.3), ("bias", 0.0)])
def test_parameters_without_a_rate_are_refused(leaf, sigma_b):
    params = {"layer": {"kernel": np.ones((2, 3)), leaf: np.ones(3)}}
    refused(f"no learning rate for layer/{leaf}", rates_by_parameter, params, 1.0, 1.0, sigma_b)
    refused(f"no learning rate for layer/{leaf}", standard_parameters, params, 1.0, sigma_b)
