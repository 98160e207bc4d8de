"""The networks of Lee et al. 2019 at known parameters, and these in the shape of their twin by `nt.stax`."""

import functools
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from ntk_repro.models import build_model
from ntk_repro.module_functions import linen_functions
from ntk_repro.network import Network


def drawn_network(module: nn.Module, shape: tuple[int, ...], scale: float = 1.0) -> Network:
    """A network at normal parameters (scales of BatchNorm 1), for compiling its initialization takes seconds."""
    rng = np.random.default_rng(3)
    shapes: Any = jax.eval_shape(module.init, jax.random.key(0), np.zeros((1, *shape), np.float32))

    def draw(path, leaf):
        if path[-1].key in ("scale", "var"):
            return np.ones(leaf.shape, leaf.dtype)
        return scale * rng.normal(size=leaf.shape).astype(leaf.dtype)

    state = jax.tree_util.tree_map_with_path(draw, dict(shapes))
    apply_fn, training_fn = linen_functions(module)
    return Network(state.pop("params"), state, apply_fn, training_fn, module)


def same_parameters(net: Network, shape: tuple[int, ...], layers: list[str], **twin_kw: Any) -> tuple[Any, Any]:
    """The twin's apply_fn and its parameters with the network's values.

    `layers` ("group/conv") name the network's layers in the order of the twin's.
    """
    ours = []
    for layer in layers:
        parameters: Any = net.params
        for name in layer.split("/"):
            parameters = parameters[name]
        ours += [parameters[name] for name in ("kernel", "bias") if name in parameters]
    module: Any = net.module
    init_fn, apply_fn, _ = module.stax_twin(**twin_kw)
    shapes = jax.eval_shape(lambda key: init_fn(key, (1, *shape))[1], jax.random.key(0))
    theirs, structure = jax.tree.flatten(shapes)
    assert len(ours) == len(theirs) == len(jax.tree.leaves(net.params))
    params = jax.tree.unflatten(structure, [a.reshape(b.shape) for a, b in zip(ours, theirs, strict=True)])
    return jax.jit(apply_fn), params


@functools.cache
def fcn(parameterization: str) -> Network:
    """Initialized by one key, so the same function in both parameterizations."""
    settings: dict[str, Any] = {"hidden": 7, "depth": 2, "num_outputs": 2, "sigma_w": 1.3, "sigma_b": 0.4}
    return Network.create("fcn", 3, (3, 2, 1), parameterization=parameterization, **settings)


@functools.cache
def cnn(parameterization: str) -> Network:
    """The same function in both parameterizations."""
    settings: dict[str, Any] = {"channels": 5, "depth": 2, "activation": "tanh", "sigma_w": 1.3, "sigma_b": 0.4}
    net = drawn_network(build_model("cnn", parameterization=parameterization, **settings), (4, 3, 2))
    if parameterization == "ntk":
        return net
    scales = {layer: 1.3 / fan_in**0.5 for layer, fan_in in {"Conv_0": 18, "Conv_1": 45, "readout": 5}.items()}
    return net.replace(
        params={
            layer: {"kernel": scale * net.params[layer]["kernel"], "bias": 0.4 * net.params[layer]["bias"]}
            for layer, scale in scales.items()
        }
    )


@functools.cache
def wide_resnet(parameterization: str, batch_norm: bool = False) -> Network:
    """With parameters of a scale at which activations neither vanish nor saturate."""
    settings: dict[str, Any] = {"channels": 4, "activation": "tanh", "sigma_b": 0.3}
    module = build_model("wide_resnet", batch_norm=batch_norm, parameterization=parameterization, **settings)
    return drawn_network(module, (4, 4, 2), 1.0 if parameterization == "ntk" else 0.3)
