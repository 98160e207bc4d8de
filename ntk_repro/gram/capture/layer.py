"""What is captured of a network's layers: their shapes, and their inputs and output cotangents on a batch."""

import dataclasses
import math

import jax
from jaxtyping import Array, Float

from ntk_repro.gram.capture.view import View

__all__ = ["Capture", "Geometry", "Layer", "Path"]

Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a convolution's patches are cut from its input, padded with zeros."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    input_dilation: tuple[int, ...]
    kernel_dilation: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Two-dimensional, without strides or dilations."""
        return len(self.kernel_size) == 2 and {*self.strides, *self.input_dilation, *self.kernel_dilation} == {1}


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
        geometry: of a convolution; None for a dense layer.
    """

    path: Path
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    kernel: int
    bias: int | None
    matrix: View
    geometry: Geometry | None = None

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
        return self.inputs[0][-1] * (math.prod(self.geometry.kernel_size) if self.geometry else 1)

    @property
    def d_out(self) -> int:
        """Number of output features (channels)."""
        return self.outputs[0][-1]

    @property
    def num_params(self) -> int:
        """Weights and biases."""
        return (self.d_in + self.use_bias) * self.d_out


@dataclasses.dataclass(frozen=True)
class Capture:
    """What one pass over a batch of n inputs leaves for the kernel, with c cotangents a sample (one per output used).

    Attributes:
        inputs: by layer path, for each call (n, images, *space, d_in).
        cotangents: by layer path, for each call (n, c, images, *space, d_out).
        rest: (n, c, p_rest), the per-sample gradients of all other parameters.
    """

    inputs: dict[Path, list[Array]]
    cotangents: dict[Path, list[Array]]
    rest: Float[Array, "n c p"]


jax.tree_util.register_dataclass(Capture, ["inputs", "cotangents", "rest"], [])
