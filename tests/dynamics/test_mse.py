from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import averaged_loss_time, momentum_dynamics, mse_dynamics, neural_tangents_time, weight_change
from ntk_repro.dynamics.function_space import train_in_function_space
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from tests.dynamics.linear_problem import Problem, assert_near, by_descent, by_expm, random_problem
from tests.dynamics.linearized import descend, linearized
from tests.refusals import refused

TIMES = np.array([0.0, 1e-9, 0.3, 5.0, 200.0])


@pytest.fixture(scope="module")
def problem():
    return random_problem()


@pytest.fixture(scope="module")
def dynamics(problem):
    return mse_dynamics(problem.kernel, problem.y)


@pytest.fixture(scope="module")
def network():
    return linearized()


def dynamics_of(kernel, y, momentum=None) -> Any:
    """`momentum_dynamics`, for momentum 0 too; `mse_dynamics` for None."""
    return mse_dynamics(kernel, y) if momentum is None else momentum_dynamics(kernel, y, momentum)


def test_the_flow_is_the_matrix_exponential(problem, dynamics):
    found = dynamics.outputs(TIMES, *problem.starts)
    for i, t in enumerate(TIMES):
        assert_near((found[0][i], found[1][i]), by_expm(problem, t), 1e-11)


@pytest.mark.slow
def test_the_flow_is_that_of_neural_tangents(problem, dynamics):
    with float64_scope():
        predict = nt.predict.gradient_descent_mse(problem.kernel, problem.y)
        expected = predict(neural_tangents_time(TIMES, problem.y.size), *problem.starts)
        limit = predict(None, *problem.starts)
    assert_near(dynamics.outputs(TIMES, *problem.starts), expected, 1e-10)
    assert_near(dynamics.outputs(None, *problem.starts), limit, 1e-10)


@pytest.mark.slow
def test_the_flow_of_momentum_is_that_of_neural_tangents(problem):
    """Its ODE solver's tolerance is 1.4e-8 a step; no normalisation, for the loss is given to it as a sum."""
    d, steps = momentum_dynamics(problem.kernel, problem.y, 0.9), np.array([0.0, 3.0, 40.0, 90.0])
    with float64_scope():
        loss = lambda fx, y: ((fx - y) ** 2).sum() / 2  # noqa: E731
        predict = nt.predict.gradient_descent(loss, problem.kernel, problem.y, learning_rate=0.05, momentum=0.9)
        expected = predict(steps, *problem.starts)
    assert_near(d.outputs(steps, 0.05, *problem.starts), expected, 1e-6)


@pytest.mark.slow
def test_a_kernel_of_all_outputs_is_that_of_neural_tangents():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((7, 2, 40)) / 6
    gram = np.einsum("aip,bjp->aibj", features, features)
    train, test = gram[:4, :, :4], gram[4:, :, :4]
    y, f0 = rng.standard_normal((2, 7, 2))
    with float64_scope():
        as_nt = [np.moveaxis(k, 1, 2) for k in (train, test)]
        predict = nt.predict.gradient_descent_mse(as_nt[0], y[:4], trace_axes=())
        expected = predict(neural_tangents_time(TIMES, 8), f0[:4], f0[4:], as_nt[1])
    found = mse_dynamics(train.reshape(8, 8), y[:4]).outputs(TIMES, f0[:4], f0[4:], test.reshape(6, 8))
    assert_near(found, expected, 1e-10)


@pytest.mark.parametrize(
    ("momentum", "shares", "atol"),
    [(None, (0.05, 0.45, 0.65, 0.975), 1e-10), *((momentum, (0.1, 0.95), 1e-9) for momentum in (0.0, 0.3, 0.9, 0.99))],
)
def test_steps_are_gradient_descent_on_the_weights(problem, momentum, shares, atol):
    d, steps = dynamics_of(problem.kernel, problem.y, momentum), [0, 1, 2, 30, 50, 1000]
    for share in shares:  # of the largest stable rate
        rate = share * 2 * (1 + d.momentum) / d.eigenvalues[0]
        assert_near(d.outputs_after(steps, rate, *problem.starts), by_descent(problem, steps, rate, d.momentum), atol)


def test_momentum_at_small_rates_follows_its_flow(problem):
    d, at = momentum_dynamics(problem.kernel, problem.y, 1 - np.sqrt(1e-6)), (2000, 1e-6, *problem.starts)
    for steps, flow in zip(d.outputs_after(*at), d.outputs(*at), strict=True):
        assert 0 < np.abs(steps - flow).max() < 3e-3


def test_the_averaged_loss_has_its_own_time(problem, dynamics):
    steps, rate, size = 50, 0.8, problem.y.size
    expected = by_descent(problem, [steps], rate / size)
    assert_near(dynamics.outputs_after([steps], rate / size, *problem.starts), expected, 1e-12)
    flow = dynamics.outputs(averaged_loss_time(steps, rate, size), *problem.starts)
    assert np.abs(flow[0] - expected[0]).max() < 0.02


def test_a_diverging_rate_diverges_as_gradient_descent_does(problem, dynamics):
    rate = 2.2 / dynamics.eigenvalues[0]
    with pytest.warns(UserWarning, match="training diverges"):
        found = dynamics.outputs_after(60, rate, *problem.starts)
    expected = by_descent(problem, [60], rate)
    assert np.abs(found[0]).max() > 1e4
    np.testing.assert_allclose(found[0], expected[0][0], rtol=1e-8)
    refused("exceed float64", dynamics.outputs_after, 10**6, rate)


def flat(tree, leading=0):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(*leaf.shape[:leading], -1) for leaf in leaves], axis=-1)


@pytest.mark.parametrize(("momentum", "atol"), [(None, 1e-10), pytest.param(0.9, 1e-9, marks=pytest.mark.slow)])
def test_thousand_steps_on_the_linearized_network(network, momentum, atol):
    d = dynamics_of(network.k_train_train, network.y, momentum)
    rate = 0.3 * d.max_learning_rate if momentum else d.eta_critical / 2
    params, fx, fx_test = descend(1000, rate, d.momentum)
    found = d.outputs_after(1000, rate, network.fx_0, network.fx_test_0, network.k_test_train)
    assert_near(found, (fx, fx_test), atol)
    weights = flat(d.weights_after(network.net, network.x, 1000, rate))
    np.testing.assert_allclose(weights, flat(params), rtol=0, atol=atol)
    assert np.abs(weights - flat(network.net.params)).max() > 0.1


def test_the_weights_give_the_outputs(network):
    """Eq. (8) against Eqs. (10) and (11), at several times at once."""
    d, times = mse_dynamics(network.k_train_train, network.y), np.array([0.0, 0.2, np.inf])
    weights = d.weights(network.net, network.x, times)
    train, test = d.outputs(times, network.fx_0, network.fx_test_0, network.k_test_train)
    with float64_scope():
        f = jax.jit(jax.vmap(network.net.linearized(), in_axes=(0, None)))
        assert_near((f(weights, network.x), f(weights, network.x_test)), (train, test), 1e-10)


def test_the_start_of_the_weights_may_be_given(network):
    d = mse_dynamics(network.k_train_train, network.y)
    computed, given, other = (flat(d.weights(network.net, network.x, 0.1, f0)) for f0 in (None, network.fx_0, 0.0))
    np.testing.assert_allclose(computed, given, atol=1e-14)
    assert np.abs(computed - other).max() > 1e-3


def test_batches_of_weight_change_add_up_to_the_length_that_the_kernel_gives(network):
    c = np.random.default_rng(0).standard_normal((3, 6, 2))
    together = flat(weight_change(network.net, network.x, c), 1)
    np.testing.assert_allclose(flat(weight_change(network.net, network.x, c, batch_size=4), 1), together, atol=1e-13)
    for one, change in zip(c, together, strict=True):
        assert change @ change == pytest.approx(one.ravel() @ network.k_train_train @ one.ravel(), rel=1e-12)
    refused(r"outputs' shape \(6, 2\)", weight_change, network.net, network.x, np.zeros((6, 1)))


def test_at_the_start_nothing_has_moved(problem, dynamics):
    for found in (dynamics.outputs(0, *problem.starts), dynamics.outputs_after(0, 0.1, *problem.starts)):
        np.testing.assert_array_equal(found[0], problem.f0)
        np.testing.assert_array_equal(found[1], problem.test_f0)
    assert not np.any(dynamics.coefficients(0.0, problem.f0))


@pytest.mark.parametrize("t", [None, np.inf, 1e30])
def test_in_the_limit_the_outputs_interpolate(problem, dynamics, t):
    with_momentum = momentum_dynamics(problem.kernel, problem.y, 0.999)
    for model in (
        dynamics.flow(t), dynamics.descent(t, 0.1), with_momentum.flow(t, 1e-6), with_momentum.descent(t, 1e-6),
    ):  # fmt: skip
        assert_near(model.outputs(*problem.starts), problem.ridge_regression(), 1e-11)


@settings(max_examples=20)
@given(first=st.floats(0, 50), second=st.floats(0, 50), seed=st.integers(0, 9))
def test_training_on_is_training_longer(first, second, seed):
    problem = random_problem(seed=seed)
    d = mse_dynamics(problem.kernel, problem.y)
    half = d.outputs(first, *problem.starts)
    assert_near(d.outputs(second, *half, problem.test_kernel), d.outputs(first + second, *problem.starts), 1e-10)
    steps, more = int(first), int(second)
    half = d.outputs_after(steps, 0.2, *problem.starts)
    expected = d.outputs_after(steps + more, 0.2, *problem.starts)
    assert_near(d.outputs_after(more, 0.2, *half, problem.test_kernel), expected, 1e-10)


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_coefficients_give_the_outputs(problem, momentum):
    d = dynamics_of(problem.kernel, problem.y, momentum)
    for model in (d.descent([3, 70], 0.1), d.flow(TIMES) if momentum is None else d.flow(TIMES, 0.1)):
        weights = problem.features.T @ model.coefficients(problem.f0)
        assert_near(model.outputs(*problem.starts), problem.at(weights), 1e-11)


def test_coefficients_are_those_of_training_in_function_space(problem, dynamics):
    n, steps, rate = len(problem.y), 40, 0.2
    trained = train_in_function_space(
        np.ascontiguousarray(problem.kernel), problem.y, batches=np.tile(np.arange(n), (steps, 1)),
        learning_rate=n * rate, loss="half_squared_error", fx_train_0=problem.f0,
    )  # fmt: skip
    c = dynamics.coefficients_after(steps, rate, problem.f0)
    np.testing.assert_allclose(c, trained.coefficients, atol=1e-11)


@pytest.mark.slow
def test_a_ridge_is_descent_with_weight_decay_and_its_limit_ridge_regression(problem):
    d, steps = mse_dynamics(problem.kernel, problem.y, ridge=0.3), [1, 30, 400]
    assert_near(d.outputs_after(steps, 0.05, *problem.starts), by_descent(problem, steps, 0.05, ridge=0.3), 1e-11)
    found = momentum_dynamics(problem.kernel, problem.y, 0.9, ridge=0.2).outputs_after([40], 0.1, *problem.starts)
    assert_near(found, by_descent(problem, [40], 0.1, 0.9, ridge=0.2), 1e-12)
    assert_near(d.outputs(np.inf, *problem.starts), problem.ridge_regression(0.3), 1e-12)
    with float64_scope():
        predict = nt.predict.gradient_descent_mse(problem.kernel, problem.y, diag_reg=0.3, diag_reg_absolute_scale=True)
        expected = predict(neural_tangents_time(2.0, problem.y.size), *problem.starts)[1]
    assert_near(d.outputs(2.0, *problem.starts)[1:], (expected,), 1e-11)


def test_training_the_readout_layer_is_the_same_with_its_kernel():
    """Eq. (S20): the last layer alone, trained by actual gradient descent."""
    rng = np.random.default_rng(0)
    body, y = np.tanh(rng.standard_normal((9, 3)) @ rng.standard_normal((3, 20))), rng.standard_normal((6, 1))
    with float64_scope():
        readout = nn.Dense(1, param_dtype=np.float64, dtype=np.float64)
        net = Network.create(readout, 0, (20,), input_dtype=np.float64)
        gram = empirical_gram(net, body, method="jacobian", precision="float64")
        fx_0 = net(body)
    features, d = np.c_[body, np.ones(9)], mse_dynamics(gram[:6, :6], y)
    steps, rate = [300], d.eta_critical / 3
    expected = by_descent(Problem(features[:6], features[6:], y, fx_0[:6], fx_0[6:]), steps, rate)
    assert_near(d.outputs_after(steps, rate, fx_0[:6], fx_0[6:], gram[6:, :6]), expected, 1e-10)


def test_shapes_follow_times_and_targets(problem, dynamics):
    train, test = dynamics.outputs(np.zeros((2, 3)), *problem.starts)
    assert train.shape == (2, 3, 12, 2)
    assert test.shape == (2, 3, 5, 2)
    assert dynamics.outputs([], *problem.starts)[0].shape == (0, 12, 2)
    vector = mse_dynamics(problem.kernel, problem.y[:, 0])
    train, test = vector.outputs(TIMES, problem.f0[:, 0], problem.test_f0[:, 0], problem.test_kernel)
    expected = dynamics.outputs(TIMES, *problem.starts)
    assert_near((train, test), (expected[0][..., 0], expected[1][..., 0]), 1e-13)
    assert vector.coefficients(3.0).shape == (12,)
    assert dynamics.outputs(1.0)[1] is None


def test_many_and_few_times_agree_however_they_are_chunked(problem, dynamics, monkeypatch):
    times = np.linspace(0, 3, 40)
    at_once = dynamics.outputs(times, *problem.starts)
    monkeypatch.setattr("ntk_repro.dynamics.mse._CHUNK_BYTES", 7 * 8 * 2 * 12)
    assert_near(dynamics.outputs(times, *problem.starts), at_once, 1e-13)
    for i in (0, 39):
        assert_near(dynamics.outputs(times[i], *problem.starts), (at_once[0][i], at_once[1][i]), 1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": -1.0}, "not negative"),
        ({"fx_train_0": np.zeros((11, 2))}, r"fx_train_0 must be one number or of shape \(12, 1\) or \(12, 2\)"),
        ({"fx_train_0": np.nan}, "not finite"),
        ({"fx_test_0": 0.0}, "without k_test_train"),
        ({"k_test_train": np.ones((5, 11))}, r"k_test_train must be of shape \(m, 12\)"),
        ({"k_test_train": np.full((5, 12), np.inf)}, "not finite"),
        ({"k_test_train": np.ones((5, 12)), "fx_train_0": 1.0}, "give fx_test_0 too"),
        ({"k_test_train": np.ones((5, 12)), "fx_test_0": np.ones((4, 2))}, "fx_test_0 must be"),
    ],
)
def test_bad_input_is_refused(dynamics, arguments, message):
    refused(message, dynamics.outputs, **{"t": 1.0, **arguments})


def test_bad_input_with_momentum_is_refused(problem):
    refused("momentum must be", momentum_dynamics, problem.kernel, problem.y, 1.0)
    d = momentum_dynamics(problem.kernel, problem.y, 0.9)
    refused("whole steps", d.outputs_after, 1.5, 0.1)
    refused("no limit", d.outputs_after, None, 1.1 * d.max_learning_rate)
    refused("no bound on the error", d.error_bound_after, 3, 0.1)
