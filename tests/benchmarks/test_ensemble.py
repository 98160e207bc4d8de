import pytest

from benchmarks import ensemble


@pytest.mark.slow
def test_both_sides_train_the_same_networks():
    found = ensemble.narrow(width=5, networks=3, steps=8, samples=6, inputs=3)
    assert found["difference"] < 1e-5
    assert found["ratio"] == found["loop"] / found["ensemble"]
    assert found["parameters"] == 5 * 3 + 2 * 25 + 5
    assert found["gflops"]["loop"] * found["loop"] * 1e9 == pytest.approx(8 * 3 * 6 * (6 * 70 - 2 * 15))
