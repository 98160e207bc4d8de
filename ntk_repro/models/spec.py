"""A network that settings name, parsed once: its name in tables, its name in a run's identity, and how it is built."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn

from ntk_repro.errors import UserError, check_name, unknown_name, with_article
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.custom_source import last_line
from ntk_repro.models.parameterized import PARAMETERIZATIONS
from ntk_repro.network_names import CustomName, display_name
from ntk_repro.ranges import check_counts, check_flags, check_not_negative, check_positive, check_whole, shown

_SIZES = ("width", "channels", "hidden")
_INITIALIZATION = ("rngs", "key", "input_shape")


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSpec(str):
    """A network, which as a string is its name in a run's identity: settings, TOML files and hashes hold that.

    Made by `ntk_repro.models.network_spec`.

    Attributes:
        name: "lenet", or for a custom network "my_network.py:MyNet@0f3c5a0f3c5a", with the digest of its source.
        definition: a Flax class, a function that returns a module, or a finished Linen module.
        custom: the place of a custom network, a file by its full path; None for those of the package.
        texts: the source of a custom network, by path from the file's folder or, for a module in a package, from the
            package's.
    """

    name: str
    definition: Any
    custom: CustomName | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def __new__(cls, name: str, *parts: Any) -> "NetworkSpec":
        """The string."""
        return super().__new__(cls, name)

    @property
    def display_name(self) -> str:
        """Its name in tables and figures."""
        return display_name(self.name)

    @property
    def digest(self) -> str:
        """Of the source of a custom network, else ""."""
        return self.custom.digest if self.custom else ""

    @property
    def place(self) -> str:
        """The network and, if it is a custom one, its file or module, for messages."""
        return f"{self.display_name} in {self.name.rpartition(':')[0]}" if self.custom else self.name

    @property
    def takes(self) -> dict[str, inspect.Parameter]:
        """The settings that it takes by name."""
        if isinstance(self.definition, nn.Module):
            return {}
        nnx = isinstance(self.definition, type) and is_nnx(self.definition)  # whose metaclass takes any argument
        found = inspect.signature(self.definition.__init__ if nnx else self.definition).parameters
        by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        linen = isinstance(self.definition, type) and issubclass(self.definition, nn.Module)
        of_flax = ("parent", "name") if linen else ("self",) if nnx else ()
        return {name: one for name, one in found.items() if one.kind in by_name and name not in of_flax}

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of them that are not sizes, outputs, activation or arguments of an initialization."""
        others = (*_SIZES, *_INITIALIZATION, "num_outputs", "activation")
        return tuple(name for name in self.takes if name not in others)

    def arguments(self, **settings: Any) -> dict[str, Any]:
        """The given settings as the network takes them.

        Sizes are multiplied by the factor `width`, unless they are given; an activation becomes a function if the
        network's default is one. None is left out.

        Raises:
            UserError: a setting that it does not take (except num_outputs, for which its outputs are counted), a value
                that no network has, or a setting that it needs and that is not given.
        """
        width, outputs = settings.pop("width", None), settings.get("num_outputs")
        if width is not None:
            check_positive(width=width)
        check_counts(num_outputs=outputs)
        takes, given = self.takes, {}
        for name, value in settings.items():
            if value is None or (name == "num_outputs" and name not in takes):
                continue
            if name not in takes:
                self._refuse(name, value)
                continue
            if self.custom is None:
                value = _checked_like(name, value, takes[name].default)
            given[name] = _activation(takes[name], value) if name == "activation" else value
        sizes = {} if width in (None, 1) else self._sizes(width)
        given = {**sizes, **given}
        for name, one in takes.items():
            if one.default is inspect.Parameter.empty and name not in (*given, *_INITIALIZATION):
                raise UserError(f"{self.place} needs {name}, which nothing sets: give it a default")
        return given

    def replaced_activation(self, given: Mapping[str, Any]) -> str:
        """The default activation if the `arguments` have another one, else "" (also without a default)."""
        default = self.takes["activation"].default if "activation" in given else inspect.Parameter.empty
        if default in (inspect.Parameter.empty, None, given.get("activation")):
            return ""
        return getattr(default, "__name__", str(default))

    def build(self, *, key: Any = None, input_shape: tuple[int, ...] | None = None, **settings: Any) -> Any:
        """The Linen or NNX module.

        Args:
            key: a PRNG key, for networks that are initialized when they are built.
            input_shape: of one input, for the same.
            **settings: as in `arguments`.

        Raises:
            UserError: from `arguments`; the result is not a module, or building it fails.
        """
        given, takes = self.arguments(**settings), self.takes
        if isinstance(self.definition, nn.Module):
            return self.definition
        start = {"key": key, "input_shape": input_shape}
        if "rngs" in takes and key is not None:
            from flax import nnx

            start["rngs"] = nnx.Rngs(key)
        for name in _INITIALIZATION:
            if name in takes and start.get(name) is not None:
                given[name] = start[name]
            elif name in takes and takes[name].default is inspect.Parameter.empty:
                raise UserError(f"{self.place} needs {name}: make it by Network.create with a key and an input shape")
        try:
            module = self.definition(**given)
        except Exception as error:  # whatever a user's code raises
            if self.custom is None:
                raise
            raise UserError(f"{self.place} cannot be built ({last_line(error)}): fix the module") from error
        if not (isinstance(module, nn.Module) or is_nnx(type(module))):
            given = with_article(type(module).__name__)
            raise UserError(f"{self.place} gives {given}: it must give a Linen or an NNX module")
        return module

    def _refuse(self, name: str, value: Any) -> None:
        """Refuses a setting that the network does not take, except the one parameterization that it has."""
        if self.custom is not None:
            option, known = name.replace("_", "-"), ", ".join(self.takes) or "none"
            raise UserError(
                f"{self.place} takes no {name} (it takes {known}): leave out --{option}, or let it take one"
            )
        if name != "parameterization":
            raise unknown_name(f"setting of {self.name}", name, self.takes)
        check_name("parameterization", value, PARAMETERIZATIONS)
        if value != "standard":
            raise UserError(
                f"{self.name} exists in standard parameterization only: take fcn, cnn or wide_resnet for "
                f"parameterization={value!r}"
            )

    def _sizes(self, factor: float) -> dict[str, Any]:
        """The network's sizes times a factor; a network that takes `width` computes its other sizes from it."""
        defaults = {name: one.default for name, one in self.takes.items() if name in _SIZES}
        sizes = {name: _scaled(value, factor) for name, value in defaults.items() if _is_size(value)}
        if not sizes:
            raise UserError(
                f"{self.place} takes no width: leave out --width, or let it take width, channels or hidden, with a "
                "number (or numbers) as default, which is multiplied by it"
            )
        return {"width": sizes["width"]} if "width" in sizes else sizes


def is_nnx(cls: type) -> bool:
    """Whether a class is a `flax.nnx.Module`."""
    # By name, so that flax.nnx is imported only where it is used.
    return any(base.__module__.startswith("flax.nnx") for base in cls.__mro__)


def _checked_like(name: str, value: Any, default: Any) -> Any:
    """A setting of the kind of the default of a network of the package; names are checked elsewhere."""
    if isinstance(default, bool):
        check_flags(**{name: value})
        return bool(value)
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list):
            raise UserError(f"{name} must hold whole numbers, such as {default}, not {shown(value)}")
        return tuple(check_whole(name, one) for one in value)
    if isinstance(default, float):
        check_not_negative(**{name: value})
    elif isinstance(default, int):
        return check_whole(name, value)
    return value


def _is_size(value: Any) -> bool:
    values = value if isinstance(value, tuple) and value else (value,)
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def _scaled(size: Any, factor: float) -> Any:
    """A size, or each of several, times a factor: a count is rounded, to 1 or more."""
    if isinstance(size, tuple):
        return tuple(_scaled(one, factor) for one in size)
    return max(1, round(size * factor)) if isinstance(size, int) else size * factor


def _activation(parameter: inspect.Parameter, name: str) -> Any:
    """The activation as the network takes it: a function if its default or its annotation is one."""
    function = activation_fn(name)
    annotation = str(parameter.annotation)
    return function if callable(parameter.default) or "Callable" in annotation else name
