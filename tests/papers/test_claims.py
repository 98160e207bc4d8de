import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ntk_repro.papers.claims import Claim, Verdict, ahead_until_crossing, evaluate, monotone, power_law_fit, spearman


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), st.randoms())
def test_spearman_is_scipys_where_nothing_is_missing(x, random):
    y = random.sample(x, len(x))
    if len(set(x)) > 1:
        assert spearman(x, y) == pytest.approx(spearmanr(x, y)[0], abs=1e-12)


def test_a_missing_value_is_left_out_or_ranks_last():
    x, y = [1, 2, 3, 4], [1.0, 2.0, None, math.nan]
    assert spearman(x, y, missing="last") == pytest.approx(spearman(x, [1, 2, 9, 9]))
    assert spearman([1, 2, 3], [None, 1.0, 0.5], missing="last") == pytest.approx(-1.0)
    assert spearman([*x, 5], [*y, 3.0]) == pytest.approx(1.0)
    assert math.isnan(spearman(x, y))  # two points are left, which always correlate perfectly
    assert spearman([1, 2, 3, 4], [9.0, 8.0, None, 7.0]) == pytest.approx(-1.0)
    assert math.isnan(spearman(x, [1.0, None, None, None]))


def test_spearman_of_a_constant_is_undetermined():
    assert math.isnan(spearman([1, 2, 3], [0.5, 0.5, 0.5]))
    assert math.isnan(spearman([1, 2, 3], [None, None, None]))
    assert math.isnan(spearman([1, 2, 3], [None, None, None], missing="last"))


@pytest.mark.parametrize(
    ("rho", "grows", "falls"),
    [
        (0.8, True, False),
        (0.8 - 1e-12, True, False),
        (0.799, False, False),
        (-0.8 + 1e-12, False, True),
        (math.nan, False, False),
    ],
)
def test_a_correlation_of_the_bound_says_that_something_grows_or_falls(rho, grows, falls):
    assert (monotone(rho, +1), monotone(rho, -1)) == (grows, falls)
    assert monotone(rho, +1, 0.9) is False


@pytest.mark.parametrize(
    ("first", "second", "share", "crossing"),
    [
        ([9, 8, 7, 6], [5, 4, 3, 2], 1.0, None),
        ([9, 8, 1, 1], [5, 4, 3, 2], 1.0, 20 + 10 * 4 / 6),
        ([9, 1, 7, 1], [5, 4, 3, 2], 2 / 3, 38),
        ([1, 8, 7, 6], [5, 4, 3, 2], 3 / 4, None),
        ([1, 1, 1, 1], [5, 4, 3, 2], 0.0, 10),
        ([5, 4, 3, 2], [5, 4, 3, 2], 0.0, 10),
    ],
)
def test_the_crossing_is_where_the_second_curve_takes_over_for_good(first, second, share, crossing):
    overall = sum(a > b for a, b in zip(first, second, strict=True)) / 4
    crossing = None if crossing is None else pytest.approx(crossing)
    expected = (pytest.approx(share), crossing, pytest.approx(overall), 4)
    assert ahead_until_crossing([10, 20, 30, 40], first, second) == expected
    shuffled = ([values[i] for i in (2, 0, 3, 1)] for values in ([10, 20, 30, 40], first, second))
    assert ahead_until_crossing(*shuffled) == expected


def test_indices_without_both_values_are_left_out_of_the_crossing():
    whole = ahead_until_crossing([10, 20, 40], [9, 8, 1], [5, 4, 3])
    assert ahead_until_crossing([10, 20, 30, 40], [9, 8, None, 1], [5, 4, 3.5, 3]) == whole
    assert ahead_until_crossing([10, 20, 30, 40], [9, 8, 7, 1], [5, 4, math.nan, 3]) == whole
    none = ahead_until_crossing([10, 20], [None, 1.0], [1.0, None])
    assert math.isnan(none.share)
    assert (none.crossing, none.compared) == (None, 0)


def test_an_undetermined_number_becomes_null_and_decides_nothing():
    claim = Claim("it grows", lambda numbers: [Verdict("mlp", numbers["x"] > 1, math.nan, "slope", paper=2.0)])
    (row,) = evaluate([claim], {"x": 0})
    assert row == {
        "statement": "it grows",
        "subject": "mlp",
        "holds": None,
        "number": None,
        "meaning": "slope",
        "paper": 2.0,
        "note": "",
    }


def test_a_number_that_cannot_be_judged_is_kept_and_decides_nothing():
    claim = Claim("it is the paper's", lambda numbers: [Verdict("mlp", None, numbers["x"], "accuracy", paper=0.7)])
    (row,) = evaluate([claim], {"x": 0.6})
    assert (row["holds"], row["number"], row["paper"]) == (None, 0.6, 0.7)


def test_a_power_law_is_found_exactly():
    fit = power_law_fit([64, 128, 256, 512], 3 * np.array([64, 128, 256, 512.0]) ** -0.5)
    assert fit.exponent == pytest.approx(-0.5, abs=1e-12)
    assert fit.prefactor == pytest.approx(3)
    assert fit.high - fit.low < 1e-6


def test_a_power_law_leaves_out_what_has_no_logarithm():
    fit = power_law_fit([1, 2, 4, 8, 16], [1, 0.5, None, 0, 0.0625])
    assert fit.exponent == pytest.approx(-1)


def test_two_points_determine_no_power_law():
    assert np.isnan(power_law_fit([1, 2], [1, 2]).exponent)
    assert np.isnan(power_law_fit([1, 1, 2, 2], [1, 2, 3, 4]).exponent)


def test_the_confidence_interval_covers_the_true_exponent_nineteen_times_in_twenty():
    rng, x = np.random.default_rng(0), 2.0 ** np.arange(6, 12)
    for seeds in (1, 5):
        covered = 0
        for _ in range(400):
            y = x**-1.0 * np.exp(0.1 * rng.normal(size=(seeds, 6)))
            fit = power_law_fit(x, y if seeds > 1 else y[0])
            covered += fit.low <= -1 <= fit.high
        assert 0.92 < covered / 400 < 0.98


def test_two_versions_of_a_network_are_told_apart():
    one, two, other = "mine.py:Net@0123456789ab", "mine.py:Net@ba9876543210", "mine.py:Other@0123456789ab"

    def subjects(*names):
        return [row["subject"] for row in evaluate([Claim("is", predicate(names))], {})]

    def predicate(names):
        return lambda numbers: [Verdict(f"{name}, phi_2", True, 1.0, "x") for name in names]

    assert subjects(one, other, one) == ["Net, phi_2", "Other, phi_2", "Net, phi_2"]
    assert subjects(one, two, other) == ["Net@0123456789ab, phi_2", "Net@ba9876543210, phi_2", "Other, phi_2"]


@pytest.mark.parametrize("place", ["my net.py", "my nets/a, b.py", "C:\\nets\\mine.py", "package.module"])
def test_a_network_is_named_without_its_place_whatever_that_is_called(place):
    names = [f"{place}:MyNet@0123456789ab", "lenet"]
    rows = evaluate([Claim("is", lambda _: [Verdict(f"{name}, phi_2", True, 1.0, "x") for name in names])], {})
    assert [row["subject"] for row in rows] == ["MyNet, phi_2", "lenet, phi_2"]
