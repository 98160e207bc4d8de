"""What all experiments of the study set: the network, its data and its training."""

from dataclasses import dataclass, field
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.experiments import NTest, NTrain, StudyConfig, TrainingSettings
from ntk_repro.gram.eigenfunctions import check_task_index
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.models import ResidualNetworkSettings
from ntk_repro.network import Network
from ntk_repro.training import Recipe, landmark_epochs


@dataclass(frozen=True)
class RotationSettings(TrainingSettings, NTest, ResidualNetworkSettings, InitialNetwork, StudyConfig):
    """A network, its data and its training on the classes."""

    index = None  # the classes, where an experiment has no such setting
    learning_rate: float = 0.05
    """Learning rate at the first step; it falls linearly, to reach 0 one step after the last."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        changes = super().canonical()  # an unknown network or activation is refused first
        if not self.epochs:
            return {**changes, **self.defaults("learning_rate", "momentum", "batch_size")}
        _ = self.recipe
        return changes

    @property
    def recipe(self) -> Recipe:
        """How the network trains.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(**self.values(TrainingSettings))

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} on {self.data}, {displayed_task(self.index)}"


@dataclass(frozen=True)
class TaskSettings(NTrain, RotationSettings):
    """As `RotationSettings`, on the classes or on an eigenfunction."""

    index: int | None = None
    """Eigenfunction to learn, counted from 1 by falling eigenvalue; none: classes 0 to 4 against 5 to 9."""
    trained_statistics: bool = field(default=True, metadata={"added": True})
    """Whether kernels after training have the BatchNorm statistics of the trained network, or those before training."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if self.index is not None:
            check_task_index(self.index)
        return {**super().canonical(), **({} if self.epochs else self.defaults("trained_statistics"))}

    def of_kernel(self, net_0: Network, network: Network) -> Network:
        """The network that the kernel after some training is taken of: the trained one, with its BatchNorm statistics.

        Or, without `trained_statistics`, with those of `net_0`. Appendix B fixes them to "their initialization values",
        which is the same for a linearization at initialization. What sections 4.2 and 4.3 find on trained networks is
        seen only with the trained ones: docs/measurements.md.

        Source: Ortiz-Jimenez et al. 2021, appendix B (Linearization).
        """
        return network if self.trained_statistics else network.replace(state=net_0.state)


def displayed_task(index: int | None) -> str:
    """What is learned: the classes, or an eigenfunction."""
    return "classes 0-4 / 5-9" if index is None else f"eigenfunction {index}"


def checked_epochs(chosen: tuple[int, ...] | None, last: int, name: str) -> tuple[int, ...]:
    """The epochs to observe: those chosen, or 1, 2, 5, 10, 20, 50 ..., always with 0 and the last.

    Raises:
        UserError: for epochs outside the training.
    """
    if chosen is None:
        chosen = landmark_epochs(last)
    if any(not 0 <= epoch <= last for epoch in chosen):
        raise UserError(f"--{name} must be epochs from 0 to {last}, not {' '.join(map(str, chosen))}")
    return tuple(sorted({0, *chosen, last}))
