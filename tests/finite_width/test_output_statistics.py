import numpy as np

from ntk_repro.finite_width.output_statistics import output_statistics


def test_outputs_with_target_one_and_zero_are_separated():
    y = np.eye(3)[[0, 1, 2, 2]]
    outputs = np.stack([y * 2 + 5, y * 4 - 1])
    found = output_statistics(outputs, y)
    assert found["one_mean"].tolist() == [7.0, 3.0]
    assert found["zero_mean"].tolist() == [5.0, -1.0]
    assert found["one_std"].tolist() == [0.0, 0.0]
    assert found["zero_quantiles"].shape == (2, 5)


def test_missing_outputs_and_divergence_give_nan():
    found = output_statistics(np.full((1, 2, 1), np.nan), np.ones((2, 1)))
    assert all(np.isnan(value).all() for value in found.values())
