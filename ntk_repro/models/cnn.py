"""The convolutional network of Lee et al. 2019, with its infinite-width twin."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.models.activations import activation_fn
from ntk_repro.models.infinite_width import NUMERICAL_DEGREE
from ntk_repro.models.parameterized import ParameterizedNetwork


class CNN(ParameterizedNetwork):
    """`depth` 3x3 SAME convolutions of `channels` channels, an average over all pixels, then a dense readout.

    Parameters: `Conv_0` to `Conv_<depth - 1>`, then `readout`.

    Source: Lee et al. 2019, Figure S2. Further settings and errors as in `ParameterizedNetwork`.
    """

    channels: int = 512
    depth: int = 3

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"]) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each."""
        act = activation_fn(self.activation)
        for layer in range(self.depth):
            x = act(self.finite.conv(x, self.channels, name=f"Conv_{layer}"))
        x = x.mean((1, 2))
        self.sow("intermediates", "readout_inputs", x)
        return self.finite.dense(x, self.num_outputs, name="readout")

    def stax_twin(self, degree: int = NUMERICAL_DEGREE) -> tuple[Any, Any, Any]:
        """(init_fn, apply_fn, kernel_fn) of the same architecture by `nt.stax`; `degree` is of its quadrature."""
        infinite = self.infinite(degree)
        layers = []
        for _ in range(self.depth):
            layers += [infinite.conv(self.channels), infinite.activation(self.activation)]
        return infinite.stax.serial(*layers, infinite.stax.GlobalAvgPool(), infinite.dense(self.num_outputs))
