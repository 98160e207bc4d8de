import numpy as np

from ntk_repro.record import RunFolder
from ntk_repro.report.curves import axis_of, rows_of, steps_of
from tests.conftest import Settings


def test_rows_and_steps_are_arrays_of_the_length(tmp_path):
    result = {
        "steps": np.array(3),  # a number, of which nothing has the length
        "curve_epochs": np.array([0, 5]),
        "widths": np.array([64, 128, 256]),
        "accuracy": np.zeros(2),
        "error": np.zeros(3),
        "others": np.zeros(4),
    }
    with RunFolder.open("study", Settings(), root=tmp_path) as run:
        label, values = axis_of(run, result, "accuracy")
        assert (label, [*values]) == ("Epoch", [0, 5])
        assert steps_of(run, result, "error") is None
        label, values = axis_of(run, result, "error")
        assert (label, [*values]) == ("Width", [64, 128, 256])
        label, values = axis_of(run, result, "others")
        assert (label, [*values]) == ("Entry", [1, 2, 3, 4])
    assert rows_of(result, 2) is None
