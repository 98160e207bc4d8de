import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ntk_repro.papers.statistics import (
    Interval,
    all_hold,
    all_hold_jointly,
    any_holds,
    deviation_interval,
    interval_from_moments,
    largest,
    last_crossing,
    left_the_majority,
    mean_and_errors,
    order,
    power_law_fit,
    share_interval,
    signed_sum,
    spearman,
    student_interval,
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), st.randoms())
def test_spearman_is_scipys_where_nothing_is_missing(x, random):
    y = random.sample(x, len(x))
    if len(set(x)) > 1:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)


def test_spearman_leaves_out_missing_values_and_needs_three_that_differ():
    assert spearman([1, 2, 3, 4], [9.0, 8.0, None, 7.0]) == pytest.approx(-1.0)
    assert math.isnan(spearman([1, 2, 3, 4], [1.0, 2.0, None, math.nan]))
    assert math.isnan(spearman([1, 2, 3], [0.5] * 3))


@pytest.mark.parametrize(
    ("first", "second", "crossing"),
    [
        ([9, 8, 7, 6], [5, 4, 3, 2], math.inf),
        ([9, 8, 1, 1], [5, 4, 3, 2], 20 + 10 * 4 / 6),
        ([9, 1, 7, 1], [5, 4, 3, 2], 38),
        ([1, 8, 7, 6], [5, 4, 3, 2], 15),  # in the other direction
        ([1, 1, 1, 1], [5, 4, 3, 2], math.inf),
        ([9, 8, 7, 2], [5, 4, 3, 2], 40),
    ],
)
def test_the_crossing_is_where_one_curve_takes_over_for_good(first, second, crossing):
    assert last_crossing([10, 20, 30, 40], first, second) == pytest.approx(crossing)
    shuffled = ([values[i] for i in (2, 0, 3, 1)] for values in ([10, 20, 30, 40], first, second))
    assert last_crossing(*shuffled) == pytest.approx(crossing)


def test_indices_without_both_values_are_left_out_of_the_crossing():
    whole = last_crossing([10, 20, 40], [9, 8, 1], [5, 4, 3])
    assert last_crossing([10, 20, 30, 40], [9, 8, None, 1], [5, 4, 3.5, 3]) == whole
    assert last_crossing([10, 20, 30, 40], [9, 8, 7, 1], [5, 4, math.nan, 3]) == whole
    assert math.isnan(last_crossing([10, 20], [None, 1.0], [1.0, None]))


def test_a_power_law_is_found_exactly_without_values_that_have_no_logarithm():
    for x, y in (
        ([64, 128, 256, 512], 3 * np.array([64, 128, 256, 512.0]) ** -0.5),
        ([1, 4, 9, 16, 25], [3, 1.5, None, 0, 0.6]),
    ):
        fit = power_law_fit(x, y)
        assert fit.exponent == pytest.approx(-0.5, abs=1e-12)
        assert fit.prefactor == pytest.approx(3)
        assert fit.high - fit.low < 1e-6


def test_the_points_of_a_single_seed_give_a_slope_and_no_interval():
    x, seed = [1, 4, 9, 16], [3, 1.6, 1, 0.8]
    for rows in ([seed], [seed, [None] * 4]):
        fit = power_law_fit(x, rows)
        assert fit.exponent == power_law_fit(x, seed).exponent
        assert fit.interval.below(0) is None


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


def test_the_noise_of_a_difference_is_two_standard_errors_of_independent_accuracies():
    rng = np.random.default_rng(0)
    one, two = rng.binomial(400, 0.7, 20000) / 400, rng.binomial(400, 0.9, 20000) / 400
    found = signed_sum([{0: 0.7}, {0: 0.9}], [1, -1], 400)
    assert found.high - found.mean == pytest.approx(2 * np.std(one - two), rel=0.02)


def test_two_perfect_accuracies_are_equal_only_up_to_the_noise_of_their_images():
    perfect = signed_sum([{0: 1.0}, {0: 1.0}], [1, -1], 1000)
    assert perfect.within(-0.001, 0.001) is None
    assert perfect.within(-0.01, 0.01) is True


def test_who_guesses_has_not_left_the_majority():
    rng = np.random.default_rng(0)
    guessed = rng.binomial(250, 0.5, 5000) / 250
    assert left_the_majority(guessed.tolist(), 0.5, 250).mean() < 0.003
    assert left_the_majority([0.62, 0.62, None], 0.52, [100, 400, 400]).tolist() == [False, True, False]


def test_the_interval_is_that_of_students_t_from_two_values_on():
    values = [0.1, 0.4, 0.35, 0.2]
    exact = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert student_interval([*values, None, math.nan]) == pytest.approx((np.mean(values), *exact, 4))
    assert student_interval([0.5]) == pytest.approx((0.5, math.nan, math.nan, 1), nan_ok=True)
    assert student_interval([None]) == pytest.approx((math.nan, math.nan, math.nan, 0), nan_ok=True)


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "within"),
    [(1.1, 2, True, False, True), (0, 0.9, False, True, False), (0.9, 1.1, None, None, None)],
)
def test_an_interval_that_contains_the_limit_decides_nothing(low, high, above, below, within):
    interval = Interval((low + high) / 2, low, high, 3)
    assert (interval.above(1), interval.below(1), interval.within(1, 3)) == (above, below, within)


def test_an_interval_of_seeds_is_also_that_of_their_moments():
    values = [0.1, 0.4, 0.35, 0.2]
    moments = float(np.mean(values)), float(np.std(values, ddof=1)), 4
    for further, of in ((0, 1), (1, 1), (5, 1), (0, 3)):
        from_moments = interval_from_moments(*moments, further=further, of=of)
        assert from_moments == pytest.approx(student_interval(values, further=further, of=of))
    assert math.isnan(interval_from_moments(0.5, None, 1).low)


def test_a_training_that_diverged_is_not_left_out_of_a_complete_interval():
    assert student_interval([1.0, 2.0], complete=True) == student_interval([1.0, 2.0])
    missing = student_interval([1.0, 2.0, None], complete=True)
    assert (missing.above(), missing.seeds) == (None, 0)


def test_verdicts_are_joined_by_all_and_by_any():
    for verdicts, every, some in (
        ((True, True), True, True),
        ((True, None), None, True),
        ((True, False), False, True),
        ((None, False), False, None),
        ((False, False), False, False),
    ):
        assert (all_hold(*verdicts), any_holds(*verdicts)) == (every, some)


@pytest.mark.parametrize(
    ("alone", "chosen", "verdict"),
    [
        ([True, True], [None, None], True),  # both by their own intervals
        ([True, None], [None, None], None),
        ([True, False], [None, False], False),
        ([True, False], [None, None], None),  # one of two may fail by chance
    ],
)
def test_one_of_several_refutes_only_beyond_the_choice_among_them(alone, chosen, verdict):
    assert all_hold_jointly({1: alone, 2: chosen}.__getitem__) is verdict


def test_the_largest_of_several_is_above_where_one_is_and_below_where_all_are():
    low, high, wide = Interval(1, 0, 2, 3), Interval(5, 4, 6, 3), Interval(2, -3, 7, 3)
    assert largest([low, high]) == (5, 4, 6, 3)
    assert largest([low, high, wide]) == (5, 4, 7, 3)
    unknown = largest([low, Interval(3, math.nan, math.nan, 1)])
    assert (unknown.mean, unknown.above(-1), unknown.below(4)) == (3, True, None)
    assert largest([]).above() is None


def test_an_interval_without_ends_decides_nothing():
    one = student_interval([0.5])
    assert (one.above(), one.below(), one.within(-1, 1)) == (None, None, None)
    exact = Interval.exact(0.5)
    assert (exact.above(), exact.below(), exact.within(0.5, 0.5)) == (True, False, True)


@pytest.mark.parametrize("further", [1, 4])
def test_the_prediction_interval_contains_the_mean_of_further_seeds_nineteen_times_in_twenty(further):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 5 + further))
    found = [student_interval(row[:5], further=further) for row in values]
    covered = np.mean([one.low <= row[5:].mean() <= one.high for one, row in zip(found, values, strict=True)])
    assert 0.94 < covered < 0.96


def test_a_sum_is_that_of_the_seeds_that_all_have_and_of_one_seed_has_the_noise_of_its_images():
    network, linearized = {0: 0.9, 1: 0.8, 2: None}, {0: 0.7, 1: 0.7, 2: 0.1}
    assert signed_sum([network, linearized], [1, -1], 100) == pytest.approx(student_interval([0.2, 0.1]))
    one = signed_sum([{0: 0.9}, linearized], [1, -1], 100)
    half = 2 * math.sqrt((92 * 12 + 72 * 32) / 104**3)  # two more right, two more wrong
    assert one == pytest.approx((0.2, 0.2 - half, 0.2 + half, 1))
    assert math.isnan(signed_sum([{0: 0.9}, linearized], [1, -1]).low)
    none = signed_sum([{0: 0.9}, {1: 0.7}], [1, -1], 100)
    assert (none.mean, none.seeds, none.above()) == (pytest.approx(0.2), 0, None)


def test_of_several_intervals_each_is_wider_and_a_weight_weighs():
    values = [0.1, 0.2, 0.4]
    assert student_interval(values, of=3).high - np.mean(values) == pytest.approx(
        stats.t.ppf(1 - 0.025 / 3, 2) * stats.sem(values)
    )
    one, three = (signed_sum([{0: 0.9}, {0: 0.7}], [1, -1], 100, of=of) for of in (1, 3))
    assert (three.high - three.mean) / (one.high - one.mean) == pytest.approx(
        stats.norm.ppf(1 - 0.025 / 3) / 1.96, 1e-4
    )
    half = signed_sum([{0: 0.9}, {0: 0.7}], [0.5, -1], 100)
    assert half.mean == pytest.approx(-0.25)
    assert half.high - half.mean == pytest.approx(2 * math.sqrt((0.25 * 92 * 12 + 72 * 32) / 104**3))


def test_the_interval_of_a_share_is_exact():
    assert share_interval(40, 40).low == pytest.approx(0.025 ** (1 / 40))
    assert share_interval(39, 40).above(0.9) is None
    assert share_interval(25, 40).above(0.9) is False


def test_an_order_counts_the_pairs_that_noise_cannot_turn():
    assert order([1, 2, 3, 4], [1.0, 3.0, 2.0, 4.0], +1, 0) == (pytest.approx(5 / 6), 6)
    assert order([4, 2, 3, 1], [4.0, 3.0, 2.0, 1.0], +1, 0) == (pytest.approx(5 / 6), 6)
    # 3 and 2 differ by less than twice sqrt(2) * 0.5
    assert order([1, 2, 3, 4], [1.0, 3.0, 2.0, 4.0], -1, 0.5) == (0.0, 3)
    assert order([1, 2, 3], [1.0, None, math.nan], +1, 0) == (pytest.approx(math.nan, nan_ok=True), 0)


def test_an_order_of_two_noisy_values_counts_the_pairs_that_differ_in_both():
    assert order([1.0, 2.0, 2.1], [1.0, 2.0, 3.0], +1, 0, x_errors=0.1) == (1.0, 2)
    assert order([1.0, 2.0, 2.1], [1.0, 2.0, 3.0], +1, 0.5, x_errors=0.1) == (1.0, 1)
    assert order([1, 2, 3], [5.0, math.inf, math.inf], +1, 0.0) == (1.0, 2)  # infinite ones do not differ


def test_means_and_errors_are_of_seeds_or_of_test_samples():
    mean, error = mean_and_errors([[0.9, 1.0], [0.8, None], [0.7, math.inf]])
    assert mean == pytest.approx([0.8, math.nan], nan_ok=True)
    assert error[0] == pytest.approx(student_interval([0.7, 0.8, 0.9]).high / 2 - 0.4)
    mean, error = mean_and_errors([[0.9, math.inf, math.nan]], 100)
    assert mean == pytest.approx([0.9, math.inf, math.nan], nan_ok=True)
    assert error == pytest.approx([math.sqrt(92 * 12 / 104**3), 0.0, math.nan], nan_ok=True)
    assert np.isnan(mean_and_errors([[0.9]])[1]).all()


def test_the_interval_of_a_standard_deviation_has_it_inside_95_times_in_100():
    values = np.random.default_rng(2).standard_normal((2000, 5))
    found = [deviation_interval(row) for row in values]
    assert 0.93 < np.mean([one.low < 1 < one.high for one in found]) < 0.97
    assert found[0].mean == pytest.approx(values[0].std(ddof=1))
    assert deviation_interval([0.5, None]) == pytest.approx((math.nan, math.nan, math.nan, 1), nan_ok=True)
