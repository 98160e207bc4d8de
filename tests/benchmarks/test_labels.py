import numpy as np
import pytest

from benchmarks.labels import VARIANTS, differing, gaps_of, run


@pytest.mark.slow
def test_labels_of_few_digits_agree():
    found = run(["mlp"], samples=80, k=4)["mlp"]
    _, *others = VARIANTS
    assert {name: len(found[name]["shares"]) for name in others} == dict.fromkeys(others, 4)
    np.testing.assert_array_equal(found["again"]["shares"], 0)
    assert max(found["XLA for AVX"]["shares"]) < 0.1


def test_gaps_are_to_the_nearest_neighbour():
    np.testing.assert_allclose(gaps_of(np.array([4.0, 2.0, 1.0, 0.9])), [0.5, 0.5, 0.1, 0.1 / 0.9])


def test_labels_are_compared_up_to_the_sign_of_the_eigenvector():
    labels = np.array([[True, True], [False, True], [True, False], [False, False]])
    np.testing.assert_array_equal(differing(labels, labels ^ np.array([True, False])), [0, 0])
    one_other = labels.copy()
    one_other[0, 0] = False
    np.testing.assert_array_equal(differing(labels, one_other), [0.25, 0])
