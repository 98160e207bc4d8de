"""The fully connected network of Lee et al. 2019: its equation and its two parameterizations."""

from typing import Any

import jax
import numpy as np
import pytest

from ntk_repro.models import FCN, PARAMETERIZATIONS, Parameterization, build_model, network_spec
from ntk_repro.network import Network
from tests.models.stax_parameters import drawn_network, fcn
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(4, 3, 2, 1)).astype(np.float32)
LAYERS = {"Dense_0": 6, "Dense_1": 7, "readout": 7}  # with their number of inputs


def test_the_function_is_the_papers_equation():
    """Eq. (1): W = sigma_w / sqrt(n) omega, b = sigma_b beta."""
    net = fcn("ntk")
    h = X.reshape(4, -1).astype(np.float64)
    for layer, fan_in in LAYERS.items():
        h = 1.3 / fan_in**0.5 * h @ net.params[layer]["kernel"] + 0.4 * net.params[layer]["bias"]
        h = np.maximum(h, 0) if layer != "readout" else h
    np.testing.assert_allclose(net(X), h, rtol=1e-5)
    shapes = {layer: parameters["kernel"].shape for layer, parameters in net.params.items()}
    assert shapes == {"Dense_0": (6, 7), "Dense_1": (7, 7), "readout": (7, 2)}


def test_a_key_is_the_same_function_in_both_parameterizations():
    ntk, standard = (fcn(p) for p in PARAMETERIZATIONS)
    np.testing.assert_allclose(ntk(X), standard(X), rtol=1e-5, atol=1e-6)
    for layer, fan_in in LAYERS.items():
        for name, scale in (("kernel", 1.3 / fan_in**0.5), ("bias", 0.4)):
            np.testing.assert_allclose(ntk.params[layer][name] * scale, standard.params[layer][name], rtol=1e-6)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_without_sigma_b_there_is_no_bias(parameterization):
    module = build_model("fcn", hidden=7, depth=2, parameterization=parameterization)
    net = drawn_network(module, X.shape[1:])
    h = X.reshape(4, -1).astype(np.float64)
    for layer, fan_in in LAYERS.items():
        assert set(net.params[layer]) == {"kernel"}
        h = ((2 / fan_in) ** 0.5 if parameterization == "ntk" else 1) * h @ net.params[layer]["kernel"]
        h = np.maximum(h, 0) if layer != "readout" else h
    np.testing.assert_allclose(net(X), h, rtol=1e-5)


def test_weights_are_standard_normal():
    omega = np.asarray(Network.create("fcn", 0, (64,), hidden=256, depth=2, sigma_b=0.1).params["Dense_1"]["kernel"])
    assert abs(omega.mean()) < 4 / 256
    assert abs(omega.var() - 1) < 4 * 2**0.5 / 256


def test_width_multiplies_hidden():
    assert build_model("fcn", width=0.125).hidden == 64
    assert build_model("fcn", hidden=np.int64(9)).hidden == 9
    assert set(network_spec("fcn").settings) == {"depth", "sigma_w", "sigma_b", "parameterization"}
    shapes = jax.eval_shape(build_model("fcn", depth=1).init, jax.random.key(0), X)["params"]
    assert shapes["Dense_0"]["kernel"].shape == (6, 512)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"parameterization": "ntks"}, "unknown parameterization 'ntks'; did you mean 'ntk'"),
    ({"sigma_w": 0.0}, "sigma_w must be above 0"),
    ({"sigma_w": float("nan")}, "sigma_w must be .* finite, not nan"),
    ({"sigma_b": -0.1}, "sigma_b must be at least 0"),
    ({"depth": 0}, "depth must be at least 1, not 0"),
    ({"hidden": 2.5}, "hidden must be a whole number"),
    ({"hidden": True}, "hidden must be a whole number"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_values_out_of_range_are_refused(settings, message):
    for build in (lambda **settings: build_model("fcn", **settings), FCN):
        refused(message, build, **settings)
    refused("unknown parameterization", Parameterization, "mup", 1.0, 0.0)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet18"])
def test_the_other_architectures_have_the_standard_parameterization_alone(name):
    assert build_model(name, parameterization="standard") == build_model(name)
    refused(f"{name} exists in standard parameterization only", build_model, name, parameterization="ntk")
    refused("did you mean 'standard'", build_model, name, parameterization="standart")
