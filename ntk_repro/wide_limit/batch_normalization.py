"""BatchNorm in a network and in its linearization during training."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.network import Network

Mode = Literal["frozen", "live", "batch", "none"]
MODES = {
    "frozen": "both keep the statistics of the start",
    "live": "the network takes each batch's statistics, its linearization keeps those of the start",
    "batch": "both take each batch's statistics",
    "none": "no BatchNorm",
}
"""The comparisons, in words."""


def normalised(net: Network, mode: Mode) -> Network:
    """The network to train, with BatchNorm as `mode` says, of one with the statistics of the start (`calibrated`).

    With "live" it is the network of "frozen", to be trained with batch_statistics.
    """
    return with_batch_statistics(net) if mode == "batch" and net.has_state else net


def calibrated(net: Network, x: Float[np.ndarray, "n ..."]) -> Network:
    """The network with the batch statistics of its layers on these inputs, instead of the initial 0 and 1.

    So inference and training agree at the start (on a batch with these statistics), and a linearization with frozen
    statistics starts as a normalised network.
    """
    if not net.has_state:
        return net
    update = jax.jit(lambda params, state, x: net.training_fn(params, state, x)[1])
    # A running average becomes momentum * old + (1 - momentum) * batch; old = 0 and old = 1 give both unknowns.
    at_zero, at_one = (
        update(net.params, jax.tree.map(lambda leaf, value=value: jnp.full_like(leaf, value), net.state), x)
        for value in (0.0, 1.0)
    )
    return net.replace(state=jax.tree.map(lambda zero, one: zero / (1 - (one - zero)), at_zero, at_one))


def with_batch_statistics(net: Network) -> Network:
    """The same function with BatchNorm by the statistics of each batch that it is given, in its linearization too.

    An output then depends on the other samples of the batch. This is BatchNorm without running averages, as in the
    `stax` library that Lee et al. 2019 used for their wide residual network.
    """
    return Network.from_apply(lambda params, x: net.training_fn(params, net.state, x)[0], net.params)
