"""The multilayer perceptron of Ortiz-Jimenez et al. 2021, appendix A."""

from collections.abc import Sequence

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.models.activations import activation_fn


class MLP(nn.Module):
    """Dense layers on the flattened image: two hidden layers of 100 units in the paper.

    Source: Ortiz-Jimenez et al. 2021, appendix A (general training setup).
    """

    hidden: Sequence[int] = (100, 100)
    num_outputs: int = 1
    activation: str = "relu"

    @nn.compact
    def __call__(self, x: Float[Array, "n *image"]) -> Float[Array, "n outputs"]:
        """Maps images, of any shape, to `num_outputs` numbers each."""
        act = activation_fn(self.activation)
        x = x.reshape(x.shape[0], -1)
        for features in self.hidden:
            x = act(nn.Dense(features)(x))
        return nn.Dense(self.num_outputs)(x)
