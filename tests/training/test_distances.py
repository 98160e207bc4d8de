import numpy as np
import pytest

from ntk_repro.training import cosine_distance, l2_distance

START = {"a": np.array([3.0, 0.0]), "b": {"c": np.array([[0.0, 4.0]])}}
TURNED = {"a": np.array([0.0, 3.0]), "b": {"c": np.array([[4.0, 0.0]])}}


def test_distances_of_a_tree_to_itself_are_zero():
    assert l2_distance(START, START) == 0
    assert cosine_distance(START, START) == 0


def test_l2_distance_runs_over_all_leaves():
    assert l2_distance(START, TURNED) == pytest.approx(np.sqrt(9 + 9 + 16 + 16), rel=1e-15)


def test_cosine_distance_of_orthogonal_and_opposite_trees():
    assert cosine_distance(START, TURNED) == pytest.approx(1.0, rel=1e-15)
    assert cosine_distance([np.ones(3)], [-np.ones(3)]) == pytest.approx(2.0, rel=1e-15)


def test_cosine_distance_does_not_see_scale_and_keeps_its_digits_at_small_angles():
    assert cosine_distance([np.ones(3)], [7 * np.ones(3)]) == pytest.approx(0.0, abs=1e-30)
    assert cosine_distance([np.array([1.0, 1e-9])], [np.array([1.0, 0.0])]) == pytest.approx(5e-19, rel=1e-6)


def test_cosine_distance_from_the_origin_is_undefined():
    assert np.isnan(cosine_distance([np.ones(3)], [np.zeros(3)]))
