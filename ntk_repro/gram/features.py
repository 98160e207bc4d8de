"""The forms in which a layer's part of the NTK is multiplied out, and the choice between them by counting.

With inputs A_s and cotangents D_s at S positions, the layer's part for two samples n, m is

    < sum_s A_ns D_ns^T, sum_t A_mt D_mt^T >  =  sum_st (A_ns . A_mt) (D_ns . D_mt)

- "gradient": the left side. Per-sample weight gradients as features; d_in d_out multiplications a pair.
- "positions": the right side; S^2 (d_in + d_out) multiplications a pair. For S = 1 the well-known outer product.

Biases count as one more input that is always 1.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.layers import Capture, Geometry, Layer

__all__ = ["Features", "Plan", "features_of", "gradient", "kernel_tile", "plan_for"]

Form = Literal["gradient", "positions"]

# The elementwise products of the positions form run at a fraction of the speed of a matrix product.
_ELEMENTWISE_COST = 16


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
        total = self.num_cotangents * self.p_rest
        for layer, form in zip(self.layers, self.forms, strict=True):
            if form == "gradient":
                total += self.num_cotangents * layer.num_params
            else:
                total += layer.positions * (layer.d_in + layer.use_bias + self.num_cotangents * layer.d_out)
        return total

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
        squared = self.num_cotangents**2 if self.blocks else self.num_cotangents
        total = squared * self.p_rest
        for layer, form in zip(self.layers, self.forms, strict=True):
            total += _multiplications(layer, form, squared)
        return total


def plan_for(layers: Sequence[Layer], num_cotangents: int, blocks: bool, p_rest: int) -> Plan:
    """The plan in which every layer has its cheaper form."""
    squared = num_cotangents**2 if blocks else num_cotangents

    def cost(layer: Layer, form: Form) -> int:
        elementwise = layer.positions**2 * _ELEMENTWISE_COST if form == "positions" and layer.positions > 1 else 0
        return _multiplications(layer, form, squared) + elementwise

    forms: list[Form] = [
        "gradient" if cost(layer, "gradient") < cost(layer, "positions") else "positions" for layer in layers
    ]
    return Plan(tuple(layers), tuple(forms), num_cotangents, blocks, p_rest)


def _multiplications(layer: Layer, form: Form, squared: int) -> int:
    if form == "gradient":
        return squared * layer.num_params
    return layer.positions**2 * (layer.d_in + layer.use_bias + squared * layer.d_out)


@dataclasses.dataclass(frozen=True)
class Features:
    """What is kept of n samples, each with c cotangents.

    Attributes:
        gradients: (n, c, P), the gradients of all layers in gradient form and of all other parameters.
        inputs: for each layer in positions form (n, S, d_in), with a column of ones for a bias.
        cotangents: for each layer in positions form (n, c, S, d_out).
    """

    gradients: Float[Array, "n c P"]
    inputs: list[Float[Array, "n S d_in"]]
    cotangents: list[Float[Array, "n c S d_out"]]


jax.tree_util.register_dataclass(Features, ["gradients", "inputs", "cotangents"], [])


def features_of(capture: Capture, plan: Plan) -> Features:
    """The features of a batch; traceable, so that it compiles into one function with the pass itself."""
    gradients, inputs, cotangents = [capture.rest], [], []
    for layer, form in zip(plan.layers, plan.forms, strict=True):
        a, d = capture.inputs[layer.path], capture.cotangents[layer.path]
        if form == "gradient":
            gradients.append(gradient(layer, a, d))
        else:
            inputs.append(_with_ones(_positions_of_inputs(layer, a), layer.use_bias))
            cotangents.append(_positions_of_cotangents(d))
    return Features(jnp.concatenate(gradients, axis=-1), inputs, cotangents)


def gradient(layer: Layer, inputs: list[Array], cotangents: list[Array]) -> Float[Array, "n c p"]:
    """Per-sample gradients of a layer's kernel and bias, flat, the kernel first; summed over calls."""
    n, c = cotangents[0].shape[:2]
    if layer.geometry is not None and layer.geometry.is_plain:
        kernel = sum(_shifted_gradient(layer.geometry, a, d) for a, d in zip(inputs, cotangents, strict=True))
    else:
        a, d = _positions_of_inputs(layer, inputs), _positions_of_cotangents(cotangents)
        kernel = jnp.einsum("nsi,ncso->ncio", a, d)
    kernel = jnp.reshape(kernel, (n, c, -1))
    if not layer.use_bias:
        return kernel
    bias = sum(jnp.sum(d, axis=tuple(range(2, d.ndim - 1))) for d in cotangents)
    return jnp.concatenate([kernel, bias], axis=-1)


def _shifted_gradient(
    geometry: Geometry, a: Float[Array, "n m y x i"], d: Float[Array, "n c m v u o"]
) -> Float[Array, "n c k l i o"]:
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
    return product.reshape(n, c, columns, a.shape[-1], rows, d.shape[-1]).transpose(0, 1, 4, 2, 3, 5)


def _padded(geometry: Geometry, a: Float[Array, "n m *space i"]) -> Array:
    if geometry.padding_mode == "constant":
        # lax.pad takes what jnp.pad does not: negative padding and input dilation.
        holes = [0, 0, *(d - 1 for d in geometry.input_dilation), 0]
        pads = [(0, 0), (0, 0), *geometry.padding, (0, 0)]
        config = [(lo, hi, hole) for (lo, hi), hole in zip(pads, holes, strict=True)]
        return jax.lax.pad(a, jnp.zeros((), a.dtype), config)
    # As in Flax, the circular or reflected margin is laid before the input is dilated.
    a = jnp.pad(a, [(0, 0), (0, 0), *geometry.padding, (0, 0)], mode=geometry.padding_mode)
    config = [(0, 0, 0), (0, 0, 0), *((0, 0, d - 1) for d in geometry.input_dilation), (0, 0, 0)]
    return jax.lax.pad(a, jnp.zeros((), a.dtype), config)


def _positions_of_inputs(layer: Layer, inputs: list[Array]) -> Float[Array, "n S d_in"]:
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


def kernel_tile(plan: Plan, one: Features, two: Features) -> Float[Array, "rows columns"]:
    """The kernel between two sets of features.

    Returns:
        (n1, n2), summed over the c cotangents; with `plan.blocks` (n1 c, n2 c), sample-major.
    """
    n1, c = one.gradients.shape[:2]
    n2 = two.gradients.shape[0]
    if not plan.blocks:
        k = one.gradients.reshape(n1, -1) @ two.gradients.reshape(n2, -1).T
        for a1, a2, d1, d2 in zip(one.inputs, two.inputs, one.cotangents, two.cotangents, strict=True):
            s1, s2 = a1.shape[1], a2.shape[1]
            d1 = jnp.swapaxes(d1, 1, 2).reshape(n1 * s1, -1)
            d2 = jnp.swapaxes(d2, 1, 2).reshape(n2 * s2, -1)
            product = (a1.reshape(n1 * s1, -1) @ a2.reshape(n2 * s2, -1).T) * (d1 @ d2.T)
            k += product if s1 == s2 == 1 else product.reshape(n1, s1, n2, s2).sum((1, 3))
        return k
    k = one.gradients.reshape(n1 * c, -1) @ two.gradients.reshape(n2 * c, -1).T
    for a1, a2, d1, d2 in zip(one.inputs, two.inputs, one.cotangents, two.cotangents, strict=True):
        s1, s2 = a1.shape[1], a2.shape[1]
        aa = (a1.reshape(n1 * s1, -1) @ a2.reshape(n2 * s2, -1).T).reshape(n1, 1, s1, n2, 1, s2)
        dd = (d1.reshape(n1 * c * s1, -1) @ d2.reshape(n2 * c * s2, -1).T).reshape(n1, c, s1, n2, c, s2)
        k += (aa * dd).sum((2, 5)).reshape(n1 * c, n2 * c)
    return k
