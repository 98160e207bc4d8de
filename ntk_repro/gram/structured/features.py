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
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.capture import Capture, Form, Layer, cotangent_rows

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
        p_others: number of parameters outside the layers.
    """

    layers: tuple[Layer, ...]
    forms: tuple[Form, ...]
    num_cotangents: int
    blocks: bool
    p_others: int

    @property
    def formed(self) -> tuple[tuple[Layer, Form], ...]:
        """Each layer with its form."""
        return tuple(zip(self.layers, self.forms, strict=True))

    @property
    def rows_per_sample(self) -> int:
        """Rows of the kernel that belong to one sample."""
        return self.num_cotangents if self.blocks else 1

    @property
    def floats_per_sample(self) -> int:
        """Size of one sample's features."""
        return self.num_cotangents * self.p_others + sum(self.floats(layer, form) for layer, form in self.formed)

    def floats(self, layer: Layer, form: Form) -> int:
        """Size of one sample's features of one layer."""
        if form == "gradient":
            return self.num_cotangents * layer.num_params
        rows, width = _inputs_kept(layer, form)
        return rows * width + self.num_cotangents * layer.positions * layer.d_out

    @property
    def floats_per_pass(self) -> int:
        """Size of one sample's inputs, cotangents and patches while its features are made, roughly."""
        total = self.floats_per_sample
        for layer in self.layers:
            inputs = sum(math.prod(a) for a in layer.inputs)
            total += layer.kind.copies * (inputs + layer.positions * layer.d_out * self.num_cotangents)
        return total

    @property
    def multiplications_per_pair(self) -> int:
        """Multiply-adds for one entry of the kernel (for one block of entries with `blocks`)."""
        return self.multiplications_of_others + sum(self.multiplications(layer, form) for layer, form in self.formed)

    @property
    def multiplications_of_others(self) -> int:
        """Multiply-adds of all other parameters for one entry of the kernel."""
        return self.num_cotangents * self.rows_per_sample * self.p_others

    def multiplications(self, layer: Layer, form: Form) -> int:
        """Multiply-adds of one layer for one entry of the kernel."""
        squared = self.num_cotangents * self.rows_per_sample
        if form == "gradient":
            return squared * layer.num_params
        rows, width = _inputs_kept(layer, form)
        return rows**2 * width + squared * layer.positions**2 * layer.d_out


@dataclasses.dataclass(frozen=True)
class Share:
    """What the parameters of one layer add to a kernel, of the features of the whole.

    Attributes:
        name: path of the layer in the parameters.
        plan: of these parameters alone.
        columns: where their gradients stand among `Capture.others`, as (start, stop).
    """

    name: str
    plan: Plan
    columns: tuple[tuple[int, int], ...]

    def of(self, capture: Capture) -> Capture:
        """The capture, with the gradients of these parameters alone."""
        columns = [capture.others[..., start:stop] for start, stop in self.columns]
        return dataclasses.replace(capture, others=jnp.concatenate([capture.others[..., :0], *columns], axis=-1))


def plan_for(layers: Sequence[Layer], num_cotangents: int, blocks: bool, p_others: int) -> Plan:
    """The plan in which every layer has its cheapest form."""
    plan = Plan(tuple(layers), (), num_cotangents, blocks, p_others)

    def cost(layer: Layer, form: Form) -> int:
        elementwise = 0 if form == "gradient" or layer.positions == 1 else layer.positions**2 * _ELEMENTWISE_COST[form]
        return plan.multiplications(layer, form) + elementwise

    forms: list[Form] = [min(layer.forms, key=functools.partial(cost, layer)) for layer in layers]
    return dataclasses.replace(plan, forms=tuple(forms))


def _inputs_kept(layer: Layer, form: Form) -> tuple[int, int]:
    """Rows and columns of the inputs that are kept of a sample."""
    if form == "pixels":
        *space, channels = layer.inputs[0]
        return math.prod(space), channels
    return layer.positions, layer.d_in + layer.use_bias


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

    gradients: list[Float[Array, "n c _p"]]
    inputs: list[Float[Array, "n _S _d_in"]]
    cotangents: list[Float[Array, "n c _S _d_out"]]


jax.tree_util.register_dataclass(Features, ["gradients", "inputs", "cotangents"], [])

# Of a block of samples: together, or those of each share.
BlockFeatures = Features | list[Features]


def features_of(capture: Capture, plan: Plan) -> Features:
    """The features of a batch; traceable, so that it compiles into one function with the pass itself."""
    gradients, inputs, cotangents = [capture.others], [], []
    for layer, form in plan.formed:
        a, d = capture.inputs[layer.path], capture.cotangents[layer.path]
        if form == "gradient":
            gradients.append(layer.gradient(a, d, ordered=False))
            continue
        if form == "pixels":
            inputs.append(a[0].reshape(len(a[0]), -1, a[0].shape[-1]))
        else:
            rows = layer.input_rows(a)
            ones = jnp.ones((*rows.shape[:2], 1), rows.dtype)
            inputs.append(jnp.concatenate([rows, ones], axis=-1) if layer.use_bias else rows)
        cotangents.append(cotangent_rows(d))
    return Features(_joined(gradients), inputs, cotangents)


def _joined(gradients: list[Float[Array, "n c _p"]]) -> list[Float[Array, "n c _p"]]:
    """Few arrays: a matrix product for each small layer would cost time, a copy of each large one memory."""
    small = [g for g in gradients if g.shape[-1] <= _LARGE]
    joined = [jnp.concatenate(small, axis=-1)] if small else []
    return joined + [g for g in gradients if g.shape[-1] > _LARGE]
