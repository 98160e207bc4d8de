import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.dynamics import mse_dynamics
from ntk_repro.errors import UserError
from ntk_repro.gram import Eigenpairs, nystrom_eigenpairs, top_eigenpairs
from tests.dynamics.linear_problem import assert_near, random_problem, stored

TIMES = np.array([0.0, 1e-3, 0.1, 1.0, 30.0, 1e4, np.inf])
STEPS = np.array([0, 1, 2, 7, 100, 10**6])


def steep(seed=0, n=30, m=6):
    """Eigenvalues over four decades, as those of real kernels."""
    problem = random_problem(n, m, p=60, seed=seed)
    shrink = np.geomspace(3, 0.03, 60)
    return problem._replace(features=problem.features * shrink, test_features=problem.test_features * shrink)


def rough(pairs, kernel, size, seed):
    """Pairs as an iteration that was stopped early leaves them: rotated a little, Rayleigh quotients, residuals."""
    noise = np.random.default_rng(seed).standard_normal(pairs.vectors.shape)
    vectors, _ = np.linalg.qr(pairs.vectors + size * noise)
    projected, rotation = np.linalg.eigh(vectors.T @ kernel @ vectors)
    vectors, values = (vectors @ rotation)[:, ::-1], projected[::-1]
    residuals = np.linalg.norm(kernel @ vectors - vectors * values, axis=0) / values
    return Eigenpairs(values, vectors, residuals)


def errors(found, true, problem):
    """Of two models: the norm over the training samples, and at each test sample."""
    train, test = (a - b for a, b in zip(*(model.outputs(*problem.starts) for model in (found, true)), strict=True))
    return np.linalg.norm(train, axis=-2), np.abs(test)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 9), k=st.integers(1, 30), size=st.sampled_from([0.0, 1e-6, 1e-3, 0.1]),
    ridge=st.sampled_from([0.0, 0.05]),
)  # fmt: skip
def test_the_error_stays_within_its_bound(seed, k, size, ridge):
    problem = steep(seed)
    kernel, diagonal = problem.kernel, np.sum(problem.test_features**2, axis=1)
    pairs = rough(top_eigenpairs(kernel, k), kernel, size, seed)
    d, exact = mse_dynamics(pairs, problem.y, ridge), mse_dynamics(kernel, problem.y, ridge)
    rates = np.array([0.8, 1.7]) / (exact.eigenvalues[0] + ridge)
    models = [(m.flow(TIMES), *(m.descent(STEPS, rate) for rate in rates)) for m in (d, exact)]
    for found, true in zip(*models, strict=True):
        train, test = errors(found, true, problem)
        of_train, of_test = found.error_bound(problem.f0, problem.test_kernel, diagonal)
        finite = np.isfinite(found.filter.times)
        assert np.all(train <= of_train + 1e-11)
        assert np.all(test[finite] <= of_test[finite] + 1e-9)
        assert not np.any(of_train[0])
        assert not np.any(of_test[0])


def test_the_bound_is_near_enough_to_be_of_use():
    problem = steep()
    exact = mse_dynamics(problem.kernel, problem.y)
    d = mse_dynamics(problem.kernel, problem.y, num_eigenpairs=10)
    for t in TIMES[1:]:
        error, _ = errors(d.flow(t), exact.flow(t), problem)
        bound, none = d.error_bound(t, problem.f0)
        assert none is None
        assert np.all(bound < 40 * error)
        assert np.all(bound < 1.0001 * np.linalg.norm(problem.y - problem.f0, axis=0))


def test_all_pairs_leave_no_error():
    problem = steep()
    assert np.all(mse_dynamics(problem.kernel, problem.y).error_bound(TIMES, problem.f0)[0] < 1e-12)


def test_outputs_outside_the_span_of_the_pairs_stay_at_the_start():
    problem = steep()
    d = mse_dynamics(problem.kernel, problem.y, num_eigenpairs=7)
    train, _ = d.outputs(np.inf, problem.f0)
    vectors = top_eigenpairs(problem.kernel, 7).vectors
    outside = np.eye(30) - vectors @ vectors.T
    np.testing.assert_allclose(train, problem.y + outside @ (problem.f0 - problem.y), atol=1e-9)
    assert d.eta_critical == pytest.approx(2 / d.eigenvalues[0])


@pytest.mark.parametrize("pairs", [None, 8])
def test_a_store_gives_what_the_matrix_does(tmp_path, pairs):
    problem = steep()
    found = mse_dynamics(stored(problem.kernel, tmp_path / "gram"), problem.y, num_eigenpairs=pairs)
    expected = mse_dynamics(problem.kernel, problem.y, num_eigenpairs=pairs).outputs(TIMES, *problem.starts)
    assert_near(found.outputs(TIMES, *problem.starts), expected, 1e-8)


def test_diverging_descent_is_bounded_by_nothing():
    problem = steep()
    d = mse_dynamics(problem.kernel, problem.y, num_eigenpairs=7)
    train, test = d.error_bound_after([3], 3 / d.eigenvalues[0], 0.0, problem.test_kernel, np.ones(6))
    assert np.all(np.isinf(train))
    assert np.all(np.isinf(test))


def test_pairs_of_unknown_quality_have_no_bound():
    problem = steep()
    pairs = nystrom_eigenpairs(top_eigenpairs(problem.kernel[:20, :20], 5), problem.kernel[20:, :20])
    d = mse_dynamics(pairs, problem.y)
    assert np.all(np.isfinite(d.outputs(1.0)[0]))
    with pytest.raises(UserError, match="no residuals"):
        d.error_bound(1.0)
    with pytest.raises(UserError, match=r"k_test_test_diagonal must be of shape \(6,\)"):
        mse_dynamics(dataclasses.replace(pairs, residuals=np.zeros(5)), problem.y).error_bound(
            1.0, 0.0, problem.test_kernel, np.ones(5)
        )
