import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import cross_entropy_dynamics, train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.precision import float64_scope
from tests.dynamics.linear_problem import assert_near, random_problem
from tests.refusals import refused

TIMES = np.array([0.0, 0.5, 7.0, 40.0])


def classes(k=3, seed=0, n=10):
    problem = random_problem(n, 4, k=k, seed=seed)
    labels = np.random.default_rng(seed).integers(0, k, n)
    return problem._replace(y=np.eye(k)[labels])


@pytest.fixture(scope="module")
def problem():
    return classes()


@pytest.fixture(scope="module")
def dynamics(problem):
    return cross_entropy_dynamics(problem.kernel, problem.y)


def downhill(problem, weights):
    """Minus the gradient of the loss."""
    fx = problem.at(weights)[0]
    guess = scipy.special.expit(fx) if fx.shape[1] == 1 else scipy.special.softmax(fx, axis=1)
    return problem.features.T @ (problem.y - guess)


def by_weights(problem, times, damping=None):
    """The ODE of the weights (S6), and with momentum (S3), by SciPy's integrator of order 8."""
    p, k = problem.features.shape[1], problem.y.shape[1]

    def flow(_, state):
        if damping is None:
            return downhill(problem, state.reshape(p, k)).ravel()
        weights, velocity = state.reshape(2, p, k)
        return np.stack([velocity, downhill(problem, weights) - damping * velocity]).ravel()

    start = np.zeros(p * k * (1 if damping is None else 2))
    states = scipy.integrate.solve_ivp(flow, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-12).y
    return problem.at(states[: p * k].T.reshape(-1, p, k))


def by_descent(problem, steps, rate, momentum=0.0):
    weights = velocity = np.zeros((problem.features.shape[1], problem.y.shape[1]))
    for _ in range(steps):
        velocity = momentum * velocity + downhill(problem, weights)
        weights = weights + rate * velocity
    return problem.at(weights)


@pytest.mark.slow
def test_the_flow_is_that_of_the_weights(problem, dynamics):
    found = dynamics.outputs(TIMES, *problem.starts)
    assert np.abs(found[0][-1] - problem.f0).max() > 1  # training moved the outputs
    assert_near(found, by_weights(problem, TIMES), 1e-6)
    found = dynamics.outputs(TIMES, *problem.starts, tolerance=1e-11)
    assert_near(found, by_weights(problem, TIMES), 1e-9)


@pytest.mark.slow
def test_the_flow_is_that_of_neural_tangents(problem, dynamics):
    """Its ODE solver's tolerance is 1.4e-8 a step; no normalisation, for the loss is given to it as a sum."""
    with float64_scope():
        loss = lambda fx, y: -jnp.sum(y * jax.nn.log_softmax(fx))  # noqa: E731
        predict = nt.predict.gradient_descent(loss, problem.kernel, problem.y)
        expected = predict(TIMES[1:], *problem.starts)
    assert_near(dynamics.outputs(TIMES[1:], *problem.starts), expected, 1e-5)


@pytest.mark.slow
def test_momentum_follows_its_flow(problem, dynamics):
    steps, rate, momentum = np.array([0.0, 6.0, 50.0]), 0.04, 0.8
    expected = by_weights(problem, steps * np.sqrt(rate), (1 - momentum) / np.sqrt(rate))
    found = dynamics.outputs_with_momentum(steps, rate, momentum, *problem.starts)
    assert_near(found, expected, 1e-6)


@pytest.mark.slow
def test_fine_gradient_descent_follows_the_flow(problem, dynamics):
    """The gap shrinks with the rate, as that of Euler's method does."""
    expected = dynamics.outputs(2.0, *problem.starts)
    found = [by_descent(problem, round(2 / rate), rate) for rate in (1e-2, 1e-3)]
    gaps = [max(np.abs(a - b).max() for a, b in zip(one, expected, strict=True)) for one in found]
    assert gaps[0] < 0.02
    assert 5 < gaps[0] / gaps[1] < 20


@pytest.mark.slow
def test_fine_momentum_follows_its_flow(problem, dynamics):
    rate, momentum, steps = 1e-6, 0.999, 2000
    found = dynamics.outputs_with_momentum(steps, rate, momentum, *problem.starts)
    assert np.abs(found[0] - problem.f0).max() > 0.1
    assert_near(found, by_descent(problem, steps, rate, momentum), 2e-3)


@pytest.mark.slow
def test_one_logit_is_binary_cross_entropy():
    problem = classes(k=1)._replace(y=np.random.default_rng(0).integers(0, 2, (10, 1)).astype(float))
    found = cross_entropy_dynamics(problem.kernel, problem.y).outputs(TIMES, *problem.starts)
    assert_near(found, by_weights(problem, TIMES), 1e-6)
    steps, rate = 2000, 1e-3
    trained = train_in_function_space(
        problem.kernel, problem.y, batches=np.tile(np.arange(10), (steps, 1)), learning_rate=10 * rate,
        fx_train_0=problem.f0,
    )  # fmt: skip
    flow = cross_entropy_dynamics(problem.kernel, problem.y).outputs(steps * rate, problem.f0)[0]
    np.testing.assert_allclose(flow, trained.fx_train, atol=2e-3)


@pytest.mark.slow
def test_a_kernel_of_all_outputs_gives_what_its_block_does(problem, dynamics):
    full = cross_entropy_dynamics(np.kron(problem.kernel, np.eye(3)), problem.y)
    found = full.outputs(TIMES, problem.f0, problem.test_f0, np.kron(problem.test_kernel, np.eye(3)))
    assert_near(found, dynamics.outputs(TIMES, *problem.starts), 1e-7)


@pytest.mark.slow
def test_soft_targets_are_learned_in_the_limit(problem):
    """For targets strictly between 0 and 1 the limit exists: the softmax equals them."""
    y = scipy.special.softmax(np.random.default_rng(0).standard_normal((10, 3)), axis=1)
    train, _ = cross_entropy_dynamics(problem.kernel, y).outputs(2000.0, problem.f0)
    np.testing.assert_allclose(scipy.special.softmax(train, axis=1), y, atol=1e-6)


def test_training_on_is_training_longer(problem, dynamics):
    half = dynamics.outputs(3.0, *problem.starts)
    assert_near(dynamics.outputs(4.0, *half, problem.test_kernel), dynamics.outputs(7.0, *problem.starts), 1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_the_kernel_is_only_that_of_time(problem, dynamics, scale):
    scaled = cross_entropy_dynamics(scale * problem.kernel, problem.y)
    found = scaled.outputs(TIMES / scale, problem.f0, problem.test_f0, scale * problem.test_kernel)
    assert_near(found, dynamics.outputs(TIMES, *problem.starts), 1e-6)


def test_fewer_parameters_than_samples():
    problem = classes()
    problem = problem._replace(features=problem.features[:, :4], test_features=problem.test_features[:, :4])
    d = cross_entropy_dynamics(problem.kernel, problem.y)
    assert d.null_space.count == 6
    assert_near(d.outputs(TIMES, *problem.starts), by_weights(problem, TIMES), 1e-6)


def test_times_in_any_order_and_shape(problem, dynamics):
    times = np.array([[7.0, 0.0], [0.5, 7.0]])
    train, test = dynamics.outputs(times, *problem.starts)
    assert train.shape == (2, 2, 10, 3)
    assert test.shape == (2, 2, 4, 3)
    np.testing.assert_array_equal(train[0, 0], train[1, 1])
    np.testing.assert_array_equal(train[0, 1], problem.f0)
    np.testing.assert_array_equal(dynamics.outputs(0.0, problem.f0)[0], problem.f0)
    assert dynamics.outputs([], problem.f0)[0].shape == (0, 10, 3)


def test_bad_input_is_refused(problem, dynamics):
    for bad in (problem.y * 2, problem.y - 0.5, np.ones((10, 3)), np.full((10, 1), 1.5)):
        refused("takes probabilities", cross_entropy_dynamics, problem.kernel, bad)
    refused(r"must be of shape \(n, k\)", cross_entropy_dynamics, problem.kernel, np.ones(10))
    refused("no limit in infinite time", dynamics.outputs, np.inf)
    with pytest.raises(UserError, match=r"did not reach t = 1e\+30 in 100,000 steps"):
        cross_entropy_dynamics(problem.kernel, np.full((10, 3), 1 / 3)).outputs(1e30, problem.f0)
    refused("tolerance", dynamics.outputs, 1.0, tolerance=0.0)
    refused("momentum", dynamics.outputs_with_momentum, 1, 0.1, 1.0)
