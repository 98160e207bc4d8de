"""Which layers may go by structure: those whose captured gradients are proven to be autodiff's, on two samples."""

import functools
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.gram.capture import Layer, capture_fn
from ntk_repro.gram.probing import LIGHT, evaluated, moved_off
from ntk_repro.network import Network
from ntk_repro.samples import Samples, number_of, take

_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


def agreeing_layers(net: Network, layers: tuple[Layer, ...], x: Samples) -> tuple[Layer, ...]:
    """The layers whose captured gradients are those of autodiff; all others go by autodiff.

    A layer fails, with a warning, where its gradient is another one. One without any gradient proves nothing and is
    left out silently. All outputs take part, in a random combination, and the parameters are moved off their point by
    noise: how weights are used does not depend on where they are, and parameters that block gradients at
    initialization (a scale of 0, dead units) would hide it.

    Args:
        net: the network.
        layers: from `find_layers`.
        x: two samples, or one.
    """
    if not layers:
        return layers
    found = evaluated(_probe_fn(net.apply_fn, layers), moved_off(net.params, 0.5), net.state, x)
    kept = []
    for layer, captured, autodiff in zip(layers, *found, strict=True):
        scale = np.abs(autodiff).max()
        if not np.isfinite(scale) or scale == 0:
            continue
        if np.abs(captured - autodiff).max() <= _TOLERANCE[autodiff.dtype] * scale:
            kept.append(layer)
        else:
            message = f"the weights of layer {layer.name} have another gradient than recognised"
            warnings.warn(f"{message}: it is computed by autodiff, which is exact but slower", stacklevel=5)
    return tuple(kept)


@functools.lru_cache(maxsize=16)
def _probe_fn(apply_fn: Callable, layers: tuple[Layer, ...]) -> Callable:
    def combined(params, state, x):
        """A random combination of the outputs as the one output."""
        fx = apply_fn(params, state, x)
        return fx @ np.random.default_rng(1).standard_normal((fx.shape[1], 1)).astype(fx.dtype)

    def probe(params, state, x):
        captured = capture_fn(combined, layers, 0)(params, state, x)
        by_capture = [layer.gradient(captured.inputs[layer.path], captured.cotangents[layer.path]) for layer in layers]
        per_sample = jax.vmap(jax.grad(lambda p, x: combined(p, state, take(x, None))[0, 0]), in_axes=(None, 0))(
            params, x
        )
        leaves = jax.tree.leaves(per_sample)
        by_autodiff = []
        for layer in layers:
            parts = [jax.vmap(layer.matrix)(leaves[layer.kernel])]
            if layer.bias is not None:
                parts.append(leaves[layer.bias])
            by_autodiff.append(jnp.concatenate([part.reshape(number_of(x), 1, -1) for part in parts], axis=-1))
        return by_capture, by_autodiff

    return jax.jit(probe, compiler_options=LIGHT)
