"""Small settings that the tests of all experiments share, so that what JAX compiles is compiled once."""

from typing import Any

from flax import linen as nn

SMALL: dict[str, Any] = {
    "net": "mlp",
    "width": 0.2,
    "data": "digits",
    "n_train": 150,
    "n_test": 50,
    "batch_size": 32,
    "epochs": 4,
}


class Normalised(nn.Module):
    """Two layers with BatchNorm between them."""

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(6)(x.reshape(len(x), -1)))
        return nn.Dense(1)(nn.relu(x))
