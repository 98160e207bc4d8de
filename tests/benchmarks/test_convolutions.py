import pytest

from benchmarks import convolutions
from ntk_repro.banded_convolution import tile_for


@pytest.mark.slow
def test_every_tile_is_measured_and_the_chosen_one_is_among_them():
    found = convolutions.run(("LeNet-5, first", "ResNet18 at 1/8 width, second"), 1)["shapes"]
    for row in found.values():
        assert all(row[kind] > 0 for kind in ("xla", *map(str, convolutions.TILES)))
    assert found["LeNet-5, first"]["chosen"] == tile_for((32, 32, 32, 1), (5, 5, 1, 6))
    assert found["ResNet18 at 1/8 width, second"]["chosen"] is None
