"""The quadratic part of a kernel: the products of two sets of features, as matrix products.

Products over positions are laid out as (S, n1, T, n2): the samples innermost, so that what is done entry by entry
(products, sums over positions, shifts) runs over contiguous memory.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.capture import Convolution, Form, Layer
from ntk_repro.gram.structured.features import Features, Plan

# Rows of so many numbers XLA multiplies on a CPU at two thirds of its speed, piece by piece at all of it (measured).
_LONG, _PIECE = 2**18, 2**14


def kernel_tile(plan: Plan, one: Features, two: Features) -> Float[Array, "rows columns"]:
    """The kernel between two sets of features.

    Returns:
        (n1, n2), summed over the c cotangents; with `plan.blocks` (n1 c, n2 c), sample-major.
    """
    # One compiled program for all small products and one for each large: within one program XLA runs them side by
    # side, and on a CPU they take the cache from each other (ResNet18's tiles took twice as long).
    k = None
    for (pairs, part), (_, other) in zip(_parts(plan, one), _parts(plan, two), strict=True):
        k = _products(pairs, plan.blocks, k, part, other)
    assert k is not None
    return k


def _parts(plan: Plan, features: Features) -> Iterator[tuple[tuple[tuple[Layer, Form], ...], Features]]:
    """The features that are multiplied together, and of which layers their inputs and cotangents are."""
    kept = [pair for pair in plan.formed if pair[1] != "gradient"]
    rows = list(zip(kept, features.inputs, features.cotangents, strict=True))

    def part(gradients: list[Array], rows: list[Any]) -> tuple[tuple[tuple[Layer, Form], ...], Features]:
        pairs, inputs, cotangents = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
        return tuple(pairs), Features(gradients, inputs, cotangents)

    yield part(features.gradients[:1], [row for row in rows if row[0][0].positions == 1])
    yield from (part([gradient], []) for gradient in features.gradients[1:])
    yield from (part([], [row]) for row in rows if row[0][0].positions > 1)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _products(
    layers: tuple[tuple[Layer, Form], ...], blocks: bool, k: Array | None, one: Features, two: Features
) -> Float[Array, "rows columns"]:
    """Adds the products of some layers to k."""
    for g1, g2 in zip(one.gradients, two.gradients, strict=True):
        (n1, c), n2 = g1.shape[:2], len(g2)
        rows, columns = (n1 * c, n2 * c) if blocks else (n1, n2)
        product = _times(g1.reshape(rows, -1), g2.reshape(columns, -1))
        k = product if k is None else k + product
    assert k is not None
    for (layer, form), a1, a2, d1, d2 in zip(
        layers, one.inputs, two.inputs, one.cotangents, two.cotangents, strict=True
    ):
        (n1, _, s1), (n2, _, s2) = d1.shape[:3], d2.shape[:3]
        aa = _times(_by_positions(a1[:, None]), _by_positions(a2[:, None]))
        if form == "pixels":
            assert isinstance(layer.kind, Convolution)
            aa = aa.reshape(*layer.inputs[0][1:3], n1, *layer.inputs[0][1:3], n2)
            aa = layer.kind.patch_products(aa) + layer.use_bias
        aa = aa.reshape(s1, n1, s2, n2)
        if not blocks:
            # The cotangents of a sample stand side by side, so that their products add up.
            d1, d2 = (jnp.swapaxes(d, 1, 2).reshape(len(d), 1, d.shape[2], -1) for d in (d1, d2))
        dd = _times(_by_positions(d1), _by_positions(d2)).reshape(s1, n1, -1, s2, n2, d2.shape[1])
        k += (aa[:, :, None, :, :, None] * dd).sum((0, 3)).reshape(k.shape)
    return k


def _times(a: Float[Array, "rows d"], b: Float[Array, "columns d"]) -> Float[Array, "rows columns"]:
    length = a.shape[1]
    if jax.default_backend() != "cpu" or length < _LONG:
        return _dot(a, b)

    def add_piece(i: Array, k: Array) -> Array:
        return k + _dot(*(jax.lax.dynamic_slice_in_dim(rows, i * _PIECE, _PIECE, axis=1) for rows in (a, b)))

    whole = length // _PIECE
    return jax.lax.fori_loop(0, whole, add_piece, _dot(a[:, whole * _PIECE :], b[:, whole * _PIECE :]))


def _dot(a: Float[Array, "rows d"], b: Float[Array, "columns d"]) -> Float[Array, "rows columns"]:
    # Features in bfloat16 are summed in float32.
    return jnp.matmul(a, b.T, preferred_element_type=jnp.float32 if a.dtype == jnp.bfloat16 else a.dtype)


def _by_positions(a: Float[Array, "n c S d"]) -> Float[Array, "rows d"]:
    """The rows (S, n, c)."""
    return a.transpose(2, 0, 1, 3).reshape(-1, a.shape[-1])
