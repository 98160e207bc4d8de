import math

import numpy as np
import pytest

from ntk_repro.papers.ortiz2021.accuracies import left_the_majority, margin


def test_the_margin_is_two_standard_errors_of_independent_accuracies():
    rng = np.random.default_rng(0)
    one, two = rng.binomial(400, 0.7, 20000) / 400, rng.binomial(400, 0.9, 20000) / 400
    assert margin(0.7, 0.9, 400) == pytest.approx(2 * np.std(one - two), rel=0.02)
    assert margin(1.0, 1.0, 400) == 0
    assert math.isnan(margin(math.nan, 0.5, 400))


def test_who_guesses_has_not_left_the_majority():
    rng = np.random.default_rng(0)
    guessed = rng.binomial(250, 0.5, 5000) / 250
    assert left_the_majority(guessed.tolist(), 0.5, 250).mean() < 0.003
    assert left_the_majority([0.62, 0.62, None], 0.52, [100, 400, 400]).tolist() == [False, True, False]
