"""Which layers may go by structure: those whose captured gradients are autodiff's, on two samples of the data."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.gram.features import gradient
from ntk_repro.gram.layers import Layer, capture_fn
from ntk_repro.network import Network

__all__ = ["NOT_FINITE", "agreeing_layers"]

NOT_FINITE = "the kernel is not finite: the network overflows on these inputs, or its parameters are broken"


def agreeing_layers(net: Network, layers: tuple[Layer, ...], x: np.ndarray) -> tuple[Layer, ...]:
    """The layers whose captured gradients are those of autodiff; the others, named in a warning, go by autodiff.

    A layer fails whose weights are used in another way as well than by calling it (tied weights).
    """
    if not layers:
        return layers
    try:
        structured, dense = jax.device_get(_probe_fn(net.apply_fn, layers)(net.params, net.state, x))
    except jax.errors.UnexpectedTracerError:
        # Some layer is inside a lifted transform and cannot hand out its inputs: find those that can.
        return tuple(one for layer in layers for one in agreeing_layers(net, (layer,), x)) if len(layers) > 1 else ()
    tolerance = 1e-9 if structured[0].dtype == np.float64 else 1e-3
    kept = []
    for layer, ours, autodiff in zip(layers, structured, dense, strict=True):
        if not np.isfinite(autodiff).all():
            raise UserError(NOT_FINITE)
        if np.abs(ours - autodiff).max() <= tolerance * np.abs(autodiff).max():
            kept.append(layer)
        else:
            warnings.warn(
                f"the weights of layer {'/'.join(layer.path)} are used outside its own call: it goes by autodiff, "
                "which is exact but slower",
                stacklevel=5,
            )
    return tuple(kept)


@functools.lru_cache(maxsize=16)
def _probe_fn(apply_fn: Callable, layers: tuple[Layer, ...]) -> Callable:
    def probe(params, state, x):
        captured = capture_fn(apply_fn, layers, 0)(params, state, x)
        structured = [gradient(layer, captured.inputs[layer.path], captured.cotangents[layer.path]) for layer in layers]
        per_sample = jax.vmap(jax.grad(lambda p, x: apply_fn(p, state, x[None])[0, 0]), in_axes=(None, 0))(params, x)
        dense = []
        for layer in layers:
            own: Any = per_sample
            for name in layer.path:
                own = own[name]
            names = ("kernel", "bias") if layer.use_bias else ("kernel",)
            dense.append(jnp.concatenate([own[name].reshape(len(x), 1, -1) for name in names], axis=-1))
        return structured, dense

    return jax.jit(probe)
