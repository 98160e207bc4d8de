"""Which layers may go by structure: those whose captured gradients are proven to be autodiff's, on two samples."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.gram.capture import Layer, capture_fn
from ntk_repro.gram.structured.features import gradient
from ntk_repro.network import Network
from ntk_repro.precision import cast, float64_scope

__all__ = ["agreeing_layers"]

_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


def agreeing_layers(net: Network, layers: tuple[Layer, ...], x: np.ndarray) -> tuple[Layer, ...]:
    """The layers whose captured gradients are those of autodiff; all others go by autodiff.

    A layer fails, with a warning, whose weights are used in another way as well than by calling it (tied weights). One
    without any gradient proves nothing and is left out silently. All outputs take part, in a random combination, and
    the parameters are moved off their point by noise: how weights are used does not depend on where they are, and
    parameters that block gradients at initialization (a scale of 0, dead units) would hide it.

    Args:
        net: the network.
        layers: from `find_layers`.
        x: two samples, or one.
    """
    if not layers:
        return layers
    try:
        structured, dense = _gradients(net, layers, x)
    except jax.errors.UnexpectedTracerError:
        # Some layer is inside a lifted transform and cannot hand out its inputs: find those that can.
        return tuple(one for layer in layers for one in agreeing_layers(net, (layer,), x)) if len(layers) > 1 else ()
    kept = []
    for layer, ours, autodiff in zip(layers, structured, dense, strict=True):
        scale = np.abs(autodiff).max()
        if not np.isfinite(scale) or scale == 0:
            continue
        if np.abs(ours - autodiff).max() <= _TOLERANCE[autodiff.dtype] * scale:
            kept.append(layer)
        else:
            name = "/".join(layer.path) or (type(net.module).__name__ if net.module is not None else "(the only one)")
            reason = (
                "are used outside its own call" if layer.leaves is None else "have another gradient than recognised"
            )
            warnings.warn(
                f"the weights of layer {name} {reason}: it goes by autodiff, which is exact but slower", stacklevel=5
            )
    return tuple(kept)


def _gradients(net: Network, layers: tuple[Layer, ...], x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Gradients of each layer by capture and by autodiff, in float64 where the network can."""
    probe = _probe_fn(net.apply_fn, layers)
    noisy = _with_noise(net.params)
    try:
        with float64_scope():
            inputs = x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else x
            exact = cast((noisy, net.state), np.dtype(np.float64))
            return jax.device_get(probe(*exact, inputs))
    except TypeError:
        # Flax's recurrent cells begin with a float32 state whatever their parameters are.
        return jax.device_get(probe(noisy, net.state, x))


def _with_noise(params: Any) -> Any:
    rng = np.random.default_rng(0)

    def moved(leaf):
        leaf = np.asarray(leaf)
        spread = 0.5 * np.sqrt(np.mean(np.square(leaf, dtype=np.float64))) if leaf.size else 0.0
        return (leaf + (spread or 0.1) * rng.standard_normal(leaf.shape)).astype(leaf.dtype)

    return jax.tree.map(moved, params)


@functools.lru_cache(maxsize=16)
def _probe_fn(apply_fn: Callable, layers: tuple[Layer, ...]) -> Callable:
    def combined(params, state, x):
        """A random combination of the outputs as the one output."""
        fx = apply_fn(params, state, x)
        return fx @ np.random.default_rng(1).standard_normal((fx.shape[1], 1)).astype(fx.dtype)

    def probe(params, state, x):
        captured = capture_fn(combined, layers, 0)(params, state, x)
        structured = [gradient(layer, captured.inputs[layer.path], captured.cotangents[layer.path]) for layer in layers]
        per_sample = jax.vmap(jax.grad(lambda p, x: combined(p, state, x[None])[0, 0]), in_axes=(None, 0))(params, x)
        dense = []
        for layer in layers:
            if layer.leaves is not None:
                leaves = jax.tree.leaves(per_sample)
                parts = [jax.vmap(layer.leaves.matrix)(leaves[layer.leaves.kernel])]
                if layer.leaves.bias is not None:
                    parts.append(leaves[layer.leaves.bias])
                dense.append(jnp.concatenate([part.reshape(len(x), 1, -1) for part in parts], axis=-1))
                continue
            own: Any = per_sample
            for name in layer.path:
                own = own[name]
            names = ("kernel", "bias") if layer.use_bias else ("kernel",)
            dense.append(jnp.concatenate([own[name].reshape(len(x), 1, -1) for name in names], axis=-1))
        return structured, dense

    return jax.jit(probe)
