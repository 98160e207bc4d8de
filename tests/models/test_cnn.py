"""The convolutional network of Lee et al. 2019: its equation, its two parameterizations, its twin."""

import functools
from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.gram.structured import structured_plan
from ntk_repro.models import PARAMETERIZATIONS, build_model
from ntk_repro.network import Network
from tests.models.stax_parameters import drawn_network, same_parameters

X = np.random.default_rng(0).normal(size=(3, 4, 3, 2)).astype(np.float32)


@functools.cache
def network(parameterization: str) -> Network:
    """At the same function in both parameterizations."""
    settings: dict[str, Any] = {"channels": 5, "depth": 2, "activation": "tanh", "sigma_w": 1.3, "sigma_b": 0.4}
    net = drawn_network(build_model("cnn", parameterization=parameterization, **settings), X.shape[1:])
    if parameterization == "ntk":
        return net
    fan_in = {"Conv_0": 18, "Conv_1": 45, "readout": 5}
    params = {
        layer: {"kernel": 1.3 / fan_in[layer] ** 0.5 * own["kernel"], "bias": 0.4 * own["bias"]}
        for layer, own in net.params.items()
    }
    return net.replace(params=params)


def test_the_function_is_the_papers_equation():
    p = network("ntk").params
    h = X.astype(np.float64)
    for layer in ("Conv_0", "Conv_1"):
        kernel, padded = p[layer]["kernel"], np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = sum(padded[:, i : i + 4, j : j + 3] @ kernel[i, j] for i in range(3) for j in range(3))
        h = np.tanh(1.3 / (9 * h.shape[-1]) ** 0.5 * patches + 0.4 * p[layer]["bias"])
    fx = 1.3 / 5**0.5 * h.mean((1, 2)) @ p["readout"]["kernel"] + 0.4 * p["readout"]["bias"]
    np.testing.assert_allclose(network("ntk")(X), fx, rtol=1e-4, atol=1e-6)


def test_scaled_parameters_are_the_same_function_in_standard_parameterization():
    fx = [network(p)(X) for p in PARAMETERIZATIONS]
    np.testing.assert_allclose(*fx, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_structured_gram_is_that_of_jacobians(parameterization):
    net = network(parameterization)
    assert len(structured_plan(net, X, "mean", 1).layers) == 3
    ours, dense = (empirical_gram(net, X, method=method) for method in ("structured", "jacobian"))
    np.testing.assert_allclose(ours, dense, atol=2e-6 * np.abs(dense).max())


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_the_stax_twin_is_the_same_function(parameterization):
    net = network(parameterization)
    twin_fn, params = same_parameters(net, X.shape[1:], ["Conv_0", "Conv_1", "readout"], degree=9)
    np.testing.assert_allclose(net(X), twin_fn(params, X), rtol=1e-4, atol=1e-6)


def test_sizes():
    assert build_model("cnn", width=0.25).channels == 128
    with pytest.raises(UserError, match="channels of cnn must be a whole number"):
        build_model("cnn", channels=0)
