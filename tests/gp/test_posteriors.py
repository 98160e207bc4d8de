from types import SimpleNamespace
from typing import Any

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings

from ntk_repro._neural_tangents import nt
from ntk_repro.gp import Gaussian, nngp_posterior, ntk_gp_posterior, readout_posterior
from ntk_repro.precision import float64_scope
from tests.refusals import refused

TIMES = np.array([0.0, 0.05, 0.7, 20.0, 3e3])
N, M, K = 14, 5, 2


@pytest.fixture(scope="module")
def problem():
    """NNGP and NTK of an infinitely wide erf network on random data, and neural-tangents' kernel function for them."""
    rng = np.random.default_rng(0)
    x, x_test, y = rng.standard_normal((N, 4)), rng.standard_normal((M, 4)), rng.standard_normal((N, K))
    layers = [nt.stax.Dense(1, 1.3, 0.2), nt.stax.Erf()] * 2
    _, _, kernel_fn = nt.stax.serial(*layers, nt.stax.Dense(1, 1.3, 0.2))
    with float64_scope():
        pairs = (kernel_fn(a, b, ("nngp", "ntk")) for a, b in ((x, x), (x_test, x), (x_test, x_test)))
        train, cross, test = (pair._replace(nngp=np.asarray(pair.nngp), ntk=np.asarray(pair.ntk)) for pair in pairs)
    names = "nngp_train_train", "nngp_test_train", "nngp_test_test", "y_train"
    kernels = dict(zip(names, (train.nngp, cross.nngp, test.nngp, y), strict=True))
    return SimpleNamespace(
        x=x, x_test=x_test, y=y, kernel_fn=kernel_fn, nngp=kernels, train=train, cross=cross, test=test,
        both={"ntk_train_train": train.ntk, "ntk_test_train": cross.ntk, **kernels},
    )  # fmt: skip


def assert_same(one: Any, other: Any, atol: float):
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=atol)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=0, atol=atol)


def trained(problem, kernel, t: Any):
    """By a name as neural-tangents has it: the readout layer alone has the dynamics of the NNGP kernel."""
    return ntk_gp_posterior(**problem.both, t=t) if kernel == "ntk" else readout_posterior(**problem.nngp, t=t)


kernels = pytest.mark.parametrize("kernel", ["ntk", "nngp"])


@kernels
def test_training_agrees_with_neural_tangents(problem, kernel):
    with float64_scope():
        predict = nt.predict.gradient_descent_mse_ensemble(problem.kernel_fn, problem.x, problem.y)
        # Its loss is averaged over all targets.
        for ours, theirs in ((TIMES, TIMES * problem.y.size), (None, None)):
            expected = predict(theirs, problem.x_test, kernel, compute_cov=True)
            assert_same(trained(problem, kernel, ours), expected, 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_nngp_posterior_agrees_with_neural_tangents(problem, noise):
    with float64_scope():
        predict = nt.predict.gp_inference(problem.train, problem.y, noise, diag_reg_absolute_scale=True)
        theirs = predict("nngp", problem.cross, problem.test)
    assert_same(nngp_posterior(**problem.nngp, observation_noise=noise), theirs, 1e-8)


def test_the_nngp_posterior_is_the_joint_gaussian_given_its_training_part(problem):
    b, noise = problem.nngp, 0.3
    joint = np.block([[b["nngp_test_test"], b["nngp_test_train"]], [b["nngp_test_train"].T, b["nngp_train_train"]]])
    joint[5:, 5:] += noise * np.eye(14)
    # The precision matrix of a conditional distribution is the block of the joint one.
    precision = np.linalg.inv(joint)
    covariance = np.linalg.inv(precision[:5, :5])
    mean = -covariance @ precision[:5, 5:] @ b["y_train"]
    assert_same(nngp_posterior(**b, observation_noise=noise), Gaussian(mean, covariance), 1e-10)


def test_training_the_readout_is_the_ntk_gp_of_the_nngp_kernel(problem):
    b = problem.nngp
    both = ntk_gp_posterior(b["nngp_train_train"], b["nngp_test_train"], **b, t=TIMES)
    assert_same(readout_posterior(**b, t=TIMES), both, 1e-12)


@pytest.mark.parametrize("t", [0.3, 5.0])
def test_is_the_distribution_of_draws_pushed_through_the_linear_dynamics(problem, t):
    draws, n, m = 4000, len(problem.x), len(problem.x_test)
    found = ntk_gp_posterior(**problem.both, t=t)
    train, cross, test = problem.train, problem.cross, problem.test
    prior = Gaussian(np.zeros((n + m, 2)), np.block([[test.nngp, cross.nngp], [cross.nngp.T, train.nngp]]))
    f0 = prior.sample(jax.random.key(1), draws)
    # d/dt f = -Theta(., X) (f(X) - Y) on test and training samples at once: no inverse, no eigenvalues.
    rate = np.zeros((m + n, m + n))
    rate[:, m:] = -np.concatenate([cross.ntk, train.ntk])
    targets = np.concatenate([np.zeros((m, 2)), problem.y])
    ft = (targets + scipy.linalg.expm(t * rate) @ (f0 - targets))[:, :m]
    for output in range(2):
        mean, covariance = ft[:, :, output].mean(axis=0), np.cov(ft[:, :, output].T)
        error = np.sqrt(np.multiply.outer(found.std**2, found.std**2) + found.covariance**2) / np.sqrt(draws)
        assert np.max(np.abs(mean - found.mean[:, output]) / found.std * np.sqrt(draws)) < 4
        assert np.max(np.abs(covariance - found.covariance) / error) < 4
        # The error is small enough to tell it from the prior.
        assert np.max(np.abs(covariance - test.nngp) / error) > 20


def test_the_limit_is_equation_16(problem):
    b = problem.both
    a = np.linalg.solve(b["ntk_train_train"], b["ntk_test_train"].T).T
    cross = a @ b["nngp_test_train"].T
    covariance = b["nngp_test_test"] + a @ b["nngp_train_train"] @ a.T - (cross + cross.T)
    assert_same(ntk_gp_posterior(**b), Gaussian(a @ b["y_train"], covariance), 1e-10)


@kernels
def test_the_start_is_the_prior(problem, kernel):
    assert_same(trained(problem, kernel, 0), Gaussian(np.zeros((5, 2)), problem.nngp["nngp_test_test"]), 1e-15)


@kernels
def test_all_infinite_times_agree(problem, kernel):
    limit = ntk_gp_posterior(**problem.both) if kernel == "ntk" else nngp_posterior(**problem.nngp)
    for t in (None, np.inf, 1e30):
        assert_same(trained(problem, kernel, t), limit, 1e-12)


def test_many_times_are_each_time(problem):
    many = ntk_gp_posterior(**problem.both, t=TIMES)
    assert many.mean.shape == (5, 5, 2)
    for i, t in enumerate(TIMES):
        one = ntk_gp_posterior(**problem.both, t=t)
        assert_same(one, Gaussian(many.mean[i], many.covariance[i]), 1e-14)
        assert np.linalg.eigvalsh(one.covariance)[0] > -1e-13
    np.testing.assert_array_equal(many.covariance, many.covariance.swapaxes(1, 2))


def test_training_samples_are_learned_without_spread(problem):
    b = problem.both
    on_train = {**b, "ntk_test_train": b["ntk_train_train"], "nngp_test_train": b["nngp_train_train"],
                "nngp_test_test": b["nngp_train_train"]}  # fmt: skip
    assert_same(ntk_gp_posterior(**on_train), Gaussian(b["y_train"], np.zeros((14, 14))), 1e-10)


def test_a_sample_that_occurs_twice_changes_nothing_in_the_limit(problem):
    b, twice = problem.both, [*range(14), 3, 3]
    doubled = {
        name: (array[twice][:, twice] if "train_train" in name else array[:, twice] if "test_train" in name else array)
        for name, array in b.items()
    }
    doubled["y_train"] = b["y_train"][twice]
    for t in (np.inf, 1e30):
        assert_same(ntk_gp_posterior(**doubled, t=t), ntk_gp_posterior(**b), 1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_a_scaled_tangent_kernel_is_a_scaled_time(problem, scale):
    scaled = {name: array * scale if name.startswith("ntk") else array for name, array in problem.both.items()}
    for t in (0.7, np.inf):
        assert_same(ntk_gp_posterior(**scaled, t=t / scale), ntk_gp_posterior(**problem.both, t=t), 1e-11)


@settings(max_examples=40)
@given(
    arrays.arrays(np.float64, (7, 3), elements=st.floats(-2, 2)),
    arrays.arrays(np.float64, (7, 9), elements=st.floats(-2, 2)),
    st.sampled_from([0.0, 0.1, 1e3, np.inf]),
)
def test_the_covariance_is_positive_semidefinite_for_any_kernels(tangent, prior, t):
    # Four training and three test samples; the tangent kernel has rank 3 at most.
    theta, k = tangent @ tangent.T, prior @ prior.T
    found = ntk_gp_posterior(theta[:4, :4], theta[4:, :4], k[:4, :4], k[4:, :4], k[4:, 4:], np.zeros(4), t=t)
    assert np.isfinite(found.covariance).all()
    # Rounding in a direction that just counts as learned is multiplied by the square of what it is divided by.
    gain = np.abs(theta[4:, :4] @ np.linalg.pinv(theta[:4, :4], rcond=1e-13, hermitian=True)).max(initial=1)
    scale = np.abs(k).max(initial=1) * gain**2
    assert np.linalg.eigvalsh(found.covariance)[0] > -1e-10 * scale


def test_a_float32_kernel_is_as_good_as_its_rounding(problem):
    rounded = {name: array.astype(np.float32) for name, array in problem.both.items()}
    assert_same(ntk_gp_posterior(**rounded, t=1.0), ntk_gp_posterior(**problem.both, t=1.0), 1e-5)


def test_a_sample_that_occurs_twice_with_two_targets_is_warned_about():
    arguments = (np.full((2, 2), 2.0), np.array([[1.0, 1.0]]), np.eye(1))
    same = nngp_posterior(*arguments, np.array([3.0, 3.0]))
    assert_same(same, Gaussian(np.array([[1.5]]), np.array([[0.5]])), 1e-12)
    with pytest.warns(UserWarning, match="give an observation_noise above 0"):
        nngp_posterior(*arguments, np.array([3.0, 1.0]))


def test_noise_in_a_float32_kernel_is_not_lost_in_its_rounding():
    # The null direction has eigenvalue 1e-9, far below float32's rounding of the other one.
    arguments = (np.ones((2, 2), np.float32), np.array([[1.0, 0.0]]), np.eye(1), np.array([1.0, -1.0]))
    np.testing.assert_allclose(nngp_posterior(*arguments, observation_noise=1e-9).mean, 1e9, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ntk_test_train": np.ones((5, 3))}, r"ntk_test_train must be of shape \(5, 14\)"),
        ({"nngp_test_test": np.ones((4, 4))}, "nngp_test_test must be"),
        ({"nngp_train_train": np.full((14, 14), np.nan)}, "not finite"),
        ({"ntk_train_train": np.arange(196.0).reshape(14, 14)}, "not symmetric"),
        ({"y_train": np.ones(13)}, r"y_train must be of shape \(14,\) or \(14, k\)"),
        ({"t": -1.0}, "not negative"),
        ({"observation_noise": -0.1}, "at least 0"),
        ({"observation_noise": np.inf}, "finite"),
        ({"nngp_test_train": np.ones((5, 3)), "observation_noise": 0.0}, "nngp_test_train must be"),
        ({"y_train": np.full(14, np.nan), "observation_noise": 0.0}, "y_train has entries"),
    ],
)
def test_bad_input_is_refused(problem, change, message):
    posterior, blocks = ntk_gp_posterior, problem.both
    if "observation_noise" in change:
        posterior, blocks = nngp_posterior, problem.nngp
    refused(message, posterior, **{**blocks, **change})
