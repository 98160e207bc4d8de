import math

import numpy as np
import pytest
from scipy import stats

from ntk_repro.papers.samarin2022.intervals import student_interval


def test_the_interval_is_that_of_students_t():
    values = [0.1, 0.4, 0.35, 0.2]
    exact = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    found = student_interval([*values, None, math.nan])
    assert found.seeds == 4
    assert (found.low, found.high) == pytest.approx(exact)


def test_one_value_has_no_interval_and_none_no_mean():
    assert student_interval([0.5])[0] == 0.5
    assert math.isnan(student_interval([0.5]).low)
    assert math.isnan(student_interval([None]).mean)
