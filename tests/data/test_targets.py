import numpy as np
import pytest

from ntk_repro.data import binary_labels, one_hot, signed_targets
from ntk_repro.errors import UserError


def test_binary_labels_are_the_first_five_classes_against_the_last_five():
    labels = binary_labels(np.arange(10, dtype=np.int32))
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, [1, 1, 1, 1, 1, -1, -1, -1, -1, -1])


def test_binary_labels_of_other_classes():
    np.testing.assert_array_equal(binary_labels(np.array([3, 0, 3, 9]), positive={3}), [1, -1, 1, -1])


def test_binary_labels_refuse_labels_that_are_not_classes():
    with pytest.raises(UserError, match="must be integer classes, not float64"):
        binary_labels(np.array([0.0, 1.0]))


def test_signed_targets_are_a_column_with_class_0_above():
    targets = signed_targets(np.array([0, 1, 1, 0]))
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, [[1], [-1], [-1], [1]])


def test_signed_targets_refuse_a_third_class():
    with pytest.raises(UserError, match="class 2 has no sign"):
        signed_targets(np.array([0, 1, 2]))


def test_one_hot_rows_name_their_class():
    rows = one_hot(np.array([2, 0]), 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("y", [[0, 3], [-1, 0]])
def test_one_hot_refuses_classes_beyond_the_outputs(y):
    with pytest.raises(UserError, match="do not fit 3 outputs"):
        one_hot(np.array(y), 3)
