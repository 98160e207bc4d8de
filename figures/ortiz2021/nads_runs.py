"""The titles of runs in the drawings of neural anisotropy directions."""

import json
from collections.abc import Sequence

from ntk_repro.network_names import net_title, width_text
from ntk_repro.record import RunFolder

_ACTIVATIONS = {"relu": "ReLU"}


def title_of(run: RunFolder) -> str:
    """The network with its unusual settings: "ResNet18, width ×1/4, residual scale 0"."""
    config = run.config
    parts = [net_title(config["net"])]
    parts += [f"width ×{width_text(config['width'])}"] if config["width"] != 1 else []
    parts += [f"residual scale {config['residual_scale_init']:g}"] if config["net"] == "resnet18" else []
    activation: str = config["activation"]
    parts += [_ACTIVATIONS.get(activation, activation)] if activation != "gelu" else []
    return ", ".join(parts) + (f", seed {config['seed']}" if config["seed"] else "")


def first_of_seeds(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """Of runs that differ in their seed the first."""
    return list({json.dumps({**run.config, "seed": 0}, sort_keys=True): run for run in reversed(runs)}.values())[::-1]
