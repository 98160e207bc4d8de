"""LeNet-5: sizes, the function against PyTorch, padding, widths."""

from functools import partial

import numpy as np
import pytest

from ntk_repro.models import LeNet5, build_model, network_spec
from tests.models.stax_parameters import drawn_network
from tests.models.torch_parameters import assert_is_pytorchs, count_parameters
from tests.refusals import refused

X = np.random.default_rng(0).normal(size=(3, 28, 28, 1)).astype(np.float32)


def test_parameter_counts():
    """61,706 on MNIST with ten outputs; about 240k at twice the width and 216 million at sixty times."""
    count = partial(count_parameters, "lenet5")
    assert count((28, 28, 1), num_outputs=10) == count((32, 32, 1), num_outputs=10) == 61_706
    assert count((28, 28, 1)) == 61_706 - 9 * 85
    assert count((32, 32, 3), num_outputs=10) == 61_706 + 2 * 25 * 6
    assert 240e3 < count((28, 28, 1), num_outputs=10, width=2) < 245e3
    assert count((28, 28, 1), num_outputs=10, width=60) == pytest.approx(216e6, rel=0.01)


@pytest.mark.slow
def test_the_function_is_pytorchs():
    """With the same parameters, whose first convolution pads 28 x 28 by two pixels."""
    torch = pytest.importorskip("torch", reason="needs PyTorch to compare with: pip install torch")
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    ours = drawn_network(build_model("lenet5", num_outputs=10), (28, 28, 1), scale=0.1)
    layers = ["Conv_0", "Conv_1", "Dense_0", "Dense_1", "Dense_2"]
    assert_is_pytorchs(ours, theirs, layers, (5, 5, 16), X, atol=1e-5)


def test_small_images_are_set_in_the_middle_of_zeros():
    net = drawn_network(build_model("lenet5", image_size=16, channels=(2, 2), hidden=(4, 3)), (16, 16, 1))
    inside = np.pad(X[:, :8, :9], ((0, 0), (4, 4), (3, 4), (0, 0)))
    np.testing.assert_allclose(net(X[:, :8, :9]), net(inside), rtol=1e-6)


def test_settings():
    assert build_model("lenet5", width=10).channels == (60, 160)
    assert build_model("lenet5", width=10).hidden == (1200, 840)
    assert network_spec("lenet5").settings == ("image_size",)
    for size in (15, 0):
        refused("image_size of lenet5 must be at least 16", LeNet5, image_size=size)
