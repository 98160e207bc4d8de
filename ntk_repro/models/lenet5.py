"""The LeNet-5 of Samarin et al. 2022; the LeNet of Ortiz-Jimenez et al. 2021 is another network."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.pooling import max_pool
from ntk_repro.models.pytorch_initialization import conv, dense

_SMALLEST = 16  # of which one pixel remains after two 5x5 convolutions and two poolings


class LeNet5(nn.Module):
    """Two 5x5 convolutions without padding, each with 2x2 max pooling, then three dense layers.

    61,706 parameters on images of one channel with 10 outputs. PyTorch's default initialization. Images smaller than
    `image_size` are padded with zeros (the mean pixel of standardised data), which for 28 x 28 is what a first
    convolution with padding 2 does in PyTorch; larger ones are not changed.

    Source: Samarin et al. 2022, section 3 ("original LeNet-5 ... to use max-pooling and ReLU").

    Raises:
        UserError: for an `image_size` below 16, of which nothing would remain after the second pooling.
    """

    channels: Sequence[int] = (6, 16)
    hidden: Sequence[int] = (120, 84)
    num_outputs: int = 1
    activation: str = "relu"
    image_size: int = 32

    def __post_init__(self):
        if self.image_size < _SMALLEST:
            raise UserError(f"image_size of lenet5 must be at least {_SMALLEST}, not {self.image_size}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"]) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each."""
        act = activation_fn(self.activation)
        missing = [max(0, self.image_size - side) for side in x.shape[1:3]]
        if any(missing):
            x = jnp.pad(x, ((0, 0), *((pixels // 2, pixels - pixels // 2) for pixels in missing), (0, 0)))
        for channels in self.channels:
            x = max_pool(act(conv(x, channels, (5, 5))), size=2, strides=2)
        x = x.reshape(x.shape[0], -1)
        for features in self.hidden:
            x = act(dense(x, features))
        return dense(x, self.num_outputs)
