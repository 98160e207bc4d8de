"""Architectures as Flax modules, one a file, and the registry that builds them by name.

To add one, write its module in a file of its own and give it a line in `registry.MODELS`.
"""

from ntk_repro.models.activations import ACTIVATIONS, activation_fn
from ntk_repro.models.alexnet import AlexNet
from ntk_repro.models.choice import NetworkChoice, settings_of
from ntk_repro.models.cnn import CNN
from ntk_repro.models.fcn import FCN
from ntk_repro.models.lenet import LeNet
from ntk_repro.models.lenet5 import LeNet5
from ntk_repro.models.mlp import MLP
from ntk_repro.models.own import build_own, find_own, is_nnx, located
from ntk_repro.models.own_source import last_line
from ntk_repro.models.parameterized import PARAMETERIZATIONS, Parameterization
from ntk_repro.models.registry import MODELS, build_model, model_settings
from ntk_repro.models.resnet import ResNet18
from ntk_repro.models.wide_resnet import WideResNet

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "FCN",
    "MLP",
    "MODELS",
    "PARAMETERIZATIONS",
    "AlexNet",
    "LeNet",
    "LeNet5",
    "NetworkChoice",
    "Parameterization",
    "ResNet18",
    "WideResNet",
    "activation_fn",
    "build_model",
    "build_own",
    "find_own",
    "is_nnx",
    "last_line",
    "located",
    "model_settings",
    "settings_of",
]
