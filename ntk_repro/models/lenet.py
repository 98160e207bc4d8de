"""The LeNet of Ortiz-Jimenez et al. 2021; the LeNet-5 of Samarin et al. 2022 is another network."""

from collections.abc import Sequence

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.pooling import average_pool_2x2


class LeNet(nn.Module):
    """Two 5x5 SAME convolutions with 2x2 average pooling, then three dense layers (136k parameters on 32x32x3).

    Source: Ortiz-Jimenez et al. 2021, appendix A; padding and pooling as in the authors' public code.
    """

    channels: Sequence[int] = (6, 16)
    hidden: Sequence[int] = (120, 84)
    num_outputs: int = 1
    activation: str = "relu"

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"]) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each."""
        smallest = 2 ** len(self.channels)  # of which one pixel remains after the poolings
        if x.ndim != 4 or min(x.shape[1:3]) < smallest:
            sides = " x ".join(map(str, x.shape[1:]))
            raise UserError(f"lenet needs images (H, W, C) of at least {smallest} x {smallest} pixels, not {sides}")
        act = activation_fn(self.activation)
        for channels in self.channels:
            x = average_pool_2x2(act(nn.Conv(channels, (5, 5), padding="SAME")(x)))
        x = x.reshape(x.shape[0], -1)
        for features in self.hidden:
            x = act(nn.Dense(features)(x))
        return nn.Dense(self.num_outputs)(x)
