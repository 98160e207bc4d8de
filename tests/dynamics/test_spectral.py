"""Kernels that are singular, nearly singular, tiny, huge or of one sample."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from ntk_repro.dynamics import momentum_dynamics, mse_dynamics
from ntk_repro.gram import top_eigenpairs
from tests.dynamics.linear_problem import assert_near, by_expm, random_problem, stored
from tests.refusals import refused

TIMES = [0.0, 0.1, 3.0, 40.0, 1e30, np.inf]


def pinv_limit(problem):
    """t = inf by the pseudo-inverse: the null space stays at f0."""
    return problem.at(np.linalg.pinv(problem.features, rcond=1e-10) @ (problem.y - problem.f0))


def with_sample(problem, features):
    """One more training sample, at the start like the first one, with the opposite targets."""
    return problem._replace(
        features=np.r_[problem.features, features],
        y=np.r_[problem.y, -problem.y[:1]],
        f0=np.r_[problem.f0, problem.f0[:1]],
    )


def agrees(problem, atol=1e-9, times=TIMES):
    """Flow, descent, and both with momentum, at all times and in the limit."""
    d = mse_dynamics(problem.kernel, problem.y)
    train, test = d.outputs(times, *problem.starts)
    for i, t in enumerate(times):
        assert_near((train[i], test[i]), pinv_limit(problem) if t > 1e20 else by_expm(problem, t), atol)
    limit, rate = pinv_limit(problem), 1.5 / d.eigenvalues[0]
    with_momentum, steps = momentum_dynamics(problem.kernel, problem.y, 0.9), [0, 1e30, np.inf]
    for model in (d.descent(steps, rate), with_momentum.descent(steps, rate), with_momentum.flow(steps, rate)):
        expected = ([start, end, end] for start, end in zip((problem.f0, problem.test_f0), limit, strict=True))
        assert_near(model.outputs(*problem.starts), expected, atol)
    return d


@pytest.mark.filterwarnings("error")
def test_duplicated_samples_with_equal_targets_train_as_one_without_a_warning():
    problem = random_problem()
    twice = np.r_[np.arange(12), 3, 3, 7]
    d = agrees(problem._replace(features=problem.features[twice], y=problem.y[twice], f0=problem.f0[twice]))
    assert d.null_space.count == 3
    np.testing.assert_array_equal(d.eigenvalues[-3:], 0)


def test_duplicated_samples_with_different_targets_meet_halfway_with_a_warning():
    problem = with_sample(random_problem(), random_problem().features[:1])
    with pytest.warns(UserWarning, match="1 of 13 eigenvalues of the kernel are 0 within rounding"):
        agrees(problem)
    with pytest.warns(UserWarning, match="stays as it is"):
        train = mse_dynamics(problem.kernel, problem.y).outputs(np.inf)[0]
    np.testing.assert_allclose(train[0], (problem.y[0] + problem.y[12]) / 2, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*eigenvalues of the kernel are 0")
def test_fewer_parameters_than_samples_leave_the_null_space_at_the_start():
    d = agrees(random_problem(n=20, p=6))
    assert d.null_space.count == 14
    assert 0 <= d.null_space.clipped <= 14
    assert d.null_space.floor < 1e-12 * d.eigenvalues[0]


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("p", [30, 6])
@pytest.mark.filterwarnings("ignore:.*eigenvalues of the kernel are 0")
def test_the_scale_of_the_kernel_is_only_that_of_time(scale, p):
    unscaled, scaled = random_problem(p=p), random_problem(p=p, scale=scale)
    agrees(scaled, times=[t / scale for t in TIMES if t < 1e20] + [1e30 / min(scale, 1), np.inf])
    found = mse_dynamics(scaled.kernel, scaled.y).outputs(2 / scale, *scaled.starts)
    expected = mse_dynamics(unscaled.kernel, unscaled.y).outputs(2, *unscaled.starts)
    assert_near(found, expected, 1e-11)


def test_one_sample():
    agrees(random_problem(n=1, m=2, k=1))


@pytest.mark.filterwarnings("error")  # nothing is within rounding: it is 0
def test_a_kernel_of_zeros_trains_nothing():
    d = mse_dynamics(np.zeros((3, 3)), np.ones(3))
    assert d.eta_critical == np.inf
    train, test = d.outputs([1.0, np.inf], 0.5, 0.25, np.zeros((2, 3)))
    np.testing.assert_array_equal(train, 0.5)
    np.testing.assert_array_equal(test, 0.25)


def test_nearly_equal_samples_keep_their_digits_at_early_times_and_later_warn():
    """Their difference has an eigenvalue below rounding, but moves the test outputs as long as t is moderate."""
    problem = random_problem()
    problem = with_sample(problem, problem.features[:1] + 1e-9 * random_problem(seed=5).features[:1])
    d = mse_dynamics(problem.kernel, problem.y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in (0.1, 10.0, 1e3):
            (train, test), expected = d.outputs(t, *problem.starts), by_expm(problem, t)
            assert_near((train,), expected[:1], 1e-10)
            assert_near((test,), expected[1:], 2e-9)
    with pytest.warns(UserWarning, match="0 within rounding"):
        d.outputs(1e15, *problem.starts)


def test_a_nearly_singular_kernel_in_float32_warns_of_lost_digits():
    problem = random_problem()
    problem.features[0] = problem.features[1] + 3e-3 * random_problem(seed=5).features[0]
    kernel = problem.kernel.astype(np.float32)
    with pytest.warns(UserWarning, match="rounding may move the test outputs"):
        mse_dynamics(kernel, problem.y).outputs(np.inf, *problem.starts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mse_dynamics(problem.kernel, problem.y).outputs(np.inf, *problem.starts)
        mse_dynamics(kernel, problem.y).outputs(0.5, *problem.starts)
        mse_dynamics(kernel, problem.y, ridge=0.1).outputs(np.inf, *problem.starts)


@pytest.mark.filterwarnings("error")
def test_a_ridge_lifts_the_null_space():
    problem = random_problem(n=20, p=6)
    d = mse_dynamics(problem.kernel, problem.y, ridge=0.1)
    assert d.null_space.count == 0
    assert_near(d.outputs(1e30, *problem.starts), problem.ridge_regression(0.1), 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eigenpairs_have_the_null_space_of_the_kernel_they_are_of(dtype, tmp_path):
    """An eigenvalue between the roundings of float32 and float64 counts in the one and not in the other."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    kernel = ((q * np.array([1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 1e-8, 1e-9])) @ q.T).astype(dtype)
    kernel = (kernel + kernel.T) / 2
    kernels = kernel, stored(kernel, tmp_path / "k")
    found = [mse_dynamics(k, np.ones(8), num_eigenpairs=7) for k in kernels]
    found += [mse_dynamics(top_eigenpairs(k, 7), np.ones(8)) for k in kernels]
    assert len({d.null_space for d in found}) == 1
    assert found[0].null_space.count == (1 if dtype == np.float32 else 0)
    assert len({d.spectrum.eps for d in found}) == 1


def test_all_eigenpairs_give_what_the_kernel_gives_and_leave_it_unchanged():
    problem = random_problem()
    kernel = np.asfortranarray(problem.kernel)
    pairs = top_eigenpairs(problem.kernel, 12)
    found, expected = (mse_dynamics(k, problem.y).outputs([0.5, np.inf], *problem.starts) for k in (pairs, kernel))
    assert_near(found, expected, 1e-11)
    np.testing.assert_array_equal(kernel, problem.kernel)


def test_a_kernel_that_is_not_positive_is_reported():
    with pytest.warns(UserWarning, match="not positive semi-definite: eigenvalue -1 was clipped"):
        d = mse_dynamics(np.diag([3.0, -1.0]), np.ones(2))
    assert d.null_space.clipped == 1


@pytest.mark.parametrize(
    ("kernel", "y", "options", "message"),
    [
        (np.ones((2, 3)), np.ones(2), {}, "square"),
        (np.eye(3), np.ones(2), {}, "does not fit y_train"),
        (np.eye(2), np.ones((2, 1, 1)), {}, r"\(n, k\) or \(n,\)"),
        (np.eye(2), np.full(2, np.nan), {}, "y_train has entries"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), np.ones(2), {}, "k_train_train has entries"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), np.ones(2), {}, "not symmetric"),
        (np.eye(2), np.ones(2), {"ridge": -1.0}, "ridge"),
        (np.eye(2), np.ones(2), {"num_eigenpairs": 3}, "ask for 1 to 2"),
        (np.zeros((0, 0)), np.ones(2), {}, "must be a square matrix of one row at least"),
        (top_eigenpairs(np.eye(2), 1), np.ones(2), {"num_eigenpairs": 1}, "pass the first ones only"),
    ],
)
def test_bad_input_is_refused(kernel, y, options, message):
    refused(message, mse_dynamics, kernel, y, **options)


def test_too_little_memory_is_reported_before_the_work(monkeypatch):
    monkeypatch.setattr("ntk_repro.dynamics.spectral.host_available_bytes", lambda: 100)
    refused("pass num_eigenpairs", mse_dynamics, np.eye(9), np.ones(9))


def test_the_closed_forms_need_no_jax():
    code = """
import sys, numpy as np
from ntk_repro import momentum_dynamics, mse_dynamics
mse_dynamics(np.eye(2), np.ones(2)).outputs(1.0)
momentum_dynamics(np.eye(2), np.ones(2)).outputs_after(3, 0.1)
assert not {"jax", "diffrax"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
