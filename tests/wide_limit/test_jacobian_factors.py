"""Against the module's own outputs, and dense Jacobians by autodiff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.models import build_model
from ntk_repro.precision import float64_scope
from ntk_repro.wide_limit.jacobian_factors import FactoredFcn, gradient, jacobian_distance, jacobian_products

CASES = [("ntk", 0.3), ("standard", 0.3), ("ntk", 0.0), ("standard", 0.0)]


def dense(module, variables, x):
    """J, its columns in the order of the layers' matrices: weights, then biases."""
    rows = jax.jacobian(lambda p: module.apply(p, x)[:, 0])(variables)["params"]
    parts = [rows[layer][name] for layer in rows for name in ("kernel", "bias") if name in rows[layer]]
    return np.concatenate([np.asarray(part).reshape(len(x), -1) for part in parts], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(("parameterization", "sigma_b"), CASES)
def test_factors_are_those_of_the_dense_jacobian(parameterization, sigma_b):
    settings = {"activation": "tanh", "sigma_w": 1.4, "sigma_b": sigma_b, "parameterization": parameterization}
    module = build_model("fcn", hidden=5, depth=2, **settings)
    network = FactoredFcn.of(module, 3)
    with float64_scope():
        x, z = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)))
        variables, other = (
            jax.tree.map(lambda leaf: jnp.asarray(leaf, float), module.init(jax.random.key(i), x)) for i in (0, 1)
        )
        at, there = network.factors(network.params(variables), x), network.factors(network.params(variables), z)
        elsewhere = network.factors(network.params(other), x)
        j, j_z, j_other = dense(module, variables, x), dense(module, variables, z), dense(module, other, x)
        np.testing.assert_allclose(at.fx, module.apply(variables, x)[:, 0], rtol=1e-12)
        np.testing.assert_allclose(jacobian_products(at, there), j @ j_z.T, rtol=1e-10)
        np.testing.assert_allclose(jacobian_distance(at, elsewhere), np.linalg.norm(j - j_other), rtol=1e-10)
        c = jnp.asarray([1.0, -2.0, 0.5, 3.0])
        parts = [np.asarray(matrix).ravel() for matrix in gradient(at, c)]
        np.testing.assert_allclose(np.concatenate(parts), np.asarray(c) @ j, rtol=1e-10, atol=1e-14)
        hidden = module.apply(variables, x, mutable=["intermediates"])[1]["intermediates"]["readout_inputs"][0]
        np.testing.assert_allclose(network.activations(at)[-1], hidden, rtol=1e-12)
        # delta^1 is the gradient with respect to what the first layer gives: moving its bias moves that.
        if sigma_b:
            moved = dict(variables["params"])
            moved["Dense_0"] = {**moved["Dense_0"], "bias": moved["Dense_0"]["bias"] + 1e-6}
            change = module.apply({"params": moved}, x)[:, 0] - at.fx
            np.testing.assert_allclose(at.deltas[0].sum(axis=1) * network.bias_scale * 1e-6, change, rtol=1e-4)
