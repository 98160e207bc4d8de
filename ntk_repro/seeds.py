"""One root key for a run, and what is folded into it: no two uses of it draw the same numbers."""

import jax
import numpy as np
from jaxtyping import Array

from ntk_repro.errors import UserError

__all__ = ["INIT", "ORDER", "check_seed", "key_for", "order_seed"]

INIT, ORDER = 0, 1


def check_seed(value: int, name: str = "seed") -> None:
    """Refuses what is no seed of JAX and NumPy alike.

    Raises:
        UserError: a seed below 0, or of more than 32 bits.
    """
    if not 0 <= value < 2**32:
        raise UserError(f"{name} must be from 0 to {2**32 - 1}, not {value}")


def key_for(seed: int, purpose: int) -> Array:
    """The PRNG key of a purpose: `INIT` (parameters) or `ORDER` (minibatches)."""
    return jax.random.fold_in(jax.random.key(seed), purpose)


def order_seed(seed: int) -> int:
    """The seed of a run's minibatches, for `ntk_repro.training.minibatches`: one for all that trains alike."""
    return int(jax.random.randint(key_for(seed, ORDER), (), 0, np.iinfo(np.int32).max))
