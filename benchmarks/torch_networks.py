"""Networks of this package in PyTorch, if it is installed: to compare speed only, with PyTorch's initialization."""

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


def torch_lenet5(width: int) -> Any:
    """The layers of `ntk_repro.models.LeNet5` for images of 1 x 28 x 28 and ten classes."""
    from torch import nn  # pyright: ignore[reportMissingImports]

    c1, c2, h1, h2 = (width * units for units in (6, 16, 120, 84))
    return nn.Sequential(
        nn.Conv2d(1, c1, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c1, c2, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(25 * c2, h1), nn.ReLU(), nn.Linear(h1, h2), nn.ReLU(), nn.Linear(h2, 10),
    )  # fmt: skip


def torch_mlp() -> Any:
    """The layers of `ntk_repro.models.MLP` for images of 3 x 32 x 32."""
    from torch import nn  # pyright: ignore[reportMissingImports]

    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 1)
    )


def torch_resnet18(channels: int) -> Any:
    """The layers of `ntk_repro.models.ResNet18` for images of 1 x 28 x 28."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    class Block(nn.Module):
        def __init__(self, c_in: int, c_out: int, stride: int):
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(),
                nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out),
            )  # fmt: skip
            self.skip = nn.Identity()
            if c_in != c_out:
                self.skip = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

        def forward(self, x):
            return torch.relu(self.branch(x) + self.skip(x))

    shapes = [(channels * 2 ** max(s - 1, 0), channels * 2**s, 2 if s else 1) for s in range(4)]
    stages = [block for c_in, c_out, stride in shapes for block in (Block(c_in, c_out, stride), Block(c_out, c_out, 1))]
    stem = [nn.Conv2d(1, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * channels, 1))
