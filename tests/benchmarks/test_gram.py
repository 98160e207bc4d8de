import numpy as np
import pytest

from benchmarks import gram
from benchmarks.neural_tangents_kernel import fastest
from benchmarks.torch_networks import has_torch
from ntk_repro import Network, empirical_gram


@pytest.mark.slow
def test_the_kernel_of_the_other_side_is_the_same_kernel():
    net = Network.create("mlp", 0, (4, 4, 1))
    x = np.random.default_rng(0).standard_normal((12, 4, 4, 1), np.float32)
    best, tried = fastest(net, x, ((3, 1), (6, 1), (3, 2)))
    assert len(tried) == 3
    assert best.per_entry == min(one["seconds_of_a_pair"] / one["batch"] ** 2 for one in tried)
    expected = empirical_gram(net, x)
    np.testing.assert_allclose(best.kernel(net, x), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
def test_lenet_and_tiles_run_small():
    found = {"lenet": gram.lenet((8, 16), 24, ((8, 1),), 8), "tiles": gram.tiles(30)}
    part = found["lenet"]
    assert max(row["difference"] for row in part["sizes"]) < 1e-4
    assert part["far"]["exponent_used"] <= 2
    last, far = part["sizes"][-1], part["far"]
    growth = far["neural_tangents_extrapolated"] / last["neural_tangents"]
    assert growth == pytest.approx(1.5 ** far["exponent_used"])
    assert ("ratio" in part["pytorch"]) == has_torch()
    assert found["tiles"]["gflops"] > 0
    assert len(gram.draw(found).axes) == 2


def test_times_are_carried_on_by_the_square_at_most():
    rows = [{"n": 1000, "neural_tangents": 1.0}, {"n": 2000, "neural_tangents": 8.0}]
    found = gram._carried_on(rows, 4000, 2.0)
    assert found["measured_exponent"] == pytest.approx(3)
    assert found["neural_tangents_extrapolated"] == pytest.approx(32)
    assert found["ratio"] == pytest.approx(16)
