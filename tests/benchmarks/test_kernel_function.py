import pytest

from benchmarks import kernel_function


@pytest.mark.slow
def test_all_ways_are_measured_and_agree():
    found = kernel_function.run([("mlp", 2, 3, {"width": 0.1})], shape=(4, 4, 1))
    (row,) = found["cases"].values()
    assert row["difference"] < 1e-5
    ways = ("gram", "function", "jacobians", "gradient_function", "gradient_jacobians")
    assert all(row[way] > 0 for way in ways)
