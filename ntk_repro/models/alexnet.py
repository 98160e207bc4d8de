"""AlexNet as in torchvision, which Samarin et al. 2022 used."""

from collections.abc import Sequence

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.pooling import adaptive_average_pool, max_pool
from ntk_repro.models.pytorch_initialization import conv, dense

_KERNELS, _STRIDES, _PADDINGS = (11, 5, 3, 3, 3), (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
_POOLED = (True, True, False, False, True)
_GRID = 6  # rows and columns after the adaptive pooling
_SMALLEST = 63  # of which one pixel remains after the last pooling


class AlexNet(nn.Module):
    """Five convolutions, three of them with overlapping 3x3 max pooling, and three dense layers; no dropout.

    57,044,810 parameters on images of three channels with 10 outputs. An adaptive average pooling to 6x6 before the
    dense layers allows images of any size from 63 x 63; at 224 x 224 it changes nothing. PyTorch's default
    initialization. torchvision's network except the dropout, which the paper leaves out.

    Source: Samarin et al. 2022, section 3; Krizhevsky 2014.

    Raises:
        UserError: for images smaller than 63 x 63, and a number of channels other than five.
    """

    channels: Sequence[int] = (64, 192, 384, 256, 256)
    hidden: Sequence[int] = (4096, 4096)
    num_outputs: int = 1
    activation: str = "relu"

    def __post_init__(self):
        if len(self.channels) != len(_KERNELS):
            raise UserError(f"alexnet has 5 convolutions: give 5 numbers of channels, not {len(self.channels)}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"]) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each."""
        height, width = x.shape[1:3]
        if min(height, width) < _SMALLEST:
            raise UserError(
                f"alexnet needs images of at least {_SMALLEST} x {_SMALLEST} pixels, not {height} x {width}: use "
                "larger ones, or lenet5"
            )
        act = activation_fn(self.activation)
        for channels, size, strides, padding, pooled in zip(
            self.channels, _KERNELS, _STRIDES, _PADDINGS, _POOLED, strict=True
        ):
            x = act(conv(x, channels, (size, size), strides, padding))
            if pooled:
                x = max_pool(x, size=3, strides=2)
        x = adaptive_average_pool(x, _GRID)
        x = x.reshape(x.shape[0], -1)
        for features in self.hidden:
            x = act(dense(x, features))
        return dense(x, self.num_outputs)
