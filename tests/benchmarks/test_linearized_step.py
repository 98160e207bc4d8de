import pytest

from benchmarks import linearized_step
from benchmarks.torch_lenet import has_torch


@pytest.mark.slow
def test_both_ways_have_one_gradient_and_every_kind_is_measured():
    found = linearized_step.run(widths=(0.2,), steps=1, repeats=1)["widths"]["0.2"]
    assert found["gradient_difference"] < 1e-5
    kinds = {"network", "linearization", "10_backward_passes"} | ({"pytorch_network"} if has_torch() else set())
    assert set(found["seconds"]) == kinds
    assert found["ratio_to_network"] == pytest.approx(found["seconds"]["linearization"] / found["seconds"]["network"])
