"""The forms in which a layer's part of the NTK is multiplied out, the choice between them by counting, and what is kept
of a sample for each.

With inputs A_s and cotangents D_s at S positions, the layer's part for two samples n, m is

    < sum_s A_ns D_ns^T, sum_t A_mt D_mt^T >  =  sum_st (A_ns . A_mt) (D_ns . D_mt)

- "gradient": the left side. Per-sample weight gradients as features; d_in d_out multiplications a pair.
- "positions": the right side; S^2 (d_in + d_out) multiplications a pair. For S = 1 the well-known outer product.
- "pixels": the right side of a convolution, where the products of two patches are sums of products of pixels, and every
  product of two pixels is needed once: P^2 c_in + S^2 d_out multiplications a pair, for P pixels of c_in channels.

Biases count as one more input that is always 1.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.capture import Capture, Geometry, Layer

__all__ = ["Features", "Form", "Plan", "features_of", "gradient", "plan_for", "positions_of_inputs"]

Form = Literal["gradient", "positions", "pixels"]

# What one entry of the S x S products costs beside the matrix products, in multiplications (measured on a CPU).
_ELEMENTWISE_COST = {"positions": 32, "pixels": 128}
# Gradients of a layer with more parameters are multiplied by themselves.
_LARGE = 2**15


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a kernel is multiplied out: the form of each layer, and what a pair of samples and a sample cost.

    Attributes:
        layers: the recognised layers.
        forms: the form of each.
        num_cotangents: c, cotangents a sample (1, or the number of outputs).
        blocks: whether the c cotangents give c rows of the kernel ("full") or are summed over.
        p_rest: number of parameters outside the layers.
    """

    layers: tuple[Layer, ...]
    forms: tuple[Form, ...]
    num_cotangents: int
    blocks: bool
    p_rest: int

    @property
    def floats_per_sample(self) -> int:
        """Size of one sample's features."""
        parts = (self.floats(layer, form) for layer, form in zip(self.layers, self.forms, strict=True))
        return self.num_cotangents * self.p_rest + sum(parts)

    def floats(self, layer: Layer, form: Form) -> int:
        """Size of one sample's features of one layer."""
        if form == "gradient":
            return self.num_cotangents * layer.num_params
        cotangents = layer.positions * self.num_cotangents * layer.d_out
        if form == "pixels":
            return math.prod(layer.inputs[0]) + cotangents
        return layer.positions * (layer.d_in + layer.use_bias) + cotangents

    @property
    def floats_per_pass(self) -> int:
        """Size of one sample's inputs, cotangents and patches while its features are made, roughly."""
        total = 0
        for layer in self.layers:
            places = sum(math.prod(a) for a in layer.inputs)
            outputs = layer.positions * layer.d_out * self.num_cotangents
            spread = max(layer.geometry.kernel_size) if layer.geometry else 1
            total += spread * (places + outputs)
        return total + self.floats_per_sample

    @property
    def multiplications_per_pair(self) -> int:
        """Multiply-adds for one entry of the kernel (for one block of entries with `blocks`)."""
        parts = (self.multiplications(layer, form) for layer, form in zip(self.layers, self.forms, strict=True))
        return self._squared * self.p_rest + sum(parts)

    def multiplications(self, layer: Layer, form: Form) -> int:
        """Multiply-adds of one layer for one entry of the kernel."""
        return _multiplications(layer, form, self._squared)

    @property
    def _squared(self) -> int:
        return self.num_cotangents**2 if self.blocks else self.num_cotangents


def plan_for(layers: Sequence[Layer], num_cotangents: int, blocks: bool, p_rest: int) -> Plan:
    """The plan in which every layer has its cheapest form."""
    squared = num_cotangents**2 if blocks else num_cotangents

    def cost(layer: Layer, form: Form) -> int:
        elementwise = 0 if form == "gradient" or layer.positions == 1 else layer.positions**2 * _ELEMENTWISE_COST[form]
        return _multiplications(layer, form, squared) + elementwise

    forms: list[Form] = [min(_possible(layer), key=functools.partial(cost, layer)) for layer in layers]
    return Plan(tuple(layers), tuple(forms), num_cotangents, blocks, p_rest)


def _possible(layer: Layer) -> tuple[Form, ...]:
    geometry = layer.geometry
    # Both images of a pair must be the same ones.
    if geometry is not None and geometry.is_plain and len(layer.inputs) == 1 and layer.inputs[0][0] == 1:
        return ("gradient", "positions", "pixels")
    return ("gradient", "positions")


def _multiplications(layer: Layer, form: Form, squared: int) -> int:
    if form == "gradient":
        return squared * layer.num_params
    if form == "pixels":
        *space, channels = layer.inputs[0]
        return math.prod(space) ** 2 * channels + squared * layer.positions**2 * layer.d_out
    return layer.positions**2 * (layer.d_in + layer.use_bias + squared * layer.d_out)


@dataclasses.dataclass(frozen=True)
class Features:
    """What is kept of n samples, each with c cotangents.

    Attributes:
        gradients: (n, c, p) each, the gradients of all layers in gradient form and of all other parameters, small ones
            joined to few arrays.
        inputs: for each other layer, in positions form (n, S, d_in) with a column of ones for a bias, in pixels form
            (n, P, c_in).
        cotangents: for each of these layers (n, c, S, d_out).
    """

    gradients: list[Float[Array, "n c p"]]
    inputs: list[Float[Array, "n S d_in"]]
    cotangents: list[Float[Array, "n c S d_out"]]


jax.tree_util.register_dataclass(Features, ["gradients", "inputs", "cotangents"], [])


def features_of(capture: Capture, plan: Plan) -> Features:
    """The features of a batch; traceable, so that it compiles into one function with the pass itself."""
    gradients, inputs, cotangents = [capture.rest], [], []
    for layer, form in zip(plan.layers, plan.forms, strict=True):
        a, d = capture.inputs[layer.path], capture.cotangents[layer.path]
        if form == "gradient":
            gradients.append(gradient(layer, a, d, ordered=False))
            continue
        if form == "pixels":
            inputs.append(a[0].reshape(len(a[0]), -1, a[0].shape[-1]))
        else:
            inputs.append(_with_ones(positions_of_inputs(layer, a), layer.use_bias))
        cotangents.append(_positions_of_cotangents(d))
    return Features(_joined(gradients), inputs, cotangents)


def _joined(gradients: list[Float[Array, "n c p"]]) -> list[Float[Array, "n c p"]]:
    """Few arrays: a matrix product for each small layer would cost time, a copy of each large one memory."""
    small = [g for g in gradients if g.shape[-1] <= _LARGE]
    joined = [jnp.concatenate(small, axis=-1)] if small else []
    return joined + [g for g in gradients if g.shape[-1] > _LARGE]


def gradient(layer: Layer, inputs: list[Array], cotangents: list[Array], ordered: bool = True) -> Float[Array, "n c p"]:
    """Per-sample gradients of a layer's kernel and bias, flat, the kernel first; summed over calls.

    Without `ordered` the entries of the kernel come in the order that costs least, the same for all samples.
    """
    n, c = cotangents[0].shape[:2]
    if layer.geometry is not None and layer.geometry.is_plain:
        kernel = sum(_shifted_gradient(layer.geometry, a, d) for a, d in zip(inputs, cotangents, strict=True))
        # A kernel is the same in any order of the parameters; this one would cost a copy.
        kernel = jnp.transpose(kernel, (0, 1, 4, 2, 3, 5)) if ordered else kernel
    else:
        a, d = positions_of_inputs(layer, inputs), _positions_of_cotangents(cotangents)
        kernel = jnp.einsum("nsi,ncso->ncio", a, d)
    kernel = jnp.reshape(kernel, (n, c, -1))
    if not layer.use_bias:
        return kernel
    bias = sum(jnp.sum(d, axis=tuple(range(2, d.ndim - 1))) for d in cotangents)
    return jnp.concatenate([kernel, bias], axis=-1)


def _shifted_gradient(
    geometry: Geometry, a: Float[Array, "n m y x i"], d: Float[Array, "n c m v u o"]
) -> Float[Array, "n c l i k o"]:
    """Weight gradients of a convolution without strides or dilations.

    Half of the kernel's offsets is put on each factor: the inputs are stacked over the column offsets l, the cotangents
    over the row offsets k, so that one matrix product a sample does it with k + l copies of the data instead of k l.
    """
    (rows, columns), (height, width) = geometry.kernel_size, d.shape[3:5]
    n, c, m = d.shape[:3]
    a = _padded(geometry, a)
    stacked_a = jnp.concatenate([a[:, :, :, shift : shift + width] for shift in range(columns)], axis=-1)
    row_pads = [[(0, 0)] * 3 + [(shift, rows - 1 - shift), (0, 0), (0, 0)] for shift in range(rows)]
    stacked_d = jnp.concatenate([jnp.pad(d, pads) for pads in row_pads], axis=-1)
    places = m * (height + rows - 1) * width
    product = jnp.einsum(
        "nsi,ncso->ncio",
        stacked_a.reshape(n, places, columns * a.shape[-1]),
        stacked_d.reshape(n, c, places, rows * d.shape[-1]),
    )
    return product.reshape(n, c, columns, a.shape[-1], rows, d.shape[-1])


def _padded(geometry: Geometry, a: Float[Array, "n m *space i"]) -> Array:
    # lax.pad takes what jnp.pad does not: negative padding and input dilation.
    holes = [0, 0, *(d - 1 for d in geometry.input_dilation), 0]
    pads = [(0, 0), (0, 0), *geometry.padding, (0, 0)]
    config = [(lo, hi, hole) for (lo, hi), hole in zip(pads, holes, strict=True)]
    return jax.lax.pad(a, jnp.zeros((), a.dtype), config)


def positions_of_inputs(layer: Layer, inputs: list[Array]) -> Float[Array, "n S d_in"]:
    """What the weights of a layer meet at each of its positions, over all calls: patches of a convolution."""
    flat = []
    for a, out in zip(inputs, layer.outputs, strict=True):
        patches = a if layer.geometry is None else _patches(layer.geometry, a, out[1:-1])
        flat.append(patches.reshape(len(a), -1, layer.d_in))
    return jnp.concatenate(flat, axis=1)


def _patches(geometry: Geometry, a: Float[Array, "n m *space i"], size: tuple[int, ...]) -> Array:
    """The inputs that each output position meets, in the order of the kernel's axes: (n, m, *size, d_in)."""
    a = _padded(geometry, a)
    slices = []
    for offset in itertools.product(*map(range, geometry.kernel_size)):
        starts = [o * d for o, d in zip(offset, geometry.kernel_dilation, strict=True)]
        window = [
            slice(start, start + (count - 1) * stride + 1, stride)
            for start, count, stride in zip(starts, size, geometry.strides, strict=True)
        ]
        slices.append(a[(slice(None), slice(None), *window)])
    return jnp.concatenate(slices, axis=-1)


def _positions_of_cotangents(cotangents: list[Array]) -> Float[Array, "n c S d_out"]:
    return jnp.concatenate([d.reshape(*d.shape[:2], -1, d.shape[-1]) for d in cotangents], axis=2)


def _with_ones(a: Float[Array, "n S d"], use_bias: bool) -> Array:
    return jnp.concatenate([a, jnp.ones((*a.shape[:2], 1), a.dtype)], axis=-1) if use_bias else a
