"""Against the module's own outputs, and dense Jacobians by autodiff."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.models import activation_fn, build_model
from ntk_repro.precision import float64_scope
from ntk_repro.wide_limit.jacobian_factors import (
    ACTIVATIONS,
    FactoredFcn,
    gradient,
    jacobian_distance,
    jacobian_products,
    length,
    moved,
)

CASES = [("ntk", 0.3), ("standard", 0.3), ("ntk", 0.0), ("standard", 0.0)]
RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(2, 4, 3))


def variables_of(params, network):
    """The module's parameters, of the first network."""
    names = ["Dense_0", "Dense_1", "readout"]
    layers = {}
    for name, matrix, weights in zip(names, params, network.weights(params), strict=True):
        layers[name] = {"kernel": jnp.asarray(weights[0])}
        if network.bias_scale:
            layers[name]["bias"] = jnp.asarray(matrix[0, -1])
    return {"params": layers}


def dense(module, variables, x):
    """J, its columns in the order of the layers' matrices: weights, then biases."""
    rows = jax.jacobian(lambda p: module.apply(p, x)[:, 0])(variables)["params"]
    parts = [rows[layer][name] for layer in rows for name in ("kernel", "bias") if name in rows[layer]]
    return np.concatenate([np.asarray(part).reshape(len(x), -1) for part in parts], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(("parameterization", "sigma_b"), CASES)
def test_factors_are_those_of_the_dense_jacobian(parameterization, sigma_b):
    settings = {"activation": "tanh", "sigma_w": 1.4, "sigma_b": sigma_b, "parameterization": parameterization}
    module: Any = build_model("fcn", hidden=5, depth=2, **settings)
    network = FactoredFcn.of(module, 3)
    params, others = (network.initial(np.random.default_rng(seed), 2) for seed in (1, 2))
    at, there, elsewhere = network.factors(params, X), network.factors(params, Z), network.factors(others, X)
    c = np.array([1.0, -2.0, 0.5, 3.0])
    flat = np.concatenate([matrix[0].ravel() for matrix in gradient(at, np.stack([c, c]))])
    with float64_scope():
        variables = variables_of(params, network)
        j, j_z, j_other = (
            dense(module, variables_of(p, network), jnp.asarray(x)) for p, x in ((params, X), (params, Z), (others, X))
        )
        fx, sown = module.apply(variables, jnp.asarray(X), mutable=["intermediates"])
    np.testing.assert_allclose(at.fx[0], fx[:, 0], rtol=1e-12)
    np.testing.assert_allclose(jacobian_products(at, there)[0], j @ j_z.T, rtol=1e-10)
    np.testing.assert_allclose(jacobian_distance(at, elsewhere)[0], np.linalg.norm(j - j_other), rtol=1e-10)
    np.testing.assert_allclose(flat, c @ j, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(network.activations(at)[-1][0], sown["intermediates"]["readout_inputs"][0], rtol=1e-12)
    if sigma_b:  # delta^1 is the gradient by what the first layer gives: moving its bias moves that
        step = np.zeros_like(params[0])
        step[:, -1] = 1e-6
        change = network.factors([params[0] + step, *params[1:]], X).fx - at.fx
        np.testing.assert_allclose(at.deltas[0].sum(axis=2) * network.bias_scale * 1e-6, change, rtol=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_slopes_are_those_of_the_package(name):
    h = np.linspace(-3, 3, 13)
    value, slope = ACTIVATIONS[name](h)
    with float64_scope():
        expected = jax.jvp(activation_fn(name), (jnp.asarray(h),), (jnp.ones(13),))
    np.testing.assert_allclose(value, expected[0], atol=1e-12)
    np.testing.assert_allclose(slope, expected[1], atol=1e-12)


@pytest.mark.parametrize(("parameterization", "sigma_b"), CASES)
def test_initial_parameters_have_the_printed_variances(parameterization, sigma_b):
    """Eqs. 1 and S36: the layer that the network computes is the same in both."""
    settings = {"sigma_w": 1.4, "sigma_b": sigma_b, "parameterization": parameterization}
    module: Any = build_model("fcn", hidden=40, depth=1, activation="tanh", **settings)
    network = FactoredFcn.of(module, 3)
    params = network.initial(np.random.default_rng(0), 50)
    assert params[0].shape == (50, 4 if sigma_b else 3, 40)
    scaled = [w * scale for w, scale in zip(network.weights(params), network.scales, strict=True)]
    assert [w.std() for w in scaled] == pytest.approx([1.4 / 3**0.5, 1.4 / 40**0.5], rel=0.03)
    if sigma_b:
        assert params[0][:, -1].std() * network.bias_scale == pytest.approx(sigma_b, rel=0.05)


def test_lengths_are_of_all_layers_together():
    params = [np.ones((2, 2, 2)), np.full((2, 2, 1), 2.0)]
    np.testing.assert_allclose(length(params), 12**0.5)
    np.testing.assert_allclose(length(moved(params, params, np.array([1.0, -1.0]))), [48**0.5, 0])
