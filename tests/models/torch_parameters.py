"""Numbers of parameters, and a Flax network's parameters as those of the same layers in PyTorch."""

from typing import Any

import jax
import numpy as np

from ntk_repro.models import build_model
from ntk_repro.network import Network


def count_parameters(name: str, shape: tuple[int, ...], **settings: Any) -> int:
    """How many parameters a network has on inputs of that shape."""
    init = build_model(name, **settings).init
    shapes = jax.eval_shape(init, jax.random.key(0), np.zeros((1, *shape), np.float32))["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def assert_is_pytorchs(net: Network, theirs: Any, layers: list[str], grid: tuple[int, int, int], x: Any, atol: float):
    """Checks that the network is the function of a torch module with the same parameters."""
    import torch  # pyright: ignore[reportMissingImports]

    theirs.load_state_dict(torch_parameters(theirs, net.params, layers, grid))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    np.testing.assert_allclose(net(x), expected, rtol=1e-4, atol=atol)


def torch_parameters(module: Any, params: Any, layers: list[str], grid: tuple[int, int, int]) -> dict[str, Any]:
    """The state of a torch module whose layers with weights are `layers`, in their order.

    `grid` is (rows, columns, channels) of the input of the first dense layer, which PyTorch flattens channels first.
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
