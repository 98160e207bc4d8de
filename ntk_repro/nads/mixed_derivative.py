"""The mixed second derivative of a network, with respect to inputs and parameters, applied to directions of the input.

M = d^2 f / dx dtheta has p rows and d columns: of ResNet18, 11 million by 1,024. It is never formed. What is computed
is M v for blocks of directions v, in coordinates that keep inner products.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.gram.capture import Layer, capture_fn, find_layers
from ntk_repro.gram.structured.agreement import agreeing_layers
from ntk_repro.network import Network

PyTree = Any

_BLOCK, _LARGE, _LARGE_BLOCK = 64, 10**6, 16  # directions at a time; fewer for networks with more parameters
_SAMPLES_IN_PASS = 1024  # samples times directions that go through the network together
_NEGLIGIBLE = 8  # singular values below so many rounding errors of the largest are rounding


@dataclasses.dataclass(frozen=True)
class MixedDerivative:
    """v -> M v, for blocks of directions.

    Attributes:
        coordinates: how many numbers describe M v.
        block: directions that go through the network together; the last block of a call is padded.
        function: (block, *input) -> (block, coordinates), on the device.
    """

    coordinates: int
    block: int
    function: Callable[[Array], Array]

    def __call__(self, directions: Float[np.ndarray, "b *input"]) -> Float[np.ndarray, "b coordinates"]:
        """M v of each direction, in coordinates that keep inner products."""
        b = len(directions)
        padded = np.concatenate([directions, np.zeros((-b % self.block, *directions.shape[1:]), directions.dtype)])
        rows = [np.asarray(self.function(jnp.asarray(part))) for part in np.split(padded, len(padded) // self.block)]
        return np.concatenate(rows)[:b]


def averaged_derivative(
    net: Network, x: Float[np.ndarray, "n *input"], output: int, block: int | None = None
) -> MixedDerivative:
    """The mixed derivative averaged over samples; the coordinates are the parameters in the order of their leaves.

    Args:
        net: any network.
        x: n samples.
        output: the number of the output f.
        block: the largest number of directions that go through the network together.
    """
    largest = _LARGE_BLOCK if net.num_params > _LARGE else _BLOCK
    block = largest if block is None else min(block, largest)
    size = max(1, min(len(x), _SAMPLES_IN_PASS // block))
    function = _averaged_fn(net.apply_fn, output)
    # Samples of weight 0 fill the last pass, so that one compiled function serves all.
    weights = np.concatenate([np.full(len(x), 1 / len(x), x.dtype), np.zeros(-len(x) % size, x.dtype)])
    x = np.concatenate([x, np.zeros((-len(x) % size, *x.shape[1:]), x.dtype)])
    passes = range(0, len(x), size)

    def mean(v: Array) -> Array:
        parts = (function(net.params, net.state, x[s : s + size], weights[s : s + size], v) for s in passes)
        return functools.reduce(jnp.add, parts)

    return MixedDerivative(net.num_params, block, mean)


@functools.lru_cache(maxsize=16)
def _averaged_fn(apply_fn: Callable, output: int) -> Callable:
    @jax.jit
    def averaged(params, state, x, weights, v):
        def gradient(x):
            return jax.grad(lambda params: jnp.vdot(weights, apply_fn(params, state, x)[:, output]))(params)

        def along(direction):
            moved = jax.jvp(gradient, (x,), (jnp.broadcast_to(direction, x.shape),))[1]
            return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(moved)])

        return jax.vmap(along)(v)

    return averaged


def derivative_at(net: Network, x: Float[np.ndarray, "*input"], output: int) -> MixedDerivative:
    """The mixed derivative at one sample, in few coordinates.

    The gradient of a layer's weights is A^T D, with its inputs A and output cotangents D at its S positions, so that
    along a direction it changes by A'^T D + A^T D'. With orthonormal bases W of the rows of A and V of the rows of D,
    and D = L V^T, this is

        (I - W W^T) A'^T L V^T  +  W (W^T A'^T D + W^T A^T D').

    Its two terms are orthogonal, and neither W nor V depends on the direction: (I - W W^T) A'^T L and the second
    bracket are d_in rank(D) + rank(A) d_out coordinates in place of d_in d_out. Late layers have few positions, and at
    the origin A is 0 where nothing adds a constant: of the 11.2 million of ResNet18 1.4 million are left. A layer for
    which this saves nothing keeps its weights as coordinates, and so do parameters outside such layers.

    Args:
        net: any network.
        x: the sample.
        output: the number of the output f.
    """
    probe = np.random.default_rng(0).standard_normal((2, *x.shape)).astype(x.dtype)
    layers = agreeing_layers(net, find_layers(net, probe), probe)
    captured = capture_fn(net.apply_fn, layers, output)(net.params, net.state, jnp.asarray(x[None]))
    frames = []
    for layer in layers:
        inputs = np.asarray(layer.input_rows(captured.inputs[layer.path]))[0]
        cotangents = np.concatenate([np.asarray(d).reshape(-1, layer.d_out) for d in captured.cotangents[layer.path]])
        frames.append(_frame(layer, inputs, cotangents))
    function = _tangents_fn(net.apply_fn, layers, output)
    others = net.num_params - sum(layer.num_params for layer in layers)
    block = _LARGE_BLOCK if net.num_params > _LARGE else _BLOCK
    here = jnp.asarray(x)
    return MixedDerivative(
        others + sum(frame.coordinates for frame in frames),
        block,
        lambda v: function(net.params, net.state, here, frames, v),
    )


@dataclasses.dataclass(frozen=True)
class _Frame:
    """A and D of one layer at one sample and, where they save coordinates, the bases of their rows.

    Attributes:
        inputs: A, with a column of ones where there is a bias.
        cotangents: D.
        rows: W, or None where the weights themselves are the coordinates.
        factor: L.
    """

    inputs: Float[Array | np.ndarray, "S d_in"]
    cotangents: Float[Array | np.ndarray, "S d_out"]
    rows: Float[Array | np.ndarray, "d_in q"] | None
    factor: Float[Array | np.ndarray, "S r"] | None

    @property
    def coordinates(self) -> int:
        d_in, d_out = self.inputs.shape[1], self.cotangents.shape[1]
        if self.rows is None or self.factor is None:
            return d_in * d_out
        return d_in * self.factor.shape[1] + self.rows.shape[1] * d_out


jax.tree_util.register_dataclass(_Frame, ["inputs", "cotangents", "rows", "factor"], [])


def _frame(layer: Layer, inputs: np.ndarray, cotangents: np.ndarray) -> _Frame:
    if layer.use_bias:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1), inputs.dtype)], axis=1)
    dense = _Frame(inputs, cotangents, None, None)
    rows = _range(inputs.T)
    left, scale, _ = np.linalg.svd(cotangents.astype(np.float64), full_matrices=False)
    rank = _rank(scale, cotangents.dtype)
    factor = (left[:, :rank] * scale[:rank]).astype(cotangents.dtype)
    small = _Frame(inputs, cotangents, rows, factor)
    return small if small.coordinates < dense.coordinates else dense


def _range(a: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m rank"]:
    left, scale, _ = np.linalg.svd(a.astype(np.float64), full_matrices=False)
    return left[:, : _rank(scale, a.dtype)].astype(a.dtype)


def _rank(scale: np.ndarray, dtype: np.dtype) -> int:
    return int(np.sum(scale > _NEGLIGIBLE * np.finfo(dtype).eps * scale[0])) if scale.size and scale[0] > 0 else 0


@functools.lru_cache(maxsize=16)
def _tangents_fn(apply_fn: Callable, layers: tuple[Layer, ...], output: int) -> Callable:
    capture = capture_fn(apply_fn, layers, output)

    @jax.jit
    def tangents(params, state, x, frames, v):
        def along(direction):
            at = lambda x: capture(params, state, x[None])  # noqa: E731
            return jax.jvp(at, (x,), (direction,))[1]

        moved = jax.vmap(along)(v)
        parts = [moved.others.reshape(len(v), -1)]
        for layer, frame in zip(layers, frames, strict=True):
            # The axis of directions takes the place of that of the one sample.
            inputs = layer.input_rows([a[:, 0] for a in moved.inputs[layer.path]])
            if layer.use_bias:
                inputs = jnp.pad(inputs, [(0, 0), (0, 0), (0, 1)])
            cotangents = [d.reshape(len(v), -1, layer.d_out) for d in moved.cotangents[layer.path]]
            parts += _coordinates(frame, inputs, jnp.concatenate(cotangents, axis=1))
        return jnp.concatenate([part.reshape(len(v), -1) for part in parts], axis=1)

    return tangents


def _coordinates(frame: _Frame, inputs: Float[Array, "b S i"], cotangents: Float[Array, "b S o"]) -> list[Array]:
    if frame.rows is None or frame.factor is None:
        change = jnp.einsum("bsi,so->bio", inputs, frame.cotangents)
        return [change + jnp.einsum("si,bso->bio", frame.inputs, cotangents)]
    first = jnp.einsum("bsi,sr->bir", inputs, frame.factor)
    first -= jnp.einsum("iq,bqr->bir", frame.rows, jnp.einsum("iq,bir->bqr", frame.rows, first))
    second = jnp.einsum("bsq,so->bqo", jnp.einsum("bsi,iq->bsq", inputs, frame.rows), frame.cotangents)
    return [first, second + jnp.einsum("sq,bso->bqo", frame.inputs @ frame.rows, cotangents)]
