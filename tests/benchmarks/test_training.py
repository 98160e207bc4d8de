import functools

import pytest

from benchmarks import training
from benchmarks.torch_networks import has_torch
from ntk_repro import Network


@pytest.mark.slow
def test_every_kind_is_measured():
    found = training.run("lenet5", (28, 28, 1), 10, 4, 2, functools.partial(training.torch_lenet5, 1), 1, 1)
    kinds = {"network", "linearization", "2_side_by_side"} | ({"pytorch_network"} if has_torch() else set())
    assert set(found["seconds"]) == kinds


@pytest.mark.skipif(not has_torch(), reason="needs PyTorch to compare with: pip install torch")
def test_networks_in_pytorch_have_as_many_parameters():
    for name, settings in training.PARTS.items():
        assert isinstance(settings, functools.partial)
        (architecture, shape, outputs, _, _, torch_network), extra = settings.args, settings.keywords
        theirs = sum(p.numel() for p in torch_network().parameters() if p.requires_grad)
        assert theirs == Network.create(architecture, 0, shape, num_outputs=outputs, **extra).num_params, name
