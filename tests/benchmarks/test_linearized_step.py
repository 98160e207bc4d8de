import pytest

from benchmarks import linearized_step


@pytest.mark.slow
def test_both_ways_have_one_gradient_and_every_kind_is_measured():
    found = linearized_step.run(widths=(0.2,), steps=1, repeats=1)["widths"]["0.2"]
    assert found["gradient_difference"] < 1e-5
    assert set(found["seconds"]) == {"network", "linearization", "10_backward_passes"}
    assert found["ratio_to_network"] == pytest.approx(found["seconds"]["linearization"] / found["seconds"]["network"])
