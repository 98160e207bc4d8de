"""Convolutions with their gradients on a CPU: XLA's against products with a banded matrix, by tile."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from benchmarks.stopwatch import gemm_peak, seconds
from ntk_repro.banded_convolution import banded_convolution, tile_for
from ntk_repro.freed_memory import keep_freed_memory

# Images, their side, channels in and out, side of the kernel, padding, and whether the images need a gradient.
SHAPES = {
    "LeNet, first layer": (128, 32, 3, 6, 5, 2, False),
    "LeNet, second": (128, 16, 6, 16, 5, 2, True),
    "LeNet-5, first": (32, 32, 1, 6, 5, 0, False),
    "LeNet-5, second": (32, 14, 6, 16, 5, 0, True),
    "LeNet-5 x5, first": (32, 32, 1, 30, 5, 0, False),
    "LeNet-5 x5, second": (32, 14, 30, 80, 5, 0, True),
    "LeNet-5 x25, second": (32, 14, 150, 400, 5, 0, True),
    "5 x 5, 16 to 16 channels": (128, 32, 16, 16, 5, 2, True),
    "7 x 7, 3 to 16 channels": (32, 32, 3, 16, 7, 3, False),
    "ResNet18 at 1/8 width, first": (32, 28, 1, 8, 3, 1, False),
    "ResNet18 at 1/8 width, second": (32, 28, 8, 8, 3, 1, True),
    "ResNet18 at 1/8 width, stage 2": (32, 14, 16, 16, 3, 1, True),
    "3 x 3, 3 to 64 channels": (32, 32, 3, 64, 3, 1, False),
}
TILES = (1, 2, 4, 8)


def run(shapes: tuple[str, ...] = tuple(SHAPES), repeats: int = 20) -> dict[str, Any]:
    """Milliseconds of a forward and a backward pass, the shortest of `repeats`; the chosen tile, and its gain."""
    keep_freed_memory()
    found: dict[str, Any] = {"gemm_peak": gemm_peak(), "shapes": {}}
    for name in shapes:
        n, side, c_in, c_out, k, pad, inner = SHAPES[name]
        rng = np.random.default_rng(0)
        images, kernel = (n, side, side, c_in), (k, k, c_in, c_out)
        a, w = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in (images, kernel))
        padding = ((pad, pad), (pad, pad))
        passes = {"xla": _passes(lambda a, w, padding=padding: _xla(a, w, padding), inner)}
        for tile in TILES:
            passes[str(tile)] = _passes(lambda a, w, p=padding, t=tile: banded_convolution(a, w, p, t), inner)
        row: dict[str, Any] = {kind: 1e3 * seconds(functools.partial(f, a, w), repeats) for kind, f in passes.items()}
        chosen = tile_for(images, kernel)
        row |= {"chosen": chosen, "gain": 1.0 if chosen is None else row["xla"] / row[str(chosen)]}
        found["shapes"][name] = row
        times = ", ".join(f"{kind} {row[kind]:.2f}" for kind in passes)
        print(f"{name}: {times}; chosen {chosen or 'xla'}, {row['gain']:.2f} times as fast as XLA", flush=True)
    return found


def _xla(a: Array, w: Array, padding: Any) -> Array:
    return jax.lax.conv_general_dilated(a, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _passes(convolution: Callable[[Array, Array], Array], inner: bool) -> Callable[[Array, Array], Any]:
    """The outputs, and the gradients of half the sum of their squares."""

    def loss(a, w):
        y = convolution(a, w)
        return jnp.sum(y**2) / 2, y

    return jax.jit(jax.grad(loss, argnums=(0, 1) if inner else 1, has_aux=True))
