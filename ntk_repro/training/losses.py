"""Losses that networks train on, and what each is a mean over: the one place for their conventions."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ntk_repro.dynamics import LOSSES
from ntk_repro.errors import unknown_name

__all__ = ["DESCENT_LOSSES", "LOSSES", "averaged_terms", "loss_value"]

DESCENT_LOSSES = ("half_mean_squared_error", "cross_entropy")


def loss_value(loss: str, fx: Float[Array, "b k"], y: Float[Array, "b k"]) -> Float[Array, ""]:
    """The loss of a batch of b samples with k outputs.

    Of `train`, the mean over the batch of the sum over the outputs: "binary_cross_entropy" takes logits and labels in
    {0, 1}, each output a label of its own (nats); "half_squared_error" is 1/2 ||f - y||^2. On one output these are the
    losses of `train_in_function_space`.

    Of `descend`: "half_mean_squared_error" is 1/2 (f - y)^2, mean over the batch and over the outputs (b k terms);
    "cross_entropy" that of the softmax of the outputs with one-hot rows y (nats), mean over the batch.

    Raises:
        UserError: for an unknown loss.
    """
    if loss == "binary_cross_entropy":
        return optax.sigmoid_binary_cross_entropy(fx, y).sum(axis=1).mean()
    if loss == "half_mean_squared_error":
        return jnp.mean((fx - y) ** 2) / 2
    if loss == "cross_entropy":
        return optax.softmax_cross_entropy(fx, y).mean()
    if loss == "half_squared_error":
        return jnp.sum((fx - y) ** 2, axis=1).mean() / 2
    raise unknown_name("loss", loss, {*LOSSES, *DESCENT_LOSSES})


def averaged_terms(loss: str, samples: int, outputs: int) -> int:
    """How many terms a loss is the mean over: eta for the mean is eta * terms for the sum that the theory has.

    So gradient flow on the summed loss (Lee et al. 2019, footnote 6) has reached t = eta * steps / terms.

    >>> averaged_terms("half_mean_squared_error", 128, 10), averaged_terms("cross_entropy", 128, 10)
    (1280, 128)
    """
    return samples * outputs if loss == "half_mean_squared_error" else samples
