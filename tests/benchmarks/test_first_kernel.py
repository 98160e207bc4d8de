import pytest

from benchmarks import first_kernel


@pytest.mark.slow
def test_both_are_measured_in_new_processes():
    found = first_kernel.run(repeats=1)
    assert all(seconds > 0 for seconds in found.values())
    assert found["cold_over_neural_tangents"] == pytest.approx(found["cold"] / found["neural_tangents"])
