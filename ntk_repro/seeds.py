"""One root key for a run, with a purpose folded in: no two purposes draw the same numbers."""

import jax
import numpy as np
from jaxtyping import Array

INIT, ORDER = 0, 1


def as_key(key: Array | int) -> Array:
    """A PRNG key as it is, or that of a seed."""
    return jax.random.key(key) if isinstance(key, int | np.integer) else key


def key_for(seed: int, purpose: int) -> Array:
    """The PRNG key of a purpose: `INIT` (parameters) or `ORDER` (minibatches)."""
    return jax.random.fold_in(jax.random.key(seed), purpose)


def order_seed(seed: int) -> int:
    """The seed of a run's minibatches, for `ntk_repro.training.minibatches`: the same for all that it trains."""
    return int(jax.random.randint(key_for(seed, ORDER), (), 0, np.iinfo(np.int32).max))
