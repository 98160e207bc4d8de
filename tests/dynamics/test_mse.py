import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import averaged_loss_time, mse_dynamics, neural_tangents_time
from ntk_repro.dynamics.function_space import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from tests.dynamics.linear_problem import by_descent, by_expm, random_problem
from tests.dynamics.linearized import descend, linearized

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


def assert_near(found, expected, atol):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


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


def test_steps_are_gradient_descent_on_the_weights(problem, dynamics):
    steps = [0, 1, 2, 50, 1000]
    for share in (0.1, 0.9, 1.3, 1.95):  # of the inverse of the largest eigenvalue
        rate = share / dynamics.eigenvalues[0]
        assert_near(dynamics.outputs_after(steps, rate, *problem.starts), by_descent(problem, steps, rate), 1e-10)


def test_a_diverging_rate_diverges_as_gradient_descent_does(problem, dynamics):
    rate = 2.2 / dynamics.eigenvalues[0]
    with pytest.warns(UserWarning, match="training diverges"):
        found = dynamics.outputs_after(60, rate, *problem.starts)
    expected = by_descent(problem, [60], rate)
    assert np.abs(found[0]).max() > 1e4
    np.testing.assert_allclose(found[0], expected[0][0], rtol=1e-8)
    with pytest.raises(UserError, match="exceed float64"):
        dynamics.outputs_after(10**6, rate)


def test_thousand_steps_on_the_linearized_network(network):
    d = mse_dynamics(network.k_train_train, network.y)
    rate = d.eta_critical / 2
    params, fx, fx_test = descend(1000, rate)
    found = d.outputs_after(1000, rate, network.fx_0, network.fx_test_0, network.k_test_train)
    assert_near(found, (fx, fx_test), 1e-10)
    weights = d.weights_after(network.net, network.x, 1000, rate)
    gaps = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), weights, params)
    assert max(jax.tree.leaves(gaps)) < 1e-10
    moved = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), params, network.net.params)
    assert max(jax.tree.leaves(moved)) > 0.1


def test_the_weights_give_the_outputs(network):
    """Eq. (8) against Eqs. (10) and (11), at several times at once."""
    d, times = mse_dynamics(network.k_train_train, network.y), np.array([0.0, 0.2, np.inf])
    weights = d.weights(network.net, network.x, times)
    train, test = d.outputs(times, network.fx_0, network.fx_test_0, network.k_test_train)
    with float64_scope():
        f = jax.jit(jax.vmap(network.net.linearized(), in_axes=(0, None)))
        assert_near((f(weights, network.x), f(weights, network.x_test)), (train, test), 1e-10)


def test_at_the_start_nothing_has_moved(problem, dynamics):
    for found in (dynamics.outputs(0, *problem.starts), dynamics.outputs_after(0, 0.1, *problem.starts)):
        np.testing.assert_array_equal(found[0], problem.f0)
        np.testing.assert_array_equal(found[1], problem.test_f0)
    assert not np.any(dynamics.coefficients(0.0, problem.f0))


def test_in_the_limit_the_outputs_interpolate(problem, dynamics):
    expected = problem.test_f0 + problem.test_kernel @ np.linalg.solve(problem.kernel, problem.y - problem.f0)
    for t in (None, np.inf, 1e30):
        assert_near(dynamics.outputs(t, *problem.starts), (problem.y, expected), 1e-11)
        assert_near(dynamics.outputs_after(t, 0.1, *problem.starts), (problem.y, expected), 1e-11)


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


def test_coefficients_give_the_outputs(problem, dynamics):
    c = dynamics.coefficients(TIMES, problem.f0)
    train, test = dynamics.outputs(TIMES, *problem.starts)
    assert_near((problem.f0 + problem.kernel @ c, problem.test_f0 + problem.test_kernel @ c), (train, test), 1e-11)


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
    d, rate = mse_dynamics(problem.kernel, problem.y, ridge=0.3), 0.05
    steps = [1, 30, 400]
    assert_near(d.outputs_after(steps, rate, *problem.starts), by_descent(problem, steps, rate, ridge=0.3), 1e-11)
    solved = np.linalg.solve(problem.kernel + 0.3 * np.eye(12), problem.y - problem.f0)
    expected = problem.f0 + problem.kernel @ solved, problem.test_f0 + problem.test_kernel @ solved
    assert_near(d.outputs(np.inf, *problem.starts), expected, 1e-12)
    with float64_scope():
        predict = nt.predict.gradient_descent_mse(problem.kernel, problem.y, diag_reg=0.3, diag_reg_absolute_scale=True)
        expected = predict(neural_tangents_time(2.0, problem.y.size), *problem.starts)[1]
    assert_near(d.outputs(2.0, *problem.starts)[1:], (expected,), 1e-11)


def test_training_the_readout_layer_is_the_same_with_its_kernel():
    """Eq. (S20): the last layer alone, trained by actual gradient descent."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((6, 1))
    body = np.tanh(x @ rng.standard_normal((3, 20)))
    with float64_scope():
        readout = nn.Dense(1, param_dtype=np.float64, dtype=np.float64)
        net = Network.create(readout, 0, (20,), input_dtype=np.float64)
        gram = empirical_gram(net, body, method="jacobian", precision="float64")
        fx_0 = net(body)
        d = mse_dynamics(gram[:6, :6], y)
        rate = d.eta_critical / 3
        params = {name: np.asarray(leaf) for name, leaf in net.params.items()}
    for _ in range(300):
        slope = body[:6] @ params["kernel"] + params["bias"] - y
        params = {"kernel": params["kernel"] - rate * body[:6].T @ slope, "bias": params["bias"] - rate * slope.sum(0)}
    expected = body @ params["kernel"] + params["bias"]
    found = d.outputs_after(300, rate, fx_0[:6], fx_0[6:], gram[6:, :6])
    assert_near(found, (expected[:6], expected[6:]), 1e-10)


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
    monkeypatch.setattr("ntk_repro.dynamics.spectral._CHUNK_BYTES", 7 * 8 * 2 * 12)
    assert_near(dynamics.outputs(times, *problem.starts), at_once, 1e-13)
    for i in (0, 39):
        assert_near(dynamics.outputs(times[i], *problem.starts), (at_once[0][i], at_once[1][i]), 1e-13)


def test_the_averaged_loss_has_its_own_time(problem, dynamics):
    steps, rate, size = 50, 0.8, problem.y.size
    expected = by_descent(problem, [steps], rate / size)
    assert_near(dynamics.outputs_after([steps], rate / size, *problem.starts), expected, 1e-12)
    flow = dynamics.outputs(averaged_loss_time(steps, rate, size), *problem.starts)
    assert np.abs(flow[0] - expected[0]).max() < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": -1.0}, "not negative"),
        ({"fx_train_0": np.zeros((11, 2))}, r"fx_train_0 must be one number or of shape \(12, 2\)"),
        ({"fx_train_0": np.nan}, "not finite"),
        ({"fx_test_0": 0.0}, "without k_test_train"),
        ({"k_test_train": np.ones((5, 11))}, r"k_test_train must be of shape \(m, 12\)"),
        ({"k_test_train": np.full((5, 12), np.inf)}, "not finite"),
        ({"k_test_train": np.ones((5, 12)), "fx_train_0": 1.0}, "give fx_test_0 too"),
        ({"k_test_train": np.ones((5, 12)), "fx_test_0": np.ones((4, 2))}, "fx_test_0 must be"),
    ],
)
def test_bad_input_is_refused(dynamics, arguments, message):
    with pytest.raises(UserError, match=message):
        dynamics.outputs(**{"t": 1.0, **arguments})
