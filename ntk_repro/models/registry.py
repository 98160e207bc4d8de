"""Networks by name, with their width."""

import dataclasses
from typing import Any

import flax.linen as nn

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.alexnet import AlexNet
from ntk_repro.models.cnn import CNN
from ntk_repro.models.fcn import FCN
from ntk_repro.models.lenet import LeNet
from ntk_repro.models.lenet5 import LeNet5
from ntk_repro.models.mlp import MLP
from ntk_repro.models.own import build_own, find_own, scaled
from ntk_repro.models.parameterized import PARAMETERIZATIONS
from ntk_repro.models.resnet import ResNet18
from ntk_repro.models.wide_resnet import WideResNet
from ntk_repro.network_names import own_network

__all__ = ["MODELS", "build_model", "model_settings", "unknown_network"]

MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "lenet": LeNet,
    "resnet18": ResNet18,
    "fcn": FCN,
    "cnn": CNN,
    "wide_resnet": WideResNet,
    "lenet5": LeNet5,
    "alexnet": AlexNet,
}
_WIDTH_FIELDS = ("channels", "hidden")


def build_model(
    name: str,
    width: float = 1,
    num_outputs: int = 1,
    activation: str | None = None,
    parameterization: str | None = None,
    **model_kw: Any,
) -> nn.Module:
    """The Flax module of a named architecture.

    Args:
        name: one of `MODELS`, or a network of your own, `my_network.py:MyNet` (see `ntk_repro.models.own`).
        width: factor on every channel count and hidden width, rounded, at least 1 unit each.
        num_outputs: number of outputs (logits).
        activation: one of `ntk_repro.models.ACTIVATIONS`; None for relu, of a network of your own for its default.
        parameterization: "ntk" or "standard"; None for the architecture's own: "ntk" for fcn, cnn and wide_resnet,
            which a key initializes to the same function in both; all others have "standard" alone.
        **model_kw: fields of the architecture, such as `residual_scale_init` of resnet18.

    Raises:
        UserError: for an unknown name, activation, parameterization or field, a parameterization that the architecture
            does not have, a width that is not above 0, no outputs.

    >>> build_model("lenet", width=2).channels
    (12, 32)
    """
    if not width > 0:
        raise UserError(f"width must be above 0, not {width}: 1 is the paper's network, 2 twice as wide")
    if num_outputs < 1:
        raise UserError(f"a network has 1 output or more, not {num_outputs}")
    if own_network(name) is not None:
        given = {"width": width, "num_outputs": num_outputs, "activation": activation, **model_kw}
        return build_own(name, parameterization=parameterization, **given)
    if name not in MODELS:
        raise unknown_network(name)
    activation = "relu" if activation is None else activation
    activation_fn(activation)  # an unknown one is told now, not when the network is first called
    model: Any = MODELS[name]
    fields = _fields(name)
    for key in model_kw:
        if key not in fields:
            raise unknown_name(f"setting of {name}", key, fields)
    if parameterization is not None:
        if parameterization not in PARAMETERIZATIONS:
            raise unknown_name("parameterization", parameterization, PARAMETERIZATIONS)
        if "parameterization" in fields:
            model_kw["parameterization"] = parameterization
        elif parameterization != "standard":
            raise UserError(
                f"{name} exists in standard parameterization only: take fcn, cnn or wide_resnet for "
                f"parameterization={parameterization!r}"
            )
    sizes = {key: scaled(fields[key], width) for key in _WIDTH_FIELDS if key in fields and key not in model_kw}
    return model(num_outputs=num_outputs, activation=activation, **sizes, **model_kw)


def model_settings(name: str) -> tuple[str, ...]:
    """The settings of an architecture beyond width, num_outputs and activation, such as residual_scale_init.

    Raises:
        UserError: for an unknown name.
    """
    if own_network(name) is not None:
        return tuple(key for key in find_own(name).settings if key not in ("num_outputs", "activation"))
    if name not in MODELS:
        raise unknown_network(name)
    return tuple(key for key in _fields(name) if key not in ("num_outputs", "activation", *_WIDTH_FIELDS))


def unknown_network(name: str) -> UserError:
    """The error for a name that no network has."""
    if name.endswith(".py"):
        return UserError(f"{name} may hold several networks: name one, such as {name}:MyNet")
    return UserError(f"{unknown_name('network', name, MODELS)}; one of your own: FILE.py:NAME")


def _fields(name: str) -> dict[str, Any]:
    model: Any = MODELS[name]
    return {field.name: field.default for field in dataclasses.fields(model) if field.name not in ("parent", "name")}
