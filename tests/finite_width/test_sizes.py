import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import sizes
from ntk_repro.network import Network


def test_parameters_are_those_of_the_networks(tmp_path):
    config = sizes.Config(net="lenet5", widths=(0.5, 1.0, 60.0), image=(28, 28, 1))
    counts = sizes.run(config, root=tmp_path).result()["num_params"]
    assert counts[1:].tolist() == [61_706, 217_800_970]
    assert counts[0] == Network.create("lenet5", 0, (28, 28, 1), width=0.5, num_outputs=10).num_params


@pytest.mark.parametrize("changes", [{"widths": ()}, {"widths": (0.0,)}, {"image": (0, 28, 1)}])
def test_widths_and_sides_are_above_0(changes):
    with pytest.raises(UserError, match="must be above 0"):
        sizes.Config(**changes).resolved()
