import numpy as np
import pytest

from ntk_repro.training import accuracy, binary_accuracies, majority_rate
from tests.refusals import refused

LOGITS = np.array([[2.0], [-1.0], [0.5], [-3.0]])


@pytest.mark.parametrize("labels", [[1, 0, 0, 0], [1, -1, -1, -1], [[1], [0], [0], [0]]])
def test_one_output_is_judged_by_its_side_of_the_threshold(labels):
    for fx in (LOGITS, LOGITS[:, 0]):
        assert accuracy(fx, np.array(labels)) == 0.75
    assert accuracy(LOGITS, np.array(labels), threshold=1.0) == 1.0


def test_several_outputs_are_judged_by_the_largest():
    fx = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.1], [0.0, 0.0, 1.0]])
    assert accuracy(fx, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(fx, np.eye(3)[[1, 0, 2]]) == 1.0


def test_outputs_that_are_not_finite_have_no_accuracy():
    assert np.isnan(accuracy(np.array([[np.nan], [1.0]]), np.array([1, 1])))


def test_each_task_has_its_own_accuracy():
    fx = np.array([[1.0, -1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(binary_accuracies(fx, np.array([[1, 1], [1, 1]])), [1.0, 0.5])


def test_a_constant_prediction_has_the_majority_rate():
    y = np.array([[1, 1], [0, -1], [1, -1], [1, -1]])
    np.testing.assert_array_equal(majority_rate(y), [0.75, 0.75])
    assert float(majority_rate(y[:, 0])) == accuracy(np.ones((4, 1)), y[:, 0])


@pytest.mark.parametrize(("fx", "y"), [(LOGITS, np.zeros(3)), (LOGITS, np.zeros((4, 2))), (LOGITS[:0], np.zeros(0))])
@pytest.mark.parametrize("of", [accuracy, binary_accuracies])
def test_shapes_that_do_not_fit_are_refused(of, fx, y):
    refused("do not fit outputs", of, fx, y)
