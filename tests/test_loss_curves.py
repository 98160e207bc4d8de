import numpy as np

from ntk_repro.loss_curves import epochs_to_loss


def test_epochs_are_counted_from_one_and_never_is_nan():
    loss = np.array([[3.0, 2.0, 1.0, 2.0], [3.0, 2.5, 2.2, 2.1], [0.5, np.nan, np.nan, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(epochs_to_loss(loss, 2.0), [2, np.nan, 1, np.nan])
    assert epochs_to_loss(loss[0], 1.0) == 3
