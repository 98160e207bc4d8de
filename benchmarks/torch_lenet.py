"""LeNet in PyTorch, if that is installed: to compare speed only, with PyTorch's initialization."""

import importlib.util
from typing import Any

ABSENT = "PyTorch is not installed: pip install torch to compare with it"


def has_torch() -> bool:
    """Whether PyTorch is installed; it is no requirement of the package."""
    return importlib.util.find_spec("torch") is not None


def torch_lenet() -> Any:
    """The layers of `ntk_repro.models.LeNet` for images of 3 x 32 x 32."""
    from torch import nn  # pyright: ignore[reportMissingImports]

    return nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(1024, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 1),
    )  # fmt: skip
