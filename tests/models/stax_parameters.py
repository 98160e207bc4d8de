"""Networks at parameters drawn by NumPy, and their parameters in the shape of their twin by `nt.stax`."""

from typing import Any

import flax.linen as nn
import jax
import numpy as np

from ntk_repro.network import Network, _linen_functions


def drawn_network(module: nn.Module, shape: tuple[int, ...], scale: float = 1.0) -> Network:
    """A network at normal parameters (scales of BatchNorm 1), for compiling its initialization takes seconds."""
    rng = np.random.default_rng(3)
    shapes: Any = jax.eval_shape(module.init, jax.random.key(0), np.zeros((1, *shape), np.float32))

    def draw(path, leaf):
        if path[-1].key in ("scale", "var"):
            return np.ones(leaf.shape, leaf.dtype)
        return scale * rng.normal(size=leaf.shape).astype(leaf.dtype)

    state = jax.tree_util.tree_map_with_path(draw, dict(shapes))
    apply_fn, training_fn = _linen_functions(module)
    return Network(state.pop("params"), state, apply_fn, training_fn, module)


def same_parameters(net: Network, shape: tuple[int, ...], layers: list[str], **twin_kw: Any) -> tuple[Any, Any]:
    """The twin's apply_fn and its parameters with the network's values.

    `layers` ("group/conv") name the network's layers in the order of the twin's.
    """
    ours = []
    for layer in layers:
        own: Any = net.params
        for name in layer.split("/"):
            own = own[name]
        ours += [own[name] for name in ("kernel", "bias") if name in own]
    module: Any = net.module
    init_fn, apply_fn, _ = module.stax_twin(**twin_kw)
    shapes = jax.eval_shape(lambda key: init_fn(key, (1, *shape))[1], jax.random.key(0))
    theirs, structure = jax.tree.flatten(shapes)
    assert len(ours) == len(theirs) == len(jax.tree.leaves(net.params))
    params = jax.tree.unflatten(structure, [a.reshape(b.shape) for a, b in zip(ours, theirs, strict=True)])
    return jax.jit(apply_fn), params
