from fractions import Fraction

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.dynamics.filters import GradientDescent
from ntk_repro.dynamics.heavy_ball import HeavyBall, HeavyBallFlow
from ntk_repro.errors import UserError


def recurrence(x, beta, steps):
    """1 - e_i exactly, from e_{i+1} = (1 + beta - x) e_i - beta e_{i-1}."""
    x, beta = Fraction(x), Fraction(beta)
    now = before = Fraction(1)
    for _ in range(steps):
        now, before = (1 + beta - x) * now - beta * before, now
    return 1 - now


def critical(beta):
    return (1 - np.sqrt(beta)) ** 2


@settings(max_examples=60)
@given(
    beta=st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.99, 0.999]),
    x=st.one_of(
        st.floats(1e-14, 1e-3), st.floats(1e-3, 2.0), st.floats(-1e-9, 1e-9).map(lambda d: ("slow", d)),
        st.floats(-1e-9, 1e-9).map(lambda d: ("fast", d)), st.just(("slow", 0.0)), st.just(("fast", 0.0)),
    ),
    steps=st.integers(0, 60),
)  # fmt: skip
def test_the_closed_form_is_the_recurrence(beta, x, steps):
    """Also where the two roots coincide, or nearly."""
    if isinstance(x, tuple):
        x = (critical(beta) if x[0] == "slow" else (1 + np.sqrt(beta)) ** 2) * (1 + x[1])
    exact = recurrence(x, beta, steps)
    ball = HeavyBall(np.array([float(steps)]), 1.0, beta)
    largest = max(1.0, abs(float(exact)))  # digits of 1 - e_i are those of e_i where it is large
    assert ball.learned(np.array([x]))[0, 0] == pytest.approx(
        float(exact), rel=1e-10, abs=0 if x < 0.1 else 1e-10 * largest
    )
    assert ball.reach(np.array([x]))[0, 0] == pytest.approx(
        float(exact / Fraction(x)), rel=1e-10, abs=0 if x < 0.1 else 1e-10 * largest / x
    )


def test_at_eigenvalue_zero_the_coefficient_is_that_of_a_constant_force():
    steps = np.array([0.0, 1, 2, 50])
    ball, flow = HeavyBall(steps, 0.5, 0.9), HeavyBallFlow(steps, 0.5, 0.9)
    expected = [0.5 * sum((1 - 0.9**j) / 0.1 for j in range(1, int(i) + 1)) for i in steps]
    np.testing.assert_allclose(ball.reach(np.zeros(1))[:, 0], expected, rtol=1e-13, atol=1e-14)
    for filter_ in (ball, flow):
        np.testing.assert_allclose(filter_.reach(np.zeros(1)), filter_.reach(np.array([1e-12])), rtol=1e-8)


def test_a_vanishing_momentum_is_gradient_descent():
    values, steps = np.array([2.5, 1.0, 0.3, 1e-9]), np.array([0.0, 1, 2, 17])
    plain = GradientDescent(steps, 0.5).learned(values)
    np.testing.assert_allclose(HeavyBall(steps, 0.5, 1e-15).learned(values), plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("eigenvalue", [1e-6, 0.0024, 0.0025, 0.0026, 0.5, 3.0])
def test_the_flow_solves_its_equation(eigenvalue):
    """0.0025 is critical damping."""
    momentum, rate, steps = 0.9, 1.0, np.array([0.0, 1.5, 20.0, 300.0])
    solved = scipy.integrate.solve_ivp(
        lambda t, e: (e[1], -(1 - momentum) / np.sqrt(rate) * e[1] - eigenvalue * e[0]),
        (0, steps[-1]), (1.0, 0.0), "DOP853", steps * np.sqrt(rate), rtol=1e-13, atol=1e-14,
    )  # fmt: skip
    flow = HeavyBallFlow(steps, rate, momentum)
    np.testing.assert_allclose(flow.learned(np.array([eigenvalue]))[:, 0], 1 - solved.y[0], atol=1e-10)


def test_descent_becomes_the_flow_as_the_rate_falls():
    """At a fixed friction (1 - momentum) / sqrt(rate)."""
    values, t, gaps = np.geomspace(0.01, 5, 7), 4.0, []
    for rate in (1e-4, 1e-6, 1e-8):
        args = (np.array([t / np.sqrt(rate)]), rate, 1 - np.sqrt(rate))
        gaps.append(np.abs(HeavyBall(*args).learned(values) - HeavyBallFlow(*args).learned(values)).max())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


def test_limits():
    values, steps = np.array([3.0, 0.3, 1e-9, 0.0]), np.array([np.inf, 1e30])
    for kind in (HeavyBall, HeavyBallFlow):
        np.testing.assert_array_equal(kind(steps, 0.4, 0.9).learned(values), [[1, 1, 1, 0], [1, 1, 1, 0]])


def test_divergence_is_reported():
    limit = 2 * 1.9
    HeavyBall(np.array([10.0]), 0.999 * limit, 0.9).check(1.0)
    with pytest.warns(UserWarning, match="training diverges"):
        HeavyBall(np.array([10.0]), 1.01 * limit, 0.9).check(1.0)
    with pytest.raises(UserError, match="exceed float64"):
        HeavyBall(np.array([1e9]), 1.01 * limit, 0.9).check(1.0)
    with pytest.raises(UserError, match="no limit"):
        HeavyBall(np.array([np.inf]), 1.01 * limit, 0.9).check(1.0)
    HeavyBallFlow(np.array([1e9]), 10.0, 0.9).check(1.0)
