"""Losses that networks train on: sums over outputs, means over the batch."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ntk_repro.dynamics import LOSSES

__all__ = ["LOSSES", "loss_value"]


def loss_value(loss: str, fx: Float[Array, "b k"], y: Float[Array, "b k"]) -> Float[Array, ""]:
    """The mean over the batch of the loss, summed over the k outputs.

    "binary_cross_entropy" takes logits and labels in {0, 1}, each output a label of its own (nats);
    "half_squared_error" is 1/2 ||f - y||^2. On one output these are the losses of `train_in_function_space`.
    """
    if loss == "binary_cross_entropy":
        return optax.sigmoid_binary_cross_entropy(fx, y).sum(axis=1).mean()
    return jnp.sum((fx - y) ** 2, axis=1).mean() / 2
