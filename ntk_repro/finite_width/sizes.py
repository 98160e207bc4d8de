"""Experiment: how many parameters a network has as it grows wider, without making one.

Source: Samarin et al. 2022, sections 3, 4.2 and 4.3 (numbers in the text).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.errors import UserError
from ntk_repro.experiments import StudyConfig, experiment
from ntk_repro.models import build_model
from ntk_repro.network_names import display_name
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder


@dataclass(frozen=True)
class Config(StudyConfig):
    """Counts the parameters of a network of several widths."""

    net: str = "lenet5"
    """Network: lenet5, alexnet or another one of `ntk_repro.models`."""
    widths: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 25.0, 60.0)
    """Width factors."""
    image: tuple[int, int, int] = (28, 28, 1)
    """Height, width and channels of an image."""
    outputs: int = 10
    """Outputs of the network."""

    def canonical(self) -> dict[str, object]:
        """As `Settings.canonical`: no number is random."""
        check_counts(outputs=self.outputs)
        if not self.widths or min(self.widths) <= 0 or min(self.image) < 1:
            raise UserError(f"widths and sides must be above 0, not {self.widths} and {self.image}")
        return {**super().canonical(), "seed": 0}

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        sides = " x ".join(map(str, self.image))
        return f"{display_name(self.net)} on images of {sides}, outputs: {self.outputs}"


@experiment("finite_width_sizes")
def run(config: Config, data: None, folder: RunFolder) -> dict[str, np.ndarray]:
    """Counts the parameters, or returns a finished run.

    The result's arrays: `widths` (w,) and `num_params` (w,).
    """
    counts = [_parameters(config, width) for width in config.widths]
    return {"widths": np.array(config.widths), "num_params": np.array(counts)}


def _parameters(config: Config, width: float) -> int:
    module = build_model(config.net, width=width, num_outputs=config.outputs)
    x = jax.ShapeDtypeStruct((1, *config.image), jnp.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def show(folder: RunFolder) -> None:
    """Prints the counts."""
    result, config = folder.result(), folder.config
    rows = list(zip(result["widths"], result["num_params"], strict=True))
    print_table({"width": "g", "parameters": ","}, rows, display_name(config["net"]))
