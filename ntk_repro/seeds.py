"""One root key for a run, and what is folded into it: no two uses of it draw the same numbers."""

import jax
from jaxtyping import Array

__all__ = ["INIT", "ORDER", "key_for"]

INIT, ORDER = 0, 1


def key_for(seed: int, purpose: int) -> Array:
    """The PRNG key of a purpose: `INIT` (parameters) or `ORDER` (minibatches)."""
    return jax.random.fold_in(jax.random.key(seed), purpose)
