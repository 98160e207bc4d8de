"""Which parameters of a network change its outputs on given samples, and which units are dead."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.dynamics.weights import weight_change
from ntk_repro.network import Network

PyTree = Any


@dataclasses.dataclass(frozen=True, eq=False)
class LiveColumns:
    """Columns of the Jacobian on given samples that are not all zero.

    Attributes:
        mask: True where a parameter changes an output of at least one sample; a tree like the parameters.
        live: number of such parameters.
        parameters: number of all parameters.
        dead_units: by layer, the number of units whose bias changes nothing: a ReLU that is off for all samples, or one
            that feeds such units only. Layers without dead units and without biases are left out.
    """

    mask: PyTree
    live: int
    parameters: int
    dead_units: dict[str, int]


def live_columns(net: Network, x: Float[np.ndarray, "n ..."], batch_size: int = 500, seed: int = 0) -> LiveColumns:
    """The live columns of the Jacobian at `net.params`, by one backward pass over the samples.

    With probability 1 the derivative of a random weighted sum of all outputs is 0 at a parameter only where every
    single derivative is 0.
    """
    k = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)).shape[1]
    change = weight_change(net, x, np.random.default_rng(seed).normal(size=(len(x), k)), batch_size)
    mask = jax.tree.map(lambda leaf: np.asarray(leaf) != 0, change)
    dead = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(mask)[0]:
        layer, _, name = jax.tree_util.keystr(path, simple=True, separator="/").rpartition("/")
        if name == "bias" and not leaf.all():
            dead[layer] = int(np.sum(~leaf))
    live = sum(int(leaf.sum()) for leaf in jax.tree.leaves(mask))
    return LiveColumns(mask, live, net.num_params, dead)
