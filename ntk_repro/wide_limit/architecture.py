"""Experiment: the layers of the wide residual network, read off the network itself.

Source: Lee et al. 2019, Table S1.
"""

import functools
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from ntk_repro.command_line import print_table
from ntk_repro.experiments import StudyConfig, experiment
from ntk_repro.models import build_model
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder

GROUPS = ("conv1", "conv2", "conv3", "conv4")


@dataclass(frozen=True)
class Config(StudyConfig):
    """Lists output sizes and kernels of the groups of the wide residual network; nothing is computed but shapes."""

    channels: int = 1024
    """Channels of every layer."""
    blocks: int = 1
    """Residual blocks per group, N in the paper."""
    image_size: int = 32
    """Height and width of an image."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"wide_resnet of {self.channels:,} channels, N = {self.blocks}, on images of height {self.image_size}"

    def module(self) -> nn.Module:
        """The network."""
        return build_model("wide_resnet", channels=self.channels, blocks=self.blocks, num_outputs=10)

    @property
    def groups(self) -> list[list[str]]:
        """The names of the layers and blocks of each group."""
        blocks = ([f"group_{group}_block_{block}" for block in range(self.blocks)] for group in range(3))
        return [["conv_init"], *blocks]

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_counts(channels=self.channels, blocks=self.blocks, image_size=self.image_size)
        return super().canonical()


@experiment("wide_limit_architecture")
def run(config: Config, data: None, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one run of the experiment, or returns one that is done.

    The result's arrays, for the four groups of Table S1: `output_size` (4,), height of a group's output; `blocks` (4,),
    residual blocks in it (conv1: 0); `convolutions` (4,), its 3 x 3 convolutions; `pooled`, height of what is averaged;
    `averages`, whether the readout's inputs are its mean over all pixels; `channels` (c,), outputs of each convolution;
    `order` (2,), how far a residual block is from BatchNorm, ReLU, convolution and from convolution, BatchNorm, ReLU
    written out, relatively.
    """
    x = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), np.float32)
    shapes = jax.eval_shape(functools.partial(_everything, config.module()), x)
    leaves: Any = flatten_dict(shapes["params"])
    kernels = {path: leaf.shape for path, leaf in leaves.items() if len(leaf.shape) == 4}
    outputs = [shapes["intermediates"][group[-1]]["__call__"][0].shape for group in config.groups]
    averages, order = _behaviour(config)
    of_group = [[shape for path, shape in kernels.items() if path[0] in group] for group in config.groups]
    return {
        "output_size": np.array([shape[1] for shape in outputs]),
        "blocks": np.array([0, *[len(group) for group in config.groups[1:]]]),
        "convolutions": np.array([sum(shape[:2] == (3, 3) for shape in group) for group in of_group]),
        "pooled": np.array(outputs[-1][1]),
        "averages": np.array(averages),
        "channels": np.array([shape[-1] for shape in kernels.values()]),
        "order": np.array(order),
    }


def _everything(module: nn.Module, x: jax.Array) -> Any:
    """Parameters, and the output of every submodule."""
    variables = module.init(jax.random.key(0), x)
    return {"params": variables["params"], "intermediates": _outputs(module, variables, x)}


def _outputs(module: nn.Module, variables: Any, x: jax.Array) -> Any:
    _, state = module.apply(variables, x, capture_intermediates=True, mutable=["intermediates"])
    return state["intermediates"]


def _behaviour(config: Config) -> tuple[bool, tuple[float, float]]:
    """`averages` and `order`, from a small network with random statistics."""
    module = build_model("wide_resnet", channels=6, blocks=config.blocks, num_outputs=10, parameterization="standard")
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    variables = module.init(jax.random.key(1), x)
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + jax.random.uniform(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    variables = jax.tree.unflatten(tree, moved)  # else normalisation and its order would not show
    found = _outputs(module, variables, x)
    averages = np.allclose(
        found["readout_inputs"][0], nn.relu(found["norm_last"]["__call__"][0]).mean((1, 2)), rtol=1e-4
    )
    params, statistics = (variables[part]["group_0_block_0"] for part in ("params", "batch_stats"))

    def norm(i: int, values: jax.Array) -> jax.Array:
        affine, stored = params[f"norm_{i}"], statistics[f"norm_{i}"]
        return (values - stored["mean"]) / jnp.sqrt(stored["var"] + 1e-5) * affine["scale"] + affine["bias"]

    def conv(i: int, values: jax.Array) -> jax.Array:
        layer: Any = nn.Conv(6, (3, 3), use_bias=False)
        return layer.apply({"params": params[f"conv_{i}"]}, values)

    start = found["conv_init"]["__call__"][0]
    branch = found["group_0_block_0"]["__call__"][0] - start
    printed, other = start, start
    for i in range(2):
        printed = conv(i, nn.relu(norm(i, printed)))
        other = nn.relu(norm(i, conv(i, other)))
    size = jnp.abs(branch).max()
    return bool(averages), (float(jnp.abs(branch - printed).max() / size), float(jnp.abs(branch - other).max() / size))


def show(folder: RunFolder) -> None:
    """Prints a run's groups."""
    result = folder.result()
    rows = zip(GROUPS, result["output_size"], result["blocks"], result["convolutions"], strict=True)
    print_table(
        {"group": "", "output": "d", "blocks": "d", "3 x 3 convolutions": "d"},
        rows,
        f"wide_resnet of {folder.config['channels']:,} channels",
    )
