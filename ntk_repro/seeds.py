"""One root key for a run, with a purpose folded in: no two purposes draw the same numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntk_repro.errors import UserError
from ntk_repro.ranges import check_seed, shown, whole

INIT, ORDER = 0, 1


def as_key(key: Array | int) -> Array:
    """A PRNG key as it is, or that of a seed.

    Raises:
        UserError: for what is neither, and for several keys at once.
    """
    seed: Any = key
    if isinstance(key, bool) or whole(key) is not None:
        return jax.random.key(check_seed(seed, "the seed"))
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", ())
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if (typed and shape == ()) or (dtype == np.uint32 and len(shape) == 1):  # the latter of jax.random.PRNGKey
        return jnp.asarray(key)
    raise UserError(f"key must be a seed, a whole number, or one key such as jax.random.key(0), not {shown(key)}")


def key_for(seed: int, purpose: int) -> Array:
    """The PRNG key of a purpose: `INIT` (parameters) or `ORDER` (minibatches)."""
    return jax.random.fold_in(jax.random.key(seed), purpose)


def order_seed(seed: int) -> int:
    """The seed of a run's minibatches, for `ntk_repro.training.minibatches`: the same for all that it trains."""
    return int(jax.random.randint(key_for(seed, ORDER), (), 0, np.iinfo(np.int32).max))
