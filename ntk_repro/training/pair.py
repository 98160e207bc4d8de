"""A network and its linearization, trained alike."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training.gradient_descent import Descent, critical_learning_rate, descend_observed, kernel_rows_note

__all__ = ["train_pair"]

PyTree = Any


def train_pair(
    net: Network,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Float[np.ndarray, "n k"],
    *,
    learning_rate: float,
    steps: int,
    batches: Int[np.ndarray, "steps b"] | None = None,
    momentum: float = 0.0,
    loss: str = "half_mean_squared_error",
    observe_at: Sequence[int] | Int[np.ndarray, " s"] = (),
    observe_fn: Callable[[Network, PyTree], PyTree] | None = None,
    batch_statistics: bool = False,
    force: bool = False,
    critical: float | None = None,
    folder: RunFolder | None = None,
    name: str = "pair",
) -> tuple[Descent, Descent]:
    """Trains a network and its linearization at the same start, on the same batches, and looks at both.

    The linearization is taken at net.params with net.state frozen; with batch_statistics the network's are live.

    Source: Lee et al. 2019, Eqs. (5) to (9) and section 3.

    Args:
        net: the network.
        x_train: training inputs.
        y_train: targets.
        learning_rate: as for `descend`, with the other arguments.
        steps: how many.
        batches: rows of each step's batch; None for all.
        momentum: heavy-ball momentum.
        loss: as for `descend`.
        observe_at: increasing step numbers, for both.
        observe_fn: (network, params) -> a pytree of arrays; called with the network and with the linearization as they
            are at that step (network.params is params), so `network(x)` gives the outputs and `network.apply` takes
            parameters.
        batch_statistics: live BatchNorm statistics for the network.
        force: train even above (1 + momentum) eta_critical.
        critical: eta_critical, where it is known.
        folder: an open run folder, against a kill.
        name: the two states are kept as `<name>_network_state` and `<name>_linearization_state`.

    Returns:
        What became of the network, and of the linearization.

    Raises:
        UserError: as `descend`.
    """
    rows = ""
    if critical is None:
        outputs = np.asarray(y_train).reshape(len(x_train), -1).shape[1]
        critical, rows = critical_learning_rate(net, x_train, outputs, loss), kernel_rows_note(net, x_train, outputs)
    follow = functools.partial(
        descend_observed,
        x_train=x_train,
        y_train=y_train,
        observe=None if observe_fn is None else lambda network: observe_fn(network, network.params),
        learning_rate=learning_rate,
        steps=steps,
        batches=batches,
        momentum=momentum,
        loss=loss,
        observe_at=observe_at,
        batch_statistics=batch_statistics,
        critical=critical,
        folder=folder,
        rows=rows,
    )
    network = follow(net, force=force, name=f"{name}_network")
    return network, follow(net.linearization(), force=True, name=f"{name}_linearization", say=False)
