"""Which parameters of a network move its outputs on given samples, and which units are dead."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.weights import weight_change
from ntk_repro.network import Network

__all__ = ["LiveColumns", "live_columns"]

PyTree = Any


@dataclasses.dataclass(frozen=True, eq=False)
class LiveColumns:
    """Columns of the Jacobian on given samples that are not zero throughout.

    Attributes:
        mask: True where a parameter moves an output of at least one sample; a tree like the parameters.
        live: how many do.
        parameters: how many there are.
        dead_units: by layer, how many of its units have a bias that moves nothing: a ReLU that is off for all samples,
            or one that leads to such ones only. Layers without dead units and without biases are left out.
    """

    mask: PyTree
    live: int
    parameters: int
    dead_units: dict[str, int]


def live_columns(net: Network, x: Float[np.ndarray, "n ..."], batch_size: int = 500, seed: int = 0) -> LiveColumns:
    """The live columns of the Jacobian at `net.params`, by one backward pass over the samples.

    The derivative of a sum of all outputs with normal random weights is 0 at a parameter, but for events of
    probability 0, only where every single derivative is.
    """
    k = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)).shape[1]
    change = weight_change(net, x, np.random.default_rng(seed).normal(size=(len(x), k)), batch_size)
    mask = jax.tree.map(lambda leaf: np.asarray(leaf) != 0, change)
    dead = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(mask)[0]:
        names = [str(getattr(entry, "key", getattr(entry, "name", entry))) for entry in path]
        if names[-1:] == ["bias"] and not leaf.all():
            dead["/".join(names[:-1])] = int(np.sum(~leaf))
    live = sum(int(leaf.sum()) for leaf in jax.tree.leaves(mask))
    return LiveColumns(mask, live, net.num_params, dead)
