"""The fully connected network of Lee et al. 2019: its equation, its two parameterizations, its twin."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.models import FCN, PARAMETERIZATIONS, Parameterization, build_model, network_spec
from ntk_repro.network import Network
from tests.models.stax_parameters import drawn_network, same_parameters

SETTINGS: dict[str, Any] = {"hidden": 7, "depth": 2, "num_outputs": 2, "sigma_w": 1.3, "sigma_b": 0.4}
X = np.random.default_rng(0).normal(size=(4, 3, 2, 1)).astype(np.float32)


@functools.cache
def network(parameterization: str) -> Network:
    return Network.create("fcn", 3, X.shape[1:], parameterization=parameterization, **SETTINGS)


def test_the_function_is_the_papers_equation():
    """Eq. (1): W = sigma_w / sqrt(n) omega, b = sigma_b beta."""
    p = network("ntk").params
    h = X.reshape(4, -1).astype(np.float64)
    for layer in ("Dense_0", "Dense_1", "readout"):
        h = 1.3 / h.shape[1] ** 0.5 * h @ p[layer]["kernel"] + 0.4 * p[layer]["bias"]
        h = np.maximum(h, 0) if layer != "readout" else h
    np.testing.assert_allclose(network("ntk")(X), h, rtol=1e-5)
    assert {k: v["kernel"].shape for k, v in p.items()} == {"Dense_0": (6, 7), "Dense_1": (7, 7), "readout": (7, 2)}


def test_a_key_is_the_same_function_in_both_parameterizations():
    ntk, standard = (network(p) for p in PARAMETERIZATIONS)
    np.testing.assert_allclose(ntk(X), standard(X), rtol=1e-5, atol=1e-6)
    for layer, fan_in in (("Dense_0", 6), ("Dense_1", 7), ("readout", 7)):
        kernels = ntk.params[layer]["kernel"], standard.params[layer]["kernel"]
        np.testing.assert_allclose(kernels[0] * 1.3 / fan_in**0.5, kernels[1], rtol=1e-6)
        np.testing.assert_allclose(0.4 * ntk.params[layer]["bias"], standard.params[layer]["bias"], rtol=1e-6)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_without_sigma_b_there_is_no_bias(parameterization):
    module = build_model("fcn", hidden=3, depth=2, parameterization=parameterization)
    net = drawn_network(module, X.shape[1:])
    h = X.reshape(4, -1).astype(np.float64)
    for layer in ("Dense_0", "Dense_1", "readout"):
        assert set(net.params[layer]) == {"kernel"}
        scale = (2 / h.shape[1]) ** 0.5 if parameterization == "ntk" else 1
        h = scale * h @ net.params[layer]["kernel"]
        h = np.maximum(h, 0) if layer != "readout" else h
    np.testing.assert_allclose(net(X), h, rtol=1e-5)


def test_weights_are_standard_normal():
    omega = np.asarray(Network.create("fcn", 0, (64,), hidden=256, depth=2, sigma_b=0.1).params["Dense_1"]["kernel"])
    assert abs(omega.mean()) < 4 / 256
    assert abs(omega.var() - 1) < 4 * 2**0.5 / 256


@pytest.mark.slow
@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_structured_gram_is_that_of_jacobians(parameterization):
    net = network(parameterization)
    assert [layer.path for layer in structured_plan(net, X, "full", 2).layers] == [
        ("Dense_0",),
        ("Dense_1",),
        ("readout",),
    ]
    ours, dense = (empirical_gram(net, X, method=method, outputs="full") for method in ("structured", "jacobian"))
    np.testing.assert_allclose(ours, dense, atol=2e-6 * np.abs(dense).max())


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_the_stax_twin_is_the_same_function(parameterization):
    net = network(parameterization)
    twin_fn, params = same_parameters(net, X.shape[1:], ["Dense_0", "Dense_1", "readout"])
    np.testing.assert_allclose(net(X), twin_fn(params, X), rtol=1e-5, atol=1e-6)


def test_width_multiplies_hidden():
    assert build_model("fcn", width=0.125).hidden == 64
    assert build_model("fcn", hidden=np.int64(9)).hidden == 9
    assert set(network_spec("fcn").settings) == {"depth", "sigma_w", "sigma_b", "parameterization"}
    shapes = jax.eval_shape(build_model("fcn", depth=1).init, jax.random.key(0), X)["params"]
    assert shapes["Dense_0"]["kernel"].shape == (6, 512)


def test_what_makes_no_network_is_refused():
    bad: list[tuple[dict[str, Any], str]] = [
        ({"parameterization": "ntks"}, "unknown parameterization 'ntks'; did you mean 'ntk'"),
        ({"sigma_w": 0.0}, "sigma_w must be above 0"),
        ({"sigma_w": float("nan")}, "sigma_w must be above 0"),
        ({"sigma_b": -0.1}, "sigma_b must be 0"),
        ({"depth": 0}, "depth of fcn must be a whole number of at least 1"),
        ({"hidden": 2.5}, "hidden of fcn must be a whole number"),
        ({"hidden": True}, "hidden of fcn must be a whole number"),
    ]
    for settings, message in bad:
        with pytest.raises(UserError, match=message):
            build_model("fcn", **settings)
    with pytest.raises(UserError, match="sigma_w must be above 0"):
        FCN(sigma_w=-1.0)
    with pytest.raises(UserError, match="unknown parameterization"):
        Parameterization("mup", 1.0, 0.0)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet18"])
def test_the_other_architectures_have_the_standard_parameterization_alone(name):
    assert build_model(name, parameterization="standard") == build_model(name)
    with pytest.raises(UserError, match=f"{name} exists in standard parameterization only"):
        build_model(name, parameterization="ntk")
    with pytest.raises(UserError, match="did you mean 'standard'"):
        build_model(name, parameterization="standart")
