import numpy as np
import pytest

from ntk_repro._neural_tangents import nt
from ntk_repro.errors import UserError
from ntk_repro.gp import Gaussian, nngp_posterior, ntk_gp_posterior, readout_posterior
from ntk_repro.precision import float64_scope
from tests.gp.test_ntk_gp import TIMES, assert_same


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_agrees_with_neural_tangents(problem, noise):
    with float64_scope():
        predict = nt.predict.gp_inference(problem.train, problem.y, noise, diag_reg_absolute_scale=True)
        theirs = predict("nngp", problem.cross, problem.test)
    ours = nngp_posterior(**problem.nngp, observation_noise=noise)
    assert_same(ours, Gaussian(theirs.mean, theirs.covariance), 1e-8)


def test_is_the_joint_gaussian_given_its_training_part(problem):
    b, noise = problem.nngp, 0.3
    joint = np.block([[b["nngp_test_test"], b["nngp_test_train"]], [b["nngp_test_train"].T, b["nngp_train_train"]]])
    joint[5:, 5:] += noise * np.eye(14)
    # The precision matrix of a conditional distribution is the block of the joint one.
    precision = np.linalg.inv(joint)
    covariance = np.linalg.inv(precision[:5, :5])
    mean = -covariance @ precision[:5, 5:] @ b["y_train"]
    assert_same(nngp_posterior(**b, observation_noise=noise), Gaussian(mean, covariance), 1e-10)


def test_training_the_readout_arrives_at_the_posterior(problem):
    for t in (None, np.inf, 1e30):
        assert_same(readout_posterior(**problem.nngp, t=t), nngp_posterior(**problem.nngp), 1e-12)
    start = readout_posterior(**problem.nngp, t=0.0)
    assert_same(start, Gaussian(np.zeros((5, 2)), problem.nngp["nngp_test_test"]), 1e-15)


def test_training_the_readout_is_the_ntk_gp_of_the_nngp_kernel(problem):
    b = problem.nngp
    both = ntk_gp_posterior(b["nngp_train_train"], b["nngp_test_train"], **b, t=TIMES)
    assert_same(readout_posterior(**b, t=TIMES), both, 1e-12)


def test_training_the_readout_agrees_with_neural_tangents(problem):
    with float64_scope():
        predict = nt.predict.gradient_descent_mse_ensemble(problem.kernel_fn, problem.x, problem.y)
        theirs = predict(TIMES * problem.y.size, problem.x_test, "nngp", compute_cov=True)
    assert_same(readout_posterior(**problem.nngp, t=TIMES), Gaussian(theirs.mean, theirs.covariance), 1e-8)


def test_a_sample_that_occurs_twice_with_two_targets_is_warned_about():
    kernel = np.array([[2.0, 2.0], [2.0, 2.0]])
    arguments = (kernel, np.array([[1.0, 1.0]]), np.eye(1))
    same = nngp_posterior(*arguments, np.array([3.0, 3.0]))
    assert_same(same, Gaussian(np.array([[1.5]]), np.array([[0.5]])), 1e-12)
    with pytest.warns(UserWarning, match="give an observation_noise above 0"):
        nngp_posterior(*arguments, np.array([3.0, 1.0]))


def test_noise_in_a_float32_kernel_is_not_lost_in_its_rounding():
    # The null direction has eigenvalue 1e-9, far below float32's rounding of the other one.
    kernel = np.ones((2, 2), np.float32)
    noisy = nngp_posterior(kernel, np.array([[1.0, 0.0]]), np.eye(1), np.array([1.0, -1.0]), observation_noise=1e-9)
    np.testing.assert_allclose(noisy.mean, 1e9, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observation_noise": -0.1}, "at least 0"),
        ({"observation_noise": np.inf}, "finite"),
        ({"nngp_test_train": np.ones((5, 3))}, "nngp_test_train must be"),
        ({"y_train": np.full(14, np.nan)}, "y_train must be"),
    ],
)
def test_bad_input_is_refused(problem, change, message):
    with pytest.raises(UserError, match=message):
        nngp_posterior(**{**problem.nngp, **change})
