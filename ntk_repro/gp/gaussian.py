"""A Gaussian distribution over the outputs of a network at some inputs."""

import dataclasses
import functools

import jax
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.precision import float64_scope
from ntk_repro.ranges import check_counts
from ntk_repro.seeds import as_key


@dataclasses.dataclass(frozen=True, eq=False)
class Gaussian:
    """Outputs f(x) at m inputs: the k outputs are independent, each with the same covariance between inputs.

    At several times, both arrays have a leading axis of times.

    Attributes:
        mean: (m, k), or (times, m, k).
        covariance: (m, m), or (times, m, m).
    """

    mean: Float[np.ndarray, "*times m k"]
    covariance: Float[np.ndarray, "*times m m"]

    @property
    def std(self) -> Float[np.ndarray, "*times m"]:
        """The standard deviation of an output at each input; a variance below 0 by rounding counts as 0."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=-2, axis2=-1), 0.0))

    def sample(self, key: Array | int, num: int) -> Float[np.ndarray, "num *times m k"]:
        """Functions drawn from the distribution, float64; at several times, the same draw of noise at each.

        Args:
            key: a PRNG key or a seed.
            num: how many.

        Raises:
            UserError: for a number below 1.
        """
        check_counts(num=num)
        key = as_key(key)
        with float64_scope():
            noise = np.asarray(jax.random.normal(key, (num, *self.mean.shape[-2:]), np.float64))
        # The square root by eigenvectors, as Cholesky's stops at a covariance that is singular.
        return self.mean + np.einsum("...ij,njk->n...ik", self._root, noise, optimize=True)

    @functools.cached_property
    def _root(self) -> Float[np.ndarray, "*times m m"]:
        values, vectors = np.linalg.eigh(self.covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
