"""Settings of a network: fields that studies share, and those of them that the network takes."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.experiments import Settings
from ntk_repro.models.registry import MODELS, network_spec
from ntk_repro.models.spec import NetworkSpec
from ntk_repro.network_names import display_name
from ntk_repro.progress import console

# Networks whose replaced activation was reported, with the new one: settings are checked more than once.
_REPORTED: set[tuple[str, str]] = set()

RESIDUAL = {"only_with": {"net": "resnet18"}}
"""The metadata of `residual_scale_init`, which no other network of the package has."""


@dataclass(frozen=True)
class NetworkChoice(Settings):
    """Which network: one of the package or a custom one."""

    net: str = "lenet"
    """Architecture: mlp, lenet, resnet18 or another of the package; or your own: my_network.py:MyNet, or
    package.module:MyNet."""

    @property
    def network(self) -> NetworkSpec:
        """The network; of checked settings the one that was parsed then, even if its file has changed since.

        Raises:
            UserError: for an unknown network.
        """
        return network_spec(self.net)

    @property
    def display_name(self) -> str:
        """The network's name in tables and figures."""
        return display_name(self.net)

    @property
    def model_settings(self) -> dict[str, Any]:
        """The settings that the network is given besides the number of outputs, by the names of `build_model`.

        Those that it has; for a custom network also any that was changed and that it does not take, to be refused.

        Raises:
            UserError: for an unknown network.
        """
        network = self.network
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        known = dict.fromkeys(["width", "activation", *(name for net in MODELS for name in network_spec(net).settings)])
        chosen = {name: getattr(self, name) for name in known if name in defaults}
        if network.custom is None:
            return {name: value for name, value in chosen.items() if name in ("width", "activation", *network.settings)}
        return {name: value for name, value in chosen.items() if name in network.takes or value != defaults[name]}

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`: the network is parsed, and refuses settings that it does not take."""
        network, settings = self.network, self.model_settings
        replaced = network.replaced_activation(network.arguments(**{"num_outputs": 1, **settings}))
        if network.custom is None:
            network.build(**settings)
        elif replaced and (network, settings["activation"]) not in _REPORTED:
            _REPORTED.add((network, settings["activation"]))
            console.print(
                f"{network.display_name} is built with activation {settings['activation']} in place of its default "
                f"{replaced}: --activation names another",
                style="yellow", highlight=False, soft_wrap=True,
            )  # fmt: skip
        return {**super().canonical(), "net": network}

    def source_texts(self) -> Mapping[str, str]:
        """The source of a custom network."""
        return self.network.texts


@dataclass(frozen=True)
class NetworkSettings(NetworkChoice):
    """A network, how wide it is, and its activation."""

    width: float = 1.0
    """Factor on every channel count and hidden width (1: the paper's network)."""
    activation: str = "relu"
    """Activation function: relu, gelu, tanh, erf, softplus or identity."""


@dataclass(frozen=True)
class ResidualNetworkSettings(NetworkSettings):
    """A network that may be resnet18."""

    residual_scale_init: float = field(default=0.0, metadata=RESIDUAL)
    """Initial scale of each residual block's last BatchNorm; resnet18 only (0: the authors' code)."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`: the scale is 0 where the network has none, and no other can be asked for."""
        if self.network.custom is not None or "residual_scale_init" in self.network.settings:
            return super().canonical()
        if self.residual_scale_init not in (0.0, *self.defaults("residual_scale_init").values()):
            raise UserError(f"{self.display_name} has no residual_scale_init: leave out --residual-scale-init")
        return {**super().canonical(), "residual_scale_init": 0.0}
