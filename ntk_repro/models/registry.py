"""Networks by name, with their width."""

import copyreg
from typing import Any

import flax.linen as nn

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.models.alexnet import AlexNet
from ntk_repro.models.cnn import CNN
from ntk_repro.models.custom import load_custom
from ntk_repro.models.fcn import FCN
from ntk_repro.models.lenet import LeNet
from ntk_repro.models.lenet5 import LeNet5
from ntk_repro.models.mlp import MLP
from ntk_repro.models.resnet import ResNet18
from ntk_repro.models.spec import NetworkSpec
from ntk_repro.models.wide_resnet import WideResNet
from ntk_repro.network_names import custom_name

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


def network_spec(net: str) -> NetworkSpec:
    """The network of that name; one that was parsed before is returned unchanged.

    Args:
        net: one of `MODELS`, or a custom network, `my_network.py:MyNet` (see `ntk_repro.models.custom`).

    Raises:
        UserError: for an unknown name, with the nearest known one, and from `load_custom`.

    >>> network_spec("lenet").display_name, network_spec("lenet").settings
    ('lenet', ())
    """
    if isinstance(net, NetworkSpec):
        return net
    custom = custom_name(net)
    if custom is not None:
        return load_custom(custom)
    if net in MODELS:
        return NetworkSpec(net, MODELS[net])
    if net.endswith(".py"):
        raise UserError(f"{net} may hold several networks: name one, such as {net}:MyNet")
    raise UserError(f"{unknown_name('network', net, MODELS)}; a custom one: FILE.py:NAME")


# In another process, which may have another working folder, the source is loaded (and checked) again.
copyreg.pickle(NetworkSpec, lambda spec: (network_spec, (str(spec.custom or spec.name),)))  # type: ignore[arg-type]


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
        name: as in `network_spec`.
        width: factor on every channel count and hidden width, rounded, at least 1 unit each.
        num_outputs: number of outputs (logits).
        activation: one of `ntk_repro.models.ACTIVATIONS`; None for relu, of a custom network for its default.
        parameterization: "ntk" or "standard"; None for the architecture's default: "ntk" for fcn, cnn and
            wide_resnet, which a key initializes to the same function in both; all others have "standard" alone.
        **model_kw: fields of the architecture, such as `residual_scale_init` of resnet18.

    Raises:
        UserError: for an unknown name, activation, parameterization or field, a parameterization that the architecture
            does not have, a width that is not above 0, no outputs.

    >>> build_model("lenet", width=2).channels
    (12, 32)
    """
    named = {"width": width, "num_outputs": num_outputs, "activation": activation, "parameterization": parameterization}
    return network_spec(name).build(**named, **model_kw)
