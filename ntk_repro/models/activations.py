"""Activation functions by name."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from ntk_repro.errors import check_name

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "gelu": lambda x: nn.gelu(x, approximate=False),
    "tanh": jnp.tanh,
    "erf": jax.lax.erf,
    "softplus": nn.softplus,
    "identity": lambda x: x,
}


def activation_fn(name: str) -> Callable[[jax.Array], jax.Array]:
    """The elementwise activation called `name`.

    Raises:
        UserError: for an unknown name, with the nearest known one.
    """
    check_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
