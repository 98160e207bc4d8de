"""The convolutional network of Lee et al. 2019, with its infinite-width twin."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.models.activations import activation_fn
from ntk_repro.models.infinite_width import NUMERICAL_DEGREE, InfiniteWidth, checked_sizes
from ntk_repro.models.parameterized import Parameterization

__all__ = ["CNN"]


class CNN(nn.Module):
    """`depth` 3x3 SAME convolutions of `channels` channels, an average over all pixels, then a dense readout.

    Parameters: `Conv_0` to `Conv_<depth - 1>`, then `readout`.

    Source: Lee et al. 2019, Figure S2; `Parameterization` says what sigma_w, sigma_b and parameterization mean.

    Raises:
        UserError: for a depth or width below 1, and what `Parameterization` refuses.
    """

    channels: int = 512
    depth: int = 3
    num_outputs: int = 1
    activation: str = "relu"
    sigma_w: float = 2**0.5
    sigma_b: float = 0.0
    parameterization: str = "ntk"

    def __post_init__(self):
        Parameterization(self.parameterization, self.sigma_w, self.sigma_b)
        checked_sizes("cnn", channels=self.channels, depth=self.depth)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"]) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each."""
        act = activation_fn(self.activation)
        how = Parameterization(self.parameterization, self.sigma_w, self.sigma_b)
        for layer in range(self.depth):
            x = act(how.conv(x, self.channels, name=f"Conv_{layer}"))
        x = x.mean((1, 2))
        self.sow("intermediates", "readout_inputs", x)
        return how.dense(x, self.num_outputs, name="readout")

    def stax_twin(self, degree: int = NUMERICAL_DEGREE) -> tuple[Any, Any, Any]:
        """(init_fn, apply_fn, kernel_fn) of the same architecture by `nt.stax`; `degree` is of its quadrature."""
        infinite = InfiniteWidth(self.parameterization, self.sigma_w, self.sigma_b, degree)
        layers = []
        for _ in range(self.depth):
            layers += [infinite.conv(self.channels), infinite.activation(self.activation)]
        return infinite.serial(*layers, infinite.global_average(), infinite.dense(self.num_outputs))
