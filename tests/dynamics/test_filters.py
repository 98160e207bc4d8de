from fractions import Fraction

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.dynamics import filters
from ntk_repro.dynamics.filters import GradientDescent, GradientFlow, HeavyBall, HeavyBallFlow
from ntk_repro.errors import UserError
from tests.refusals import refused

EPS = np.finfo(float).eps


@settings(max_examples=60)
@given(
    x=st.floats(1e-14, 1.99).filter(lambda x: abs(x - 1) > 1e-6), steps=st.integers(0, 200), scale=st.integers(-40, 40)
)
def test_descent_keeps_all_digits_of_small_eigenvalues(x, steps, scale):
    eigenvalue, rate = x * 2.0**scale, 2.0**-scale  # a product without rounding
    power = (1 - Fraction(x)) ** steps
    filter_ = GradientDescent(np.array([float(steps)]), rate)
    rounding = 20 * EPS * (steps + 1) * max(1, abs(float(power)))
    for found, exact, atol in (
        (filter_.learned, 1 - power, rounding),
        (filter_.coefficients, (1 - power) / Fraction(eigenvalue), rounding / eigenvalue),
    ):
        near = pytest.approx(float(exact), rel=1e-12, abs=0 if x < 0.5 else atol)
        assert found(np.array([eigenvalue]))[0, 0] == near


def recurrence(x, beta, steps):
    """1 - e_i exactly, from e_{i+1} = (1 + beta - x) e_i - beta e_{i-1}."""
    x, beta = Fraction(x), Fraction(beta)
    now = before = Fraction(1)
    for _ in range(steps):
        now, before = (1 + beta - x) * now - beta * before, now
    return 1 - now


@settings(max_examples=60)
@given(
    beta=st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.99, 0.999]),
    x=st.one_of(
        st.floats(1e-14, 1e-3), st.floats(1e-3, 2.0), st.floats(-1e-9, 1e-9).map(lambda d: ("slow", d)),
        st.floats(-1e-9, 1e-9).map(lambda d: ("fast", d)), st.just(("slow", 0.0)), st.just(("fast", 0.0)),
    ),
    steps=st.integers(0, 60),
)  # fmt: skip
def test_momentum_is_the_recurrence(beta, x, steps):
    """Also where the recurrence's two roots coincide, or nearly."""
    if isinstance(x, tuple):
        x = (1 + (-1 if x[0] == "slow" else 1) * np.sqrt(beta)) ** 2 * (1 + x[1])
    exact = recurrence(x, beta, steps)
    ball = HeavyBall(np.array([float(steps)]), 1.0, beta)
    atol = 0 if x < 0.1 else 1e-10 * max(1.0, abs(float(exact)))  # digits of 1 - e_i are those of e_i where it is large
    assert ball.learned(np.array([x]))[0, 0] == pytest.approx(float(exact), rel=1e-10, abs=atol)
    exact = float(exact / Fraction(x))
    assert ball.coefficients(np.array([x]))[0, 0] == pytest.approx(exact, rel=1e-10, abs=atol / x)


@pytest.mark.parametrize("steps", [10**4, 10**6])
def test_momentum_keeps_its_digits_over_many_steps(steps):
    """Against the roots of the recurrence, one much closer to 1 than the other."""
    beta, x = 0.9, np.array([1e-9, 1e-7, 1e-6])
    root = ((1 - beta) ** 2 - 2 * (1 + beta) * x + x**2) ** 0.5
    gap = 2 * x / (1 - beta + x + root)  # 1 less the larger root
    small = beta / (1 - gap)
    exact = -np.expm1(steps * np.log1p(-gap)) - np.exp(steps * np.log1p(-gap)) * gap * small / (1 - gap - small)
    found = HeavyBall(np.array([float(steps)]), 1.0, beta).learned(x)[0]
    np.testing.assert_allclose(found, exact, rtol=1e-11)


def test_flow_keeps_all_digits_where_time_times_eigenvalue_is_small():
    values = np.array([1.0, 1e-6, 1e-18, 0.0])
    flow = GradientFlow(np.array([0.0, 1e-9, 1.0]))
    np.testing.assert_allclose(flow.coefficients(values)[1], 1e-9 * (1 - 1e-9 * values / 2), rtol=1e-15)
    np.testing.assert_allclose(flow.learned(values)[2], [1 - np.exp(-1), 1e-6 - 5e-13, 1e-18, 0], rtol=1e-12)
    assert np.all(flow.learned(values)[0] == 0)
    assert np.all(flow.coefficients(values)[0] == 0)


@pytest.mark.parametrize("kind", [GradientFlow, GradientDescent, HeavyBall, HeavyBallFlow])
def test_limits(kind):
    """Times of any shape lead the axes."""
    settings = {GradientFlow: (), GradientDescent: (0.5,)}.get(kind, (0.4, 0.9))
    values, filter_ = np.array([3.0, 0.3, 1e-9, 0.0]), kind(np.array([[np.inf], [1e30]]), *settings)
    np.testing.assert_array_equal(filter_.learned(values), [[[1, 1, 1, 0]], [[1, 1, 1, 0]]])
    assert filter_.coefficients(values)[0, 0, 3] == np.inf
    np.testing.assert_allclose(filter_.coefficients(values)[..., :3], np.tile(1 / values[:3], (2, 1, 1)))


@pytest.mark.parametrize(("x", "residuals"), [(1.0, [1, 0, 0, 0]), (1.5, [1, -0.5, 0.25, -0.125])])
def test_at_and_above_the_inverse_eigenvalue(x, residuals):
    """All is learned in one step, and the residual alternates."""
    found = GradientDescent(np.arange(4.0), x / 2).learned(np.array([2.0]))
    np.testing.assert_allclose(found[:, 0], 1 - np.array(residuals), rtol=1e-15)


def test_at_eigenvalue_zero_the_coefficient_is_that_of_a_constant_force():
    steps = np.array([0.0, 1, 2, 50])
    ball, flow = HeavyBall(steps, 0.5, 0.9), HeavyBallFlow(steps, 0.5, 0.9)
    expected = [0.5 * sum((1 - 0.9**j) / 0.1 for j in range(1, int(i) + 1)) for i in steps]
    np.testing.assert_allclose(ball.coefficients(np.zeros(1))[:, 0], expected, rtol=1e-13, atol=1e-14)
    for filter_ in (ball, flow):
        near = filter_.coefficients(np.array([1e-12]))
        np.testing.assert_allclose(filter_.coefficients(np.zeros(1)), near, rtol=1e-8)


def test_a_vanishing_momentum_is_gradient_descent():
    values, steps = np.array([2.5, 1.0, 0.3, 1e-9]), np.array([0.0, 1, 2, 17])
    without = GradientDescent(steps, 0.5).learned(values)
    np.testing.assert_allclose(HeavyBall(steps, 0.5, 1e-15).learned(values), without, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("eigenvalue", [1e-6, 0.0024, 0.0025, 0.0026, 0.5, 3.0])
def test_the_flow_of_momentum_solves_its_equation(eigenvalue):
    """0.0025 is critical damping."""
    momentum, rate, steps = 0.9, 1.0, np.array([0.0, 1.5, 20.0, 300.0])
    solved = scipy.integrate.solve_ivp(
        lambda t, e: (e[1], -(1 - momentum) / np.sqrt(rate) * e[1] - eigenvalue * e[0]),
        (0, steps[-1]), (1.0, 0.0), "DOP853", steps * np.sqrt(rate), rtol=1e-13, atol=1e-14,
    )  # fmt: skip
    flow = HeavyBallFlow(steps, rate, momentum)
    np.testing.assert_allclose(flow.learned(np.array([eigenvalue]))[:, 0], 1 - solved.y[0], atol=1e-10)


def descent_and_flow(rate):
    return np.geomspace(1e-3, 10, 9), GradientDescent(np.array([2 / rate]), rate), GradientFlow(np.array([2.0]))


def momentum_and_its_flow(root):
    """At a fixed friction (1 - momentum) / sqrt(rate)."""
    arguments = (np.array([4.0 / root]), root**2, 1 - root)
    return np.geomspace(0.01, 5, 7), HeavyBall(*arguments), HeavyBallFlow(*arguments)


@pytest.mark.parametrize(("pair", "first"), [(descent_and_flow, 1e-3), (momentum_and_its_flow, 1e-2)])
def test_steps_become_the_flow_as_the_rate_falls(pair, first):
    gaps = []
    for rate in (first, first / 10, first / 100):
        values, steps, flow = pair(rate)
        gaps.append(np.abs(steps.learned(values) - flow.learned(values)).max())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


@pytest.mark.parametrize(("kind", "momentum"), [(GradientDescent, ()), (HeavyBall, (0.9,))])
def test_divergence_is_reported(kind, momentum):
    limit = 2 * (1 + sum(momentum))
    kind(np.array([10.0]), 0.999 * limit, *momentum).check(1.0)
    message = rf"1.5 times the largest stable one, {limit:.4g}: training diverges, here by a factor of"
    with pytest.warns(UserWarning, match=message):
        kind(np.array([10.0]), 1.5 * limit, *momentum).check(1.0)
    with pytest.raises(UserError, match=rf"exceed float64; take one below {limit:.4g}"):
        kind(np.array([1e9]), 1.01 * limit, *momentum).check(1.0)
    with pytest.raises(UserError, match="no limit"):
        kind(np.array([np.inf]), limit, *momentum).check(1.0)
    kind(np.array([5.0]), limit, *momentum).check(1.0)  # swings for ever, and no further
    HeavyBallFlow(np.array([1e9]), 10.0, 0.9).check(1.0)


def test_times_and_steps():
    assert filters.checked_times(None) == np.inf
    assert filters.checked_times(np.zeros((2, 3))).shape == (2, 3)
    assert filters.checked_steps(2.5, 0.1, fractions=True) == 2.5
    for bad in (-1, np.nan):
        refused("not negative", filters.checked_times, bad)
    refused("whole steps", filters.checked_steps, [1, 2.5], 0.1)
    for rate in (0.0, -1.0, np.nan, np.inf, np.ones(2)):
        with pytest.raises(UserError, match="learning_rate"):
            filters.checked_steps(1, rate)  # pyright: ignore[reportArgumentType]
