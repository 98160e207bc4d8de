"""Architectures as Flax modules, one per file, and the registry that builds them by name.

To add one, write its module in a new file and add it to `registry.MODELS`.
"""

from ntk_repro.models.activations import ACTIVATIONS, activation_fn
from ntk_repro.models.alexnet import AlexNet
from ntk_repro.models.cnn import CNN
from ntk_repro.models.custom import load_custom
from ntk_repro.models.custom_source import last_line
from ntk_repro.models.fcn import FCN
from ntk_repro.models.lenet import LeNet
from ntk_repro.models.lenet5 import LeNet5
from ntk_repro.models.mlp import MLP
from ntk_repro.models.parameterized import PARAMETERIZATIONS, Parameterization
from ntk_repro.models.registry import MODELS, build_model, network_spec
from ntk_repro.models.resnet import ResNet18
from ntk_repro.models.settings import RESIDUAL, NetworkChoice, NetworkSettings, ResidualNetworkSettings
from ntk_repro.models.spec import NetworkSpec, is_nnx
from ntk_repro.models.wide_resnet import WideResNet

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "FCN",
    "MLP",
    "MODELS",
    "PARAMETERIZATIONS",
    "RESIDUAL",
    "AlexNet",
    "LeNet",
    "LeNet5",
    "NetworkChoice",
    "NetworkSettings",
    "NetworkSpec",
    "Parameterization",
    "ResNet18",
    "ResidualNetworkSettings",
    "WideResNet",
    "activation_fn",
    "build_model",
    "is_nnx",
    "last_line",
    "load_custom",
    "network_spec",
]
