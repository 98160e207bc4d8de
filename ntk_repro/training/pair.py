"""A network and its linearization, trained identically."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training.gradient_descent import Descent, GradientDescent

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
    """Trains a network and its linearization at the same start, on the same batches, and observes both.

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
        The result of training the network, and that of the linearization.

    Raises:
        UserError: as `descend`.
    """
    descent = GradientDescent(
        net,
        x_train,
        y_train,
        learning_rate=learning_rate,
        steps=steps,
        batches=batches,
        momentum=momentum,
        loss=loss,
        observe_at=observe_at,
    )
    ratio = descent.ratio_to_critical(net, critical, force)

    def trained(start: Network, kind: str) -> Descent:
        observe = None if observe_fn is None else lambda network: observe_fn(network, network.params)
        settings = {"batch_statistics": batch_statistics, "folder": folder, "name": f"{name}_{kind}"}
        return descent.run(start, ratio, observe, **settings)

    return trained(net, "network"), trained(net.linearization(), "linearization")
