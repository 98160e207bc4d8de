from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.wide_limit import predictions
from ntk_repro.wide_limit.predictions import kernel_model

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[[0, 1, 2]]
STEPS = np.array([0, 1, 7])
SQUARED: dict[str, Any] = {"kernel": "empirical", "loss": "half_mean_squared_error"}


@pytest.fixture(scope="module")
def linear():
    """A linear model, of which closed forms are exact, with three coupled outputs."""
    mix = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, -0.5, 1.0]], np.float32)
    return Network.from_apply(lambda params, x: x @ params @ mix, np.ones((3, 3), np.float32))


def test_the_squared_loss_is_averaged_over_samples_and_outputs(linear):
    model = kernel_model(linear, X[:3], X[3:], Y, **SQUARED, momentum=0.0)
    train, test = model.outputs(STEPS, 0.3)
    assert train.shape == (3, 3, 3)
    assert test.shape == (3, 2, 3)
    mix = np.asarray(linear.apply(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)))
    weights = np.ones((3, 3))
    for _ in range(7):
        weights = weights - 0.3 / 9 * X[:3].T @ (X[:3] @ weights @ mix - Y) @ mix.T
    np.testing.assert_allclose(train[0], linear(X[:3]), atol=1e-6)
    np.testing.assert_allclose(train[-1], X[:3] @ weights @ mix, atol=1e-5)
    np.testing.assert_allclose(test[-1], X[3:] @ weights @ mix, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_small_steps_follow_the_flow_and_large_ones_do_not(momentum, linear):
    model = kernel_model(linear, X[:3], X[3:], Y, **SQUARED, momentum=momentum)
    # The flow of momentum is of second order, so that small steps have to be few.
    apart = [np.abs(model.outputs(k * STEPS, 0.3 / k)[1] - model.flow(k * STEPS, 0.3 / k)[1]).max() for k in (1, 100)]
    assert apart[1] < 0.2 * apart[0]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_cross_entropy_is_averaged_over_samples(momentum, linear, monkeypatch):
    class Flow:
        """In place of the ODE, which is tested where it lives and takes long to compile."""

        def __init__(self, kernel, y):
            assert kernel.shape == (9, 9)
            assert y is Y

        def outputs(self, t, fx_train_0, fx_test_0, k_test_train, tolerance):
            assert momentum == 0
            np.testing.assert_allclose(t, 0.1 * STEPS)
            assert k_test_train.shape == (6, 9)
            return fx_train_0, fx_test_0

        def outputs_with_momentum(self, steps, learning_rate, given, **start):
            assert momentum == given != 0
            assert learning_rate == pytest.approx(0.1)
            return self.outputs_at(steps, **start)

        def outputs_at(self, steps, fx_train_0, fx_test_0, k_test_train, tolerance):
            assert steps is STEPS
            return fx_train_0, fx_test_0

    monkeypatch.setattr(predictions, "cross_entropy_dynamics", Flow)
    model = kernel_model(linear, X[:3], X[3:], Y, kernel="empirical", loss="cross_entropy", momentum=momentum)
    train, test = model.outputs(STEPS, 0.3)
    np.testing.assert_array_equal(train, linear(X[:3]))
    np.testing.assert_array_equal(test, linear(X[3:]))


def test_a_network_without_infinite_width_has_no_analytic_prediction(linear):
    with pytest.raises(UserError, match="no infinite-width twin"):
        kernel_model(linear, X[:3], X[3:], Y, kernel="analytic", loss="half_mean_squared_error", momentum=0.0)
