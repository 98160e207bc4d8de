import pytest

from benchmarks import dynamics


@pytest.mark.slow
def test_both_are_measured_on_the_same_problem():
    found = dynamics.run(n=24, m=8, num_times=6, repeats=1)
    assert found["neural-tangents float64"]["largest_difference_from_ours"] < 1e-9
    assert 1e-9 < found["neural-tangents float32"]["largest_difference_from_ours"] < 1e-2
    assert found["ratio_float64"] == found["neural-tangents float64"]["total"] / found["ntk_repro float64"]["total"]
    assert 0 < found["ntk_repro float64"]["decomposition"] < found["ntk_repro float64"]["total"]
