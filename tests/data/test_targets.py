from functools import partial

import numpy as np
import pytest

from ntk_repro.data import binary_labels, class_labels, load_dataset, one_hot, signed_targets
from tests.refusals import refused


def test_binary_labels_are_the_first_five_classes_against_the_last_five():
    labels = binary_labels(np.arange(10, dtype=np.int32))
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, [1, 1, 1, 1, 1, -1, -1, -1, -1, -1])


@pytest.mark.parametrize(
    ("labels", "ones"), [([0, 1, 1, 0], [0]), (list(range(10)), [0, 1, 2, 3, 4]), ([0, 1, 2], [0, 1])]
)
def test_the_first_half_of_the_classes_is_told_from_the_others(labels, ones, tmp_path):
    x = np.random.default_rng(0).normal(size=(len(labels), 4, 4)).astype(np.float32)
    np.savez(tmp_path / "own.npz", x_train=x, x_test=x, y_train=labels, y_test=labels)
    for part in class_labels(load_dataset(tmp_path / "own.npz"), "stop"):
        np.testing.assert_array_equal(part, np.isin(labels, ones))


def test_binary_labels_of_other_classes():
    np.testing.assert_array_equal(binary_labels(np.array([3, 0, 3, 9]), positive={3}), [1, -1, 1, -1])


def test_signed_targets_are_a_column_with_class_0_above():
    targets = signed_targets(np.array([0, 1, 1, 0]))
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, [[1], [-1], [-1], [1]])


def test_one_hot_rows_name_their_class():
    rows = one_hot(np.array([2, 0]), 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("targets", "y", "message"),
    [
        (binary_labels, [0.0, 1.0], "must be integer classes, not float64"),
        (signed_targets, [0, 1, 2], "class 2 has no sign"),
        (partial(one_hot, k=3), [0, 3], "do not fit 3 outputs"),
        (partial(one_hot, k=3), [-1, 0], "do not fit 3 outputs"),
    ],
)
def test_labels_out_of_range_are_refused(targets, y, message):
    refused(message, targets, np.array(y))
