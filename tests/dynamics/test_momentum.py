import numpy as np
import pytest

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import momentum_dynamics, mse_dynamics
from ntk_repro.errors import UserError
from ntk_repro.precision import float64_scope
from tests.dynamics.linear_problem import by_descent, random_problem
from tests.dynamics.linearized import descend, linearized


@pytest.fixture(scope="module")
def problem():
    return random_problem()


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.99])
def test_steps_are_gradient_descent_on_the_weights(problem, momentum):
    d, steps = momentum_dynamics(problem.kernel, problem.y, momentum), [0, 1, 2, 30, 1000]
    for share in (0.1, 0.95):
        rate = share * d.max_learning_rate
        found = d.outputs_after(steps, rate, *problem.starts)
        for one, other in zip(found, by_descent(problem, steps, rate, momentum), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_a_ridge_is_weight_decay(problem):
    found = momentum_dynamics(problem.kernel, problem.y, 0.9, ridge=0.2).outputs_after([40], 0.1, *problem.starts)
    for one, other in zip(found, by_descent(problem, [40], 0.1, 0.9, ridge=0.2), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_thousand_steps_on_the_linearized_network():
    network = linearized()
    d = momentum_dynamics(network.k_train_train, network.y, 0.9)
    rate = 0.3 * d.max_learning_rate
    _, fx, fx_test = descend(1000, rate, 0.9)
    found = d.outputs_after(1000, rate, network.fx_0, network.fx_test_0, network.k_test_train)
    np.testing.assert_allclose(found[0], fx, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[1], fx_test, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_the_flow_is_that_of_neural_tangents(problem):
    """Its ODE solver's tolerance is 1.4e-8 a step; no normalisation, for the loss is given to it as a sum."""
    d, steps = momentum_dynamics(problem.kernel, problem.y, 0.9), np.array([0.0, 3.0, 40.0, 90.0])
    with float64_scope():
        loss = lambda fx, y: ((fx - y) ** 2).sum() / 2  # noqa: E731
        predict = nt.predict.gradient_descent(loss, problem.kernel, problem.y, learning_rate=0.05, momentum=0.9)
        expected = predict(steps, *problem.starts)
    for one, other in zip(d.outputs(steps, 0.05, *problem.starts), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_steps_and_flow_meet_at_small_rates_and_in_the_limit(problem):
    rate = 1e-6
    d = momentum_dynamics(problem.kernel, problem.y, 1 - np.sqrt(rate))
    step = d.outputs_after(2000, rate, *problem.starts)
    flow = d.outputs(2000, rate, *problem.starts)
    limit = mse_dynamics(problem.kernel, problem.y).outputs(np.inf, *problem.starts)
    for one, other in zip(step, flow, strict=True):
        assert 0 < np.abs(one - other).max() < 3e-3
    for forever in (d.outputs(None, rate, *problem.starts), d.outputs_after(1e30, rate, *problem.starts)):
        for one, other in zip(forever, limit, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-11)


def test_coefficients_give_the_outputs(problem):
    d = momentum_dynamics(problem.kernel, problem.y, 0.9)
    c = d.coefficients_after([3, 70], 0.1, problem.f0)
    train, _ = d.outputs_after([3, 70], 0.1, problem.f0)
    np.testing.assert_allclose(problem.f0 + problem.kernel @ c, train, atol=1e-11)


def test_bad_input_is_refused(problem):
    with pytest.raises(UserError, match="momentum must be"):
        momentum_dynamics(problem.kernel, problem.y, 1.0)
    d = momentum_dynamics(problem.kernel, problem.y, 0.9)
    with pytest.raises(UserError, match="whole steps"):
        d.outputs_after(1.5, 0.1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="no limit"):
        d.outputs_after(None, 1.1 * d.max_learning_rate)
