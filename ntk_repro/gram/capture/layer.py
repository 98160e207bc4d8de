"""What is captured of a network's layers: their shapes, and their inputs and output cotangents on a batch."""

import dataclasses
import math
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.capture.convolution import Convolution
from ntk_repro.gram.capture.dense import Dense
from ntk_repro.gram.capture.view import View

Form = Literal["gradient", "positions", "pixels"]

Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Layer:
    """A recognised layer of a network and the per-sample shapes of its calls.

    `inputs[i]` is (images, *space, d_in) and `outputs[i]` is (images, *space, d_out) in call i, "images" being the
    product of all leading axes that one sample has in this layer.

    Attributes:
        path: of the kernel in the parameters, without a last "kernel".
        inputs: shape by call.
        outputs: shape by call.
        kernel: number of the kernel among the leaves of the parameters.
        bias: number of the bias, or None.
        matrix: the kernel as (d_in, d_out).
        kind: `Dense` or `Convolution`.
    """

    path: Path
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    kernel: int
    bias: int | None
    matrix: View
    kind: Dense

    @property
    def name(self) -> str:
        """The path as one string."""
        return "/".join(self.path) or "(root)"

    @property
    def use_bias(self) -> bool:
        """Whether it has a bias."""
        return self.bias is not None

    @property
    def positions(self) -> int:
        """S, the number of places, over all calls, at which one sample meets the weights."""
        return sum(math.prod(shape[:-1]) for shape in self.outputs)

    @property
    def d_in(self) -> int:
        """Weights per output: inputs of a dense layer, patch size of a convolution; without the bias."""
        return self.matrix.shape[0]

    @property
    def d_out(self) -> int:
        """Number of output features (channels)."""
        return self.matrix.shape[1]

    @property
    def num_params(self) -> int:
        """Weights and biases."""
        return (self.d_in + self.use_bias) * self.d_out

    @property
    def forms(self) -> tuple[Form, ...]:
        """In which its part of the kernel may be multiplied out, see `structured.features`."""
        # By pixels both images of a pair must be the same ones.
        one_image = len(self.inputs) == 1 and self.inputs[0][0] == 1
        if one_image and isinstance(self.kind, Convolution) and self.kind.is_plain:
            return ("gradient", "positions", "pixels")
        return ("gradient", "positions")

    def input_rows(self, inputs: list[Array]) -> Float[Array, "n S d_in"]:
        """What the weights meet at each position, over all calls: patches of a convolution."""
        return self.kind.input_rows(inputs, [shape[1:-1] for shape in self.outputs])

    def gradient(self, inputs: list[Array], cotangents: list[Array], ordered: bool = True) -> Float[Array, "n c p"]:
        """Per-sample gradients of kernel and bias, flat, the kernel first; summed over calls.

        Without `ordered` the entries of the kernel come in the order that costs least, the same for all samples.
        """
        kernel = self.kind.gradient(inputs, cotangents, ordered)
        kernel = jnp.reshape(kernel, (*kernel.shape[:2], -1))
        if not self.use_bias:
            return kernel
        bias = sum(jnp.sum(d, axis=tuple(range(2, d.ndim - 1))) for d in cotangents)
        return jnp.concatenate([kernel, jnp.asarray(bias)], axis=-1)


@dataclasses.dataclass(frozen=True)
class Capture:
    """What one pass over a batch of n inputs leaves for the kernel, with c cotangents a sample (one per output used).

    Attributes:
        inputs: by layer path, for each call (n, images, *space, d_in).
        cotangents: by layer path, for each call (n, c, images, *space, d_out).
        others: (n, c, p_others), the per-sample gradients of all other parameters.
    """

    inputs: dict[Path, list[Array]]
    cotangents: dict[Path, list[Array]]
    others: Float[Array, "n c p"]


jax.tree_util.register_dataclass(Capture, ["inputs", "cotangents", "others"], [])
