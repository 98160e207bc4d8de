"""The fully connected network of Lee et al. 2019, with its infinite-width twin."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.models.activations import activation_fn
from ntk_repro.models.infinite_width import NUMERICAL_DEGREE
from ntk_repro.models.parameterized import ParameterizedNetwork


class FCN(ParameterizedNetwork):
    """`depth` hidden layers of `hidden` units each on the flattened input, then a dense readout.

    Parameters: `Dense_0` (input weights) to `Dense_<depth - 1>`, then `readout`.

    Source: Lee et al. 2019, Eq. (1). Further settings and errors as in `ParameterizedNetwork`.
    """

    hidden: int = 512
    depth: int = 3

    @nn.compact
    def __call__(self, x: Float[Array, "n *image"]) -> Float[Array, "n outputs"]:
        """Maps inputs, of any shape, to `num_outputs` numbers each."""
        act = activation_fn(self.activation)
        x = x.reshape(x.shape[0], -1)
        for layer in range(self.depth):
            x = act(self.finite.dense(x, self.hidden, name=f"Dense_{layer}"))
            self.sow("intermediates", "hidden_layers", x)
        self.sow("intermediates", "readout_inputs", x)
        return self.finite.dense(x, self.num_outputs, name="readout")

    def stax_twin(self, degree: int = NUMERICAL_DEGREE) -> tuple[Any, Any, Any]:
        """(init_fn, apply_fn, kernel_fn) of the same architecture by `nt.stax`; `degree` is of its quadrature."""
        infinite = self.infinite(degree)
        layers = [infinite.stax.Flatten()]
        for _ in range(self.depth):
            layers += [infinite.dense(self.hidden), infinite.activation(self.activation)]
        return infinite.stax.serial(*layers, infinite.dense(self.num_outputs))
