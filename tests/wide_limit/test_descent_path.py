"""Against gradient descent with finite differences of the outputs, and the flow against smaller steps."""

from typing import Any

import numpy as np

from ntk_repro.models import build_model
from ntk_repro.wide_limit.descent_path import Problem, ball_constants, descent_path
from ntk_repro.wide_limit.jacobian_factors import FactoredFcn

RNG = np.random.default_rng(1)
X, X_TEST, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2)), np.array([1.0, -1.0, 1.0])
MODULE: Any = build_model("fcn", hidden=6, depth=2, activation="tanh", sigma_b=0.3, parameterization="standard")
NETWORK = FactoredFcn.of(MODULE, 2)
START = NETWORK.initial(RNG, 2)
SECOND = [matrix[1] for matrix in START]  # everything is checked on the second of two networks


def problem(rate):
    return Problem(X, Y, X_TEST, rate, 6.0)


def flat(params):
    return np.concatenate([matrix.ravel() for matrix in params])


def unflat(theta):
    ends = np.cumsum([matrix.size for matrix in SECOND])[:-1]
    return [part.reshape(matrix.shape) for part, matrix in zip(np.split(theta, ends), SECOND, strict=True)]


def outputs(theta, x):
    """The network written out, of one sample set and one parameter vector; and its hidden layers."""
    h, hidden = x, []
    for matrix in unflat(theta):
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1) @ matrix
        hidden.append(np.tanh(x))
        h, x = x, hidden[-1]
    return h[:, 0], hidden[:-1]


def jacobian(theta, x):
    """By central differences."""
    step = 1e-5
    rows = [(outputs(theta + e, x)[0] - outputs(theta - e, x)[0]) / (2 * step) for e in step * np.eye(len(theta))]
    return np.stack(rows, axis=1)


CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}


def test_the_path_is_gradient_descent_written_out():
    eta, theta_0 = 0.05, flat(SECOND)
    path, last = descent_path(NETWORK, START, problem(eta), 2, flow=False)
    found = {name: value[1] for name, value in path._asdict().items()}
    theta = before = linear = theta_0
    j_0, fx_0 = jacobian(theta_0, X), outputs(theta_0, X)[0]
    for step in range(3):
        j, j_test, (fx, hidden) = jacobian(theta, X), jacobian(theta, X_TEST), outputs(theta, X)
        np.testing.assert_allclose(found["residuals"][step], fx - Y, **CLOSE)
        np.testing.assert_allclose(found["fx_test"][step], outputs(theta, X_TEST)[0], **CLOSE)
        np.testing.assert_allclose(found["kernel"][step], j @ j.T / 6, **CLOSE)
        np.testing.assert_allclose(found["test_kernel"][step], j_test @ j.T / 6, **CLOSE)
        np.testing.assert_allclose(found["distance"][step], np.linalg.norm(theta - theta_0), **CLOSE)
        np.testing.assert_allclose(found["linear_distance"][step], np.linalg.norm(theta - linear), **CLOSE)
        linear = linear - eta * j_0.T @ (fx_0 + j_0 @ (linear - theta_0) - Y)
        np.testing.assert_allclose(found["activations"][step], [np.linalg.norm(x) for x in hidden], **CLOSE)
        then = theta - eta * j.T @ (fx - Y)
        np.testing.assert_allclose(found["middle"][step], jacobian((theta + then) / 2, X) @ j.T / 6, **CLOSE)
        # The readout's inputs move the output by its weights times the slope.
        delta = unflat(theta)[2][:-1, 0] * (1 - hidden[1] ** 2)
        np.testing.assert_allclose(found["deltas"][step, 1], np.linalg.norm(delta), **CLOSE)
        theta, before = then, theta
    np.testing.assert_allclose(flat([matrix[1] for matrix in last]), before, **CLOSE)


def test_the_flow_does_not_depend_on_its_step():
    path, _ = descent_path(NETWORK, START, problem(0.02), 8, flow=True)
    finer, _ = descent_path(NETWORK, START, problem(0.01), 16, flow=True)
    descent, _ = descent_path(NETWORK, START, problem(0.02), 8, flow=False)
    np.testing.assert_allclose(path.residuals, finer.residuals[:, ::2], atol=3e-5)
    np.testing.assert_allclose(path.linear_distance, finer.linear_distance[:, ::2], atol=3e-5)
    assert np.abs(path.residuals - descent.residuals).max() > 1e-3
    np.testing.assert_array_equal(path.middle, path.kernel)


def test_the_constants_of_the_ball_are_difference_quotients():
    ball = ball_constants(NETWORK, START, problem(0.1), 0.5, np.random.default_rng(0))
    theta = flat(SECOND)
    j, (fx, hidden) = jacobian(theta, X), outputs(theta, X)
    for index, direction in ((1, j.T @ (fx - Y)), (2, j[0])):
        there = theta + 0.5 * direction / np.linalg.norm(direction)
        j_there, hidden_there = jacobian(there, X), outputs(there, X)[1]
        np.testing.assert_allclose(ball.lipschitz[1, index], np.linalg.norm(j_there - j) / 6**0.5 / 0.5, **CLOSE)
        sizes = [np.linalg.norm(j) / 6**0.5, np.linalg.norm(j_there) / 6**0.5]
        np.testing.assert_allclose(ball.jacobian[1, [0, index + 1]], sizes, **CLOSE)
        changes = [np.linalg.norm(b - a) / 0.5 for a, b in zip(hidden, hidden_there, strict=True)]
        np.testing.assert_allclose(ball.activations_lipschitz[1, index], changes, **CLOSE)
        norm = np.linalg.svd(unflat(there)[1][:-1])[1][0]
        np.testing.assert_allclose(ball.weights[1, index, 1], norm, **CLOSE)
        deltas = [unflat(at)[2][:-1, 0] * (1 - x[1] ** 2) for at, x in ((theta, hidden), (there, hidden_there))]
        change = np.linalg.norm(deltas[1] - deltas[0]) / 0.5
        np.testing.assert_allclose(ball.deltas_lipschitz[1, index, 1], change, **CLOSE)
    assert ball.jacobian.shape == (2, 4)
    assert ball.lipschitz[1, 0] > 0
