"""Architectures as Flax modules, one a file, and the registry that builds them by name.

To add one, write its module in a file of its own and give it a line in `registry.MODELS`.
"""

from ntk_repro.models.activations import ACTIVATIONS, activation_fn
from ntk_repro.models.lenet import LeNet
from ntk_repro.models.mlp import MLP
from ntk_repro.models.registry import MODELS, build_model, model_settings
from ntk_repro.models.resnet import ResNet18

__all__ = ["ACTIVATIONS", "MLP", "MODELS", "LeNet", "ResNet18", "activation_fn", "build_model", "model_settings"]
