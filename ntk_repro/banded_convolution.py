"""Convolutions of few channels on a CPU, as matrix products with a banded matrix.

A tile of t neighbouring outputs in a row is a linear function of the rows x (t + columns - 1) inputs that its kernel
meets. One matrix, the kernel's copies shifted along a band, serves all tiles of all images. Many of its
entries are 0, but a large product runs near the machine's peak, where XLA's convolution of three channels runs at a
tenth of it. Made of pads, copies and one product, it has all derivatives of JAX.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.program import Program, Step

_REWRITTEN = "_with_banded_convolutions"  # the attribute of a function that holds the rewritten one
_Padding = Sequence[tuple[int, int]]

# Measured: forward pass and gradients of 30 shapes on two AVX2 cores (`python -m benchmarks convolutions`).
_FEW = 4  # channels, of which XLA's convolution is slow with any kernel
_LARGE = 25  # offsets of a kernel from which it is slow with more channels, too
_STRIPS = 20_000  # of their numbers a column of the matrix: what its multiplications hide of the time to write them
_GROWTH = 16  # numbers of the strips for each output: what they may take of memory


def tile_for(images: tuple[int, ...], kernel: tuple[int, ...]) -> int | None:
    """How many neighbouring outputs are computed together; None where XLA's convolution is faster.

    Args:
        images: their shape, (n, height, width, channels).
        kernel: its shape, (rows, columns, channels, outputs).
    """
    rows, columns, c_in, c_out = kernel
    large = rows * columns >= _LARGE
    tile = 4 if c_out < 16 else 2 if large else 1
    met = rows * (tile + columns - 1) * c_in  # numbers of the images that a tile meets
    strips = math.prod(images[:3]) * met // tile
    gains = c_in <= _FEW or (large and strips <= _STRIPS * tile * c_out)
    gains = gains and min(rows, columns) > 1 and met <= _GROWTH * tile * c_out
    return tile if gains and jax.default_backend() == "cpu" else None


def banded_convolution(
    images: Float[Array, "n height width i"], kernel: Float[Array, "rows columns i o"], padding: _Padding, tile: int
) -> Float[Array, "n tall wide o"]:
    """The convolution (without strides or dilations) of images with a kernel.

    Args:
        images: the inputs.
        kernel: the weights.
        padding: pixels added (or, below 0, cut off) before and after each of the two axes.
        tile: neighbouring outputs of a row that are computed together; the last tile may stand out.
    """
    rows, columns, c_in, c_out = kernel.shape
    (n, height, width, _), ((above, below), (left, right)) = images.shape, padding
    tall, wide = height + above + below - rows + 1, width + left + right - columns + 1
    tiles = -(-wide // tile)
    met = tile + columns - 1  # columns of inputs that a tile meets
    pads = [(0, 0, 0), (above, below, 0), (left, right + tiles * tile - wide, 0), (0, 0, 0)]
    padded = jax.lax.pad(images, jnp.zeros((), images.dtype), pads)
    starts = range(0, tiles * tile, tile)
    pieces = jnp.stack([padded[:, :, s : s + met].reshape(n, -1, met * c_in) for s in starts], axis=2)
    strips = jnp.concatenate([pieces[:, k : k + tall] for k in range(rows)], axis=-1)
    # Which of its inputs an output of a tile meets at each offset of the kernel.
    meets = np.arange(met)[:, None] == np.arange(tile) + np.arange(columns)[:, None, None]
    band = jnp.einsum("lxu,klio->kxiuo", meets.astype(kernel.dtype), kernel)
    y = strips @ band.reshape(rows * met * c_in, tile * c_out)
    return y.reshape(n, tall, tiles * tile, c_out)[:, :, :wide]


def with_banded_convolutions(fn: Callable) -> Callable:
    """The same function, in which convolutions that are faster so on a CPU go by `banded_convolution`.

    The same object for the same function, so that JAX compiles it once. Convolutions inside loops, branches and
    functions with derivatives of their own stay what they are, and all of a function that rematerializes.
    """
    if jax.default_backend() != "cpu":
        return fn
    rewritten = getattr(fn, _REWRITTEN, None)
    if rewritten is None:
        rewritten = _rewritten(fn)
        with contextlib.suppress(AttributeError):  # kept where the function can keep it, for as long as it lives
            setattr(fn, _REWRITTEN, rewritten)
    return rewritten


def _rewritten(fn: Callable) -> Callable:
    def rewritten(*args: Any) -> Any:
        structure: Any = None

        def flat(*args: Any) -> list[Any]:
            nonlocal structure
            leaves, structure = jax.tree.flatten(fn(*args))
            return leaves

        program = Program.of(flat, *args)
        changes = {step.outputs[0]: change for step in program.steps if (change := _change(program, step))}
        if not changes or program.rematerializes:
            return fn(*args)
        return jax.tree.unflatten(structure, program.run(jax.tree.leaves(args), changes))

    return rewritten


def _change(program: Program, step: Step) -> Callable[..., Array] | None:
    """How a step is computed otherwise, as `Program.run` takes it; None for one that is left as it is."""
    settings = step.params
    if step.name != "conv_general_dilated" or len(program.shape(step.outputs[0])) != 4:
        return None
    if 0 in program.shape(step.outputs[0]) or len({program.avals[n].dtype for n in (*step.inputs, *step.outputs)}) > 1:
        return None
    steady = {*settings["window_strides"], *settings["lhs_dilation"], *settings["rhs_dilation"]}
    if steady | {settings["feature_group_count"], settings["batch_group_count"]} != {1}:
        return None
    numbers = settings["dimension_numbers"]
    as_images, as_output = ((spec[0], *spec[2:], spec[1]) for spec in (numbers.lhs_spec, numbers.out_spec))
    as_kernel = (*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0])
    images, kernel = step.inputs

    def shape(number: int, order: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(program.shape(number)[axis] for axis in order)

    tile = tile_for(shape(images, as_images), shape(kernel, as_kernel))
    if tile is None:
        return None

    def change(read: Callable[[int], Array], evaluate: Callable[[], Array]) -> Array:
        operands = read(images).transpose(as_images), read(kernel).transpose(as_kernel)
        y = banded_convolution(*operands, settings["padding"], tile)
        return y.transpose([as_output.index(axis) for axis in range(4)])

    return change
