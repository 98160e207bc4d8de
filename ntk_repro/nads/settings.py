"""Settings that experiments of the study share: a network at its initialization, and the shape of its inputs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.experiments import StudyConfig
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.memory import parse_bytes
from ntk_repro.models import RESIDUAL, ResidualNetworkSettings
from ntk_repro.ranges import check_counts


@dataclass(frozen=True)
class Samples:
    """Inputs without labels.

    Attributes:
        x: the inputs; None at the origin.
        shape: of one of them.
        provenance: what a run records of them.
    """

    x: np.ndarray | None
    shape: tuple[int, ...]
    provenance: dict[str, Any]


@dataclass(frozen=True)
class InputSettings(ResidualNetworkSettings, InitialNetwork, StudyConfig):
    """A network whose gradient is differentiated by its inputs, and their shape."""

    activation: str = "gelu"
    """Activation function: gelu, tanh, erf, softplus or identity; relu has no second derivative at the origin."""
    residual_scale_init: float = field(default=1.0, metadata=RESIDUAL)
    """Initial scale of each residual block's last BatchNorm, resnet18 only: 1 here, so that few directions are null (0:
    the authors' code)."""
    size: int = 32
    """Height and width of the inputs."""
    channels: int = 1
    """Channels of the inputs."""
    memory: str | None = field(default=None, metadata={"identity": False})
    """Memory for the directional derivatives, such as 2GiB; none: 4 GiB. With less, some are computed several times."""

    @property
    def dimension(self) -> int:
        """How many directions the inputs have."""
        return self.size**2 * self.channels

    @property
    def shape(self) -> str:
        """The shape of the inputs as text."""
        return f"{self.size} x {self.size} x {self.channels}"

    @property
    def memory_bytes(self) -> int | None:
        """The memory in bytes, None for the default."""
        return None if self.memory is None else parse_bytes(self.memory)

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(size=self.size, channels=self.channels)
        _ = self.memory_bytes
        return super().canonical()

    def checked_indices(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        """Directions by their indices from 1, each once, in order.

        Raises:
            UserError: for no directions, and for indices out of range.
        """
        ordered = tuple(sorted(set(indices)))
        if not ordered or not 1 <= ordered[0] <= ordered[-1] <= self.dimension:
            raise UserError(f"indices must name directions from 1 to {self.dimension}, not {indices}")
        return ordered
