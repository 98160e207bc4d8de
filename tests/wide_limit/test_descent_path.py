"""Against gradient descent written out with autodiff, and the flow against smaller steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.models import build_model
from ntk_repro.precision import float64_scope
from ntk_repro.wide_limit.descent_path import Problem, ball_constants, descent_path, operator_norms
from ntk_repro.wide_limit.jacobian_factors import FactoredFcn

RNG = np.random.default_rng(1)
X, X_TEST, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2)), np.array([1.0, -1.0, 1.0])
MODULE = build_model("fcn", hidden=6, depth=2, activation="tanh", sigma_b=0.3, parameterization="standard")
NETWORK = FactoredFcn.of(MODULE, 2)


def begin():
    variables = MODULE.init(jax.random.key(0), jnp.zeros((1, 2)))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float), variables)


def problem(rate):
    return Problem(*map(jnp.asarray, (X, Y, X_TEST, rate, 6.0)))


def flat(tree):
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def jacobian(variables, x):
    rows = jax.jacobian(lambda p: MODULE.apply(p, x)[:, 0])(variables)
    return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in jax.tree.leaves(rows)], axis=1)


@pytest.mark.slow
def test_the_path_is_gradient_descent_written_out():
    eta = 0.05
    with float64_scope():
        variables = begin()
        path, last = descent_path(NETWORK, NETWORK.params(variables), problem(eta), 2, flow=False)
        at, first = variables, jacobian(variables, X)
        for step in range(3):
            j, j_test = jacobian(at, X), jacobian(at, X_TEST)
            g = np.asarray(MODULE.apply(at, X)[:, 0] - Y)
            np.testing.assert_allclose(path.residuals[step], g, rtol=1e-10)
            np.testing.assert_allclose(path.fx_test[step], MODULE.apply(at, X_TEST)[:, 0], rtol=1e-10)
            np.testing.assert_allclose(path.kernel[step], j @ j.T / 6, rtol=1e-10)
            np.testing.assert_allclose(path.test_kernel[step], j_test @ j.T / 6, rtol=1e-10)
            np.testing.assert_allclose(path.distance[step], np.linalg.norm(flat(at) - flat(variables)), atol=1e-12)
            apart = np.linalg.norm(j - first) / 6**0.5
            np.testing.assert_allclose(path.jacobian_distance[step], apart, atol=1e-7)
            gradients = jax.grad(lambda p: jnp.sum((MODULE.apply(p, X)[:, 0] - Y) ** 2) / 2)(at)
            then = jax.tree.map(lambda p, d: p - eta * d, at, gradients)
            middle = jacobian(jax.tree.map(lambda a, b: (a + b) / 2, at, then), X)
            np.testing.assert_allclose(path.middle[step], middle @ j.T / 6, rtol=1e-10)
            at = then
        np.testing.assert_allclose(
            np.sort(flat(NETWORK.params(at))),
            np.sort(np.concatenate([np.asarray(m).ravel() for m in last])),
            rtol=1e-10,
        )
        norms = np.linalg.svd(np.asarray(at["params"]["Dense_1"]["kernel"]))[1][0]
        np.testing.assert_allclose(operator_norms(NETWORK, last)[1], norms)


@pytest.mark.slow
def test_the_flow_does_not_depend_on_its_step():
    with float64_scope():
        start = NETWORK.params(begin())
        path, _ = descent_path(NETWORK, start, problem(0.02), 8, flow=True)
        finer, _ = descent_path(NETWORK, start, problem(0.01), 16, flow=True)
        descent, _ = descent_path(NETWORK, start, problem(0.02), 8, flow=False)
        np.testing.assert_allclose(path.residuals, finer.residuals[::2], rtol=1e-5)
        assert np.abs(path.residuals - descent.residuals).max() > 1e-3


@pytest.mark.slow
def test_the_constants_of_the_ball_are_difference_quotients():
    """In the direction of one output's gradient; the other two are measured by the same lines."""
    with float64_scope():
        variables = begin()
        ball = ball_constants(NETWORK, NETWORK.params(variables), problem(0.1), jnp.asarray(0.5), jax.random.key(1))
        gradients = jax.grad(lambda p: MODULE.apply(p, X)[0, 0])(variables)
        size = np.linalg.norm(flat(gradients))
        there = jax.tree.map(lambda p, d: p + 0.5 / size * d, variables, gradients)
        j, j_there = jacobian(variables, X), jacobian(there, X)
        np.testing.assert_allclose(ball.lipschitz[2], np.linalg.norm(j_there - j) / 6**0.5 / 0.5, rtol=1e-10)
        np.testing.assert_allclose(
            ball.jacobian[jnp.array([0, 3])], [np.linalg.norm(j) / 6**0.5, np.linalg.norm(j_there) / 6**0.5], rtol=1e-10
        )
        last_hidden = [
            MODULE.apply(p, X, mutable=["intermediates"])[1]["intermediates"]["readout_inputs"][0]
            for p in (variables, there)
        ]
        change = np.linalg.norm(last_hidden[1] - last_hidden[0]) / 0.5
        np.testing.assert_allclose(ball.activations_lipschitz[2, 1], change, rtol=1e-10)
        norm = np.linalg.svd(np.asarray(there["params"]["Dense_1"]["kernel"]))[1][0]
        np.testing.assert_allclose(ball.weights[2, 1], norm, rtol=1e-10)
