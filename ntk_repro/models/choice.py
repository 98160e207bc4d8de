"""What the settings of every study do with their field `net`."""

import dataclasses
from typing import Any

from ntk_repro.models.own import find_own, own_arguments, replaced_activation
from ntk_repro.models.registry import MODELS, build_model, model_settings
from ntk_repro.network_names import own_network, spoken_network
from ntk_repro.progress import console

__all__ = ["NetworkChoice", "settings_of"]

# Networks whose activation was said to be replaced, and by which: settings are resolved more than once.
_TOLD: set[tuple[str, str]] = set()


class NetworkChoice:
    """A base of settings that name a network: one of the package's, or a user's own, `my_network.py:MyNet`."""

    net: str

    @property
    def model_settings(self) -> dict[str, Any]:
        """The settings that `ntk_repro.build_model` takes beside the name and the number of outputs."""
        return settings_of(self)

    @property
    def spoken_net(self) -> str:
        """The network's name in tables and pictures."""
        return spoken_network(self.net)

    def checked_net(self) -> str:
        """The network's name in a run's identity: a user's own with the digest of its source.

        Raises:
            UserError: for an unknown network, and settings that it does not take.
        """
        if own_network(self.net) is None:
            build_model(self.net, **self.model_settings)
            return self.net
        found = find_own(self.net)
        settings = self.model_settings
        instead = replaced_activation(found, own_arguments(found, settings))
        told = (str(found.pinned), str(settings.get("activation")))
        if instead and told not in _TOLD:
            _TOLD.add(told)
            console.print(
                f"{found.pinned.name} is built with activation {settings['activation']} in place of its own {instead}: "
                "--activation names another",
                style="yellow", highlight=False, soft_wrap=True,
            )  # fmt: skip
        return str(found.pinned)

    def has_setting(self, name: str) -> bool:
        """Whether a setting beyond width and activation means anything to the network."""
        return name in model_settings(self.net)

    def source_texts(self) -> dict[str, str]:
        """The source of a user's own network, by path: kept in the run folder. Empty for those of the package."""
        return {} if own_network(self.net) is None else dict(find_own(self.net).texts)


def settings_of(config: Any) -> dict[str, Any]:
    """What a study's settings hold for `build_model` beside the name: width, activation and what the network has.

    For a user's own network that is what it takes, and what was set though it does not take it, to be refused.

    Args:
        config: settings with a field `net`, and fields named as `build_model` names its arguments.

    Raises:
        UserError: for an unknown network.
    """
    if own_network(config.net) is None:
        names = ("width", "activation", *model_settings(config.net))
        return {name: getattr(config, name) for name in names if hasattr(config, name)}
    takes = find_own(config.net).takes
    known = dict.fromkeys(["width", "activation", *(name for model in MODELS for name in model_settings(model))])
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    found = {name: getattr(config, name) for name in known if name in defaults}
    return {name: value for name, value in found.items() if name in takes or value != defaults[name]}
