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
from ntk_repro.models.parameterized import PARAMETERIZATIONS
from ntk_repro.models.resnet import ResNet18
from ntk_repro.models.wide_resnet import WideResNet

__all__ = ["MODELS", "build_model", "model_settings", "settings_of"]

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
    activation: str = "relu",
    parameterization: str | None = None,
    **model_kw: Any,
) -> nn.Module:
    """The Flax module of a named architecture.

    Args:
        name: one of `MODELS`.
        width: factor on every channel count and hidden width, rounded, at least 1 unit each.
        num_outputs: number of outputs (logits).
        activation: one of `ntk_repro.models.ACTIVATIONS`.
        parameterization: "ntk" or "standard"; None for the architecture's own: "ntk" for fcn, cnn and wide_resnet,
            which a key initializes to the same function in both; all others have "standard" alone.
        **model_kw: fields of the architecture, such as `residual_scale_init` of resnet18.

    Raises:
        UserError: for an unknown name, activation, parameterization or field, a parameterization that the architecture
            does not have, a width that is not above 0, no outputs.

    >>> build_model("lenet", width=2).channels
    (12, 32)
    """
    if name not in MODELS:
        raise unknown_name("network", name, MODELS)
    if not width > 0:
        raise UserError(f"width must be above 0, not {width}: 1 is the paper's network, 2 twice as wide")
    if num_outputs < 1:
        raise UserError(f"a network has 1 output or more, not {num_outputs}")
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
    sizes = {key: _scaled(fields[key], width) for key in _WIDTH_FIELDS if key in fields and key not in model_kw}
    return model(num_outputs=num_outputs, activation=activation, **sizes, **model_kw)


def model_settings(name: str) -> tuple[str, ...]:
    """The settings of an architecture beyond width, num_outputs and activation, such as residual_scale_init.

    Raises:
        UserError: for an unknown name.
    """
    if name not in MODELS:
        raise unknown_name("network", name, MODELS)
    return tuple(key for key in _fields(name) if key not in ("num_outputs", "activation", *_WIDTH_FIELDS))


def settings_of(config: Any) -> dict[str, Any]:
    """What a study's settings hold for `build_model` beside the name: width, activation and what the network has.

    Args:
        config: settings with a field `net`, and fields named as `build_model` names its arguments.

    Raises:
        UserError: for an unknown network.
    """
    names = ("width", "activation", *model_settings(config.net))
    return {name: getattr(config, name) for name in names if hasattr(config, name)}


def _fields(name: str) -> dict[str, Any]:
    model: Any = MODELS[name]
    return {field.name: field.default for field in dataclasses.fields(model) if field.name not in ("parent", "name")}


def _scaled(size: int | tuple[int, ...], width: float) -> int | tuple[int, ...]:
    if isinstance(size, int):
        return max(1, round(size * width))
    return tuple(max(1, round(s * width)) for s in size)
