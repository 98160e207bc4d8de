import dataclasses

import numpy as np
import pytest

from ntk_repro.data import load_dataset
from ntk_repro.wide_limit.drift import Config
from ntk_repro.wide_limit.regression_data import load_regression_data

CONFIG = Config(data="digits", n_train=12)


def test_two_classes_are_signs_of_one_output():
    data = load_regression_data(dataclasses.replace(CONFIG, classes=(7, 0)))
    labels = load_dataset("digits", n_train=12, n_test=1, classes=(7, 0)).y_train
    assert data.num_outputs == 1
    np.testing.assert_array_equal(data.y_train[:, 0], np.where(labels == 0, 1, -1))


@pytest.mark.parametrize(("classes", "outputs"), [(None, 10), ((3, 1, 2), 3)])
def test_more_classes_are_one_hot_rows(classes, outputs):
    data = load_regression_data(dataclasses.replace(CONFIG, classes=classes, n_train=200))
    labels = load_dataset("digits", n_train=200, n_test=1, classes=classes).y_train
    assert data.num_outputs == outputs
    np.testing.assert_array_equal(data.y_train.argmax(axis=1), labels)
    np.testing.assert_array_equal(data.y_train.sum(axis=1), 1)
