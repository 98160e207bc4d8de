import numpy as np
import pytest

from ntk_repro._neural_tangents import nt
from ntk_repro.dynamics import averaged_loss_time, eta_critical, max_learning_rate, mse_dynamics, neural_tangents_time
from ntk_repro.gram import top_eigenpairs
from tests.dynamics.linear_problem import stored
from tests.refusals import refused

features = np.random.default_rng(0).standard_normal((9, 12))
KERNEL = features @ features.T


def test_eta_critical_is_two_over_the_extremes():
    values = np.linalg.eigvalsh(KERNEL)
    exact = 2 / (values[0] + values[-1])
    assert eta_critical(KERNEL) == pytest.approx(exact, rel=1e-13)
    assert eta_critical(KERNEL.astype(np.float32)) == pytest.approx(exact, rel=1e-6)
    assert eta_critical(top_eigenpairs(KERNEL, 9)) == pytest.approx(exact, rel=1e-12)
    assert mse_dynamics(KERNEL, np.ones(9)).eta_critical == pytest.approx(exact, rel=1e-12)
    with_ridge = mse_dynamics(KERNEL, np.ones(9), ridge=1.0).eta_critical
    assert with_ridge == pytest.approx(eta_critical(KERNEL + np.eye(9)), rel=1e-12)
    assert eta_critical(np.zeros((2, 2))) == max_learning_rate(np.zeros((2, 2))) == np.inf


def test_without_the_smallest_eigenvalue_it_counts_as_zero(tmp_path):
    largest = np.linalg.eigvalsh(KERNEL)[-1]
    assert eta_critical(top_eigenpairs(KERNEL, 3)) == pytest.approx(2 / largest, rel=1e-12)
    assert eta_critical(stored(KERNEL, tmp_path / "gram")) == pytest.approx(2 / largest, rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_largest_rate_is_that_of_neural_tangents(momentum):
    expected = float(nt.predict.max_learning_rate(KERNEL, y_train_size=9, momentum=momentum))
    assert max_learning_rate(KERNEL, momentum) == pytest.approx(expected / neural_tangents_time(1.0, 9), rel=1e-5)


def test_below_it_descent_converges_and_above_it_does_not():
    d, limit = mse_dynamics(KERNEL, np.ones(9)), max_learning_rate(KERNEL)
    residuals = [np.abs(d.outputs_after([4000, 8000], share * limit)[0] - 1).max(axis=1) for share in (0.999, 1.0)]
    assert residuals[0][1] < 0.1 * residuals[0][0]
    assert residuals[1][1] == pytest.approx(residuals[1][0], rel=0.01)


def test_times_of_the_averaged_loss():
    assert averaged_loss_time(1000, 0.5, 200) == 2.5
    np.testing.assert_allclose(averaged_loss_time(np.array([0, 10]), 1.0, 5), [0, 2])


def test_bad_input_is_refused():
    for bad in (np.ones((2, 3)), np.zeros((0, 0))):
        refused("square", eta_critical, bad)
    refused("not finite", eta_critical, np.full((2, 2), np.nan))
    refused("momentum", max_learning_rate, np.eye(2), 1.0)
    refused("num_targets", averaged_loss_time, 1, 1.0, 0)
