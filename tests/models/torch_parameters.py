"""A Flax network's parameters as those of the same layers in PyTorch."""

from typing import Any

import numpy as np


def torch_parameters(module: Any, params: Any, layers: list[str], grid: tuple[int, int, int]) -> dict[str, Any]:
    """The state of a torch module whose layers with weights are `layers`, in their order.

    `grid` is (rows, columns, channels) of what the first dense layer gets, which PyTorch flattens channels first.
    """
    import torch  # pyright: ignore[reportMissingImports]

    found, flattened = [], False
    for name in layers:
        kernel = np.asarray(params[name]["kernel"])
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)
        else:
            if not flattened:
                kernel = kernel.reshape(*grid, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
                flattened = True
            kernel = kernel.T
        found += [kernel, np.asarray(params[name]["bias"])]
    names = [name for name, _ in module.named_parameters()]
    return {name: torch.from_numpy(array.copy()) for name, array in zip(names, found, strict=True)}
