"""AlexNet: sizes, the function against PyTorch, images of other sizes."""

from functools import partial

import jax
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.models import build_model
from tests.models.stax_parameters import drawn_network
from tests.models.torch_parameters import assert_is_pytorchs, count_parameters

SMALL = {"channels": (3, 4, 5, 4, 2), "hidden": (7, 6), "num_outputs": 3}
LAYERS = [*(f"Conv_{i}" for i in range(5)), *(f"Dense_{i}" for i in range(3))]


def test_parameter_counts():
    """torchvision's 61,100,840 with 1,000 outputs, less 990 outputs; four times the width has the paper's 960 million
    within 10%.
    """
    count = partial(count_parameters, "alexnet", (224, 224, 3), num_outputs=10)
    assert count() == 61_100_840 - 990 * 4097 == 57_044_810
    assert abs(count(width=4) / 960e6 - 1) < 0.1
    assert build_model("alexnet", width=0.5).channels == (32, 96, 192, 128, 128)


@pytest.mark.slow
@pytest.mark.parametrize("side", [63, 100])
def test_the_function_is_pytorchs(side):
    """Whose adaptive pooling has one pixel for each cell at 63 x 63, and two rows for six at 100 x 63."""
    torch = pytest.importorskip("torch", reason="needs PyTorch to compare with: pip install torch")
    nn = torch.nn
    c, h = SMALL["channels"], SMALL["hidden"]
    theirs = nn.Sequential(
        nn.Conv2d(3, c[0], 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c[0], c[1], 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c[1], c[2], 3, padding=1), nn.ReLU(), nn.Conv2d(c[2], c[3], 3, padding=1), nn.ReLU(),
        nn.Conv2d(c[3], c[4], 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6), nn.Flatten(),
        nn.Linear(36 * c[4], h[0]), nn.ReLU(), nn.Linear(h[0], h[1]), nn.ReLU(), nn.Linear(h[1], 3),
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(2, side, 63, 3)).astype(np.float32)
    ours = drawn_network(build_model("alexnet", **SMALL), x.shape[1:], scale=0.2)
    assert_is_pytorchs(ours, theirs, LAYERS, (6, 6, c[4]), x, atol=1e-4)


def test_what_it_cannot_take_is_refused():
    with pytest.raises(UserError, match="at least 63 x 63 pixels, not 62 x 80"):
        jax.eval_shape(build_model("alexnet", **SMALL).init, jax.random.key(0), np.zeros((1, 62, 80, 3), np.float32))
    with pytest.raises(UserError, match="5 convolutions: give 5 numbers of channels, not 4"):
        build_model("alexnet", channels=(1, 2, 3, 4))
