import jax
import numpy as np

from ntk_repro.gp import Gaussian
from tests.refusals import refused

ROOT = np.array([[1.0, 0.0, 0.0], [0.5, 0.2, 0.0], [-1.0, 0.3, 0.0]])  # rank 2: a singular covariance
COVARIANCE = ROOT @ ROOT.T
MEAN = np.arange(6.0).reshape(3, 2)


def test_samples_have_mean_and_covariance():
    num = 20_000
    draws = Gaussian(MEAN, COVARIANCE).sample(0, num)
    assert draws.shape == (num, 3, 2)
    std = np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - MEAN) / std[:, None], 4 / np.sqrt(num))
    joint = np.cov(draws.reshape(num, 6).T)
    expected = np.kron(COVARIANCE, np.eye(2))  # outputs are independent
    error = np.sqrt(np.multiply.outer(np.diag(expected), np.diag(expected)) + expected**2) / np.sqrt(num)
    assert np.max(np.abs(joint - expected) / error) < 4


def test_samples_are_those_of_their_key():
    gaussian = Gaussian(MEAN, COVARIANCE)
    np.testing.assert_array_equal(gaussian.sample(3, 2), gaussian.sample(jax.random.key(3), 2))
    assert not np.array_equal(gaussian.sample(3, 2), gaussian.sample(4, 2))
    refused("at least 1", gaussian.sample, 0, 0)


def test_times_share_their_noise():
    times = Gaussian(np.stack([MEAN, 2 * MEAN]), np.stack([COVARIANCE, 4 * COVARIANCE]))
    draws = times.sample(0, 5)
    assert draws.shape == (5, 2, 3, 2)
    np.testing.assert_allclose(draws[:, 1], 2 * draws[:, 0], atol=1e-12)
    np.testing.assert_allclose(draws[:, 0], Gaussian(MEAN, COVARIANCE).sample(0, 5), atol=1e-12)
    np.testing.assert_allclose(times.std, np.sqrt(np.diag(COVARIANCE)) * [[1], [2]])


def test_a_variance_below_zero_by_rounding_counts_as_zero():
    assert Gaussian(np.zeros((1, 1)), np.array([[-1e-18]])).std == 0
