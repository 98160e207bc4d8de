"""Settings of a network at its initialization, and that network."""

from dataclasses import dataclass
from typing import Any

from ntk_repro.data import Dataset
from ntk_repro.experiments import SeedSettings
from ntk_repro.models import NetworkChoice
from ntk_repro.network import Network, check_network
from ntk_repro.seeds import INIT, key_for


@dataclass(frozen=True)
class InitialNetwork(NetworkChoice, SeedSettings):
    """Which network, and the seed of its initialization."""

    def initial_network(self, input_shape: tuple[int, ...], outputs: int | None = 1) -> Network:
        """The network at its initialization; without `outputs` it has as many as its settings say."""
        settings = {**({} if outputs is None else {"num_outputs": outputs}), **self.model_settings}
        return Network.create(self.net, key_for(self.seed, INIT), input_shape, **settings)

    def check_network(self, input_shape: tuple[int, ...], outputs: int | None = 1) -> None:
        """As `ntk_repro.network.check_network`, before anything is computed."""
        check_network(self.net, input_shape, outputs, **self.model_settings)

    def kernel_identity(self, data: Dataset) -> dict[str, Any]:
        """The identity of the network's kernel on these images, besides its parameters."""
        return {"net": self.net, **self.model_settings, "seed": self.seed, "data": data.provenance.sha256}
