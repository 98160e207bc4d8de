from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_repro.dynamics.filters import GradientDescent, GradientFlow, flow_times, step_numbers
from ntk_repro.errors import UserError

EPS = np.finfo(float).eps


@settings(max_examples=60)
@given(
    x=st.floats(1e-14, 1.99).filter(lambda x: abs(x - 1) > 1e-6), steps=st.integers(0, 200), scale=st.integers(-40, 40)
)
def test_descent_keeps_all_digits_of_small_eigenvalues(x, steps, scale):
    eigenvalue, rate = x * 2.0**scale, 2.0**-scale  # a product without rounding
    power = (1 - Fraction(x)) ** steps
    filter_ = GradientDescent(np.array([float(steps)]), rate)
    exact = 1 - power
    rounding = 20 * EPS * (steps + 1) * max(1, abs(float(power)))
    assert filter_.learned(np.array([eigenvalue]))[0, 0] == pytest.approx(
        float(exact), rel=1e-12, abs=0 if x < 0.5 else rounding
    )
    exact = exact / Fraction(eigenvalue)
    assert filter_.reach(np.array([eigenvalue]))[0, 0] == pytest.approx(
        float(exact), rel=1e-12, abs=0 if x < 0.5 else rounding / eigenvalue
    )


def test_flow_keeps_all_digits_where_time_times_eigenvalue_is_small():
    values = np.array([1.0, 1e-6, 1e-18, 0.0])
    flow = GradientFlow(np.array([0.0, 1e-9, 1.0]))
    np.testing.assert_allclose(flow.reach(values)[1], 1e-9 * (1 - 1e-9 * values / 2), rtol=1e-15)
    np.testing.assert_allclose(flow.learned(values)[2], [1 - np.exp(-1), 1e-6 - 5e-13, 1e-18, 0], rtol=1e-12)
    assert np.all(flow.learned(values)[0] == 0)
    assert np.all(flow.reach(values)[0] == 0)


def test_limits():
    values = np.array([3.0, 1e-12, 0.0])
    flow = GradientFlow(np.array([np.inf, 1e30]))
    descent = GradientDescent(np.array([np.inf, 1e30]), 0.5)
    for filter_ in (flow, descent):
        np.testing.assert_array_equal(filter_.learned(values), [[1, 1, 0], [1, 1, 0]])
        assert filter_.reach(values)[0, 2] == np.inf
        np.testing.assert_allclose(filter_.reach(values)[:, :2], 1 / np.tile(values[:2], (2, 1)))


def test_all_is_learned_in_one_step_where_the_rate_is_the_inverse_eigenvalue():
    found = GradientDescent(np.array([0.0, 1.0, 7.0]), 0.5).learned(np.array([2.0]))
    np.testing.assert_array_equal(found[:, 0], [0, 1, 1])


def test_above_the_inverse_the_residual_alternates():
    found = GradientDescent(np.arange(4.0), 1.5).learned(np.array([1.0]))
    np.testing.assert_allclose(found[:, 0], 1 - (-0.5) ** np.arange(4), rtol=1e-15)


def test_descent_becomes_the_flow_as_the_rate_falls():
    values = np.geomspace(1e-3, 10, 9)
    flow = GradientFlow(np.array([2.0])).learned(values)
    gaps = [
        np.abs(GradientDescent(np.array([2 / rate]), rate).learned(values) - flow).max() for rate in (1e-3, 1e-4, 1e-5)
    ]
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


def test_divergence_is_reported():
    filter_ = GradientDescent(np.array([10.0]), 3.0)
    with pytest.warns(UserWarning, match="1.5 times the largest stable one, 2: training diverges, here by a factor of"):
        filter_.check(1.0)
    with pytest.raises(UserError, match="exceed float64; take one below 2"):
        GradientDescent(np.array([1e6]), 3.0).check(1.0)
    with pytest.raises(UserError, match="no limit"):
        GradientDescent(np.array([np.inf]), 2.0).check(1.0)
    GradientDescent(np.array([5.0]), 2.0).check(1.0)  # swings for ever, and no further


def test_times_and_steps():
    np.testing.assert_array_equal(flow_times(None)[0], [np.inf])
    assert flow_times(np.zeros((2, 3)))[1] == (2, 3)
    assert step_numbers(2.5, 0.1, whole=False)[0] == [2.5]
    for bad in (-1, np.nan):
        with pytest.raises(UserError, match="not negative"):
            flow_times(bad)
    with pytest.raises(UserError, match="whole steps"):
        step_numbers([1, 2.5], 0.1)
    for rate in (0.0, -1.0, np.nan, np.inf, np.ones(2)):
        with pytest.raises(UserError, match="learning rate"):
            step_numbers(1, rate)  # pyright: ignore[reportArgumentType]
