"""How long a run will take here: its share of a preset's minutes, by its work relative to the preset's runs."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ntk_repro.data import image_shape
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSource, StudyConfig
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.network import Network
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.index import FIGURES
from ntk_repro.papers.presets import load_figure_preset

# Settings that work is proportional to, where a study has them.
_COUNTS = ("epochs", "steps", "num_networks", "networks")
_LISTS = ("indices",)
_LEAST = 0.2  # minutes: starting and compiling


def expected_cost(figure: Figure, preset: str, configs: Sequence[StudyConfig]) -> Cost | None:
    """What runs are expected to take on this machine; None where the preset does not say.

    Args:
        figure: that draws them.
        preset: of it, that they are like.
        configs: of the runs.

    Raises:
        UserError: unknown preset.
    """
    found = load_figure_preset(figure, preset)
    presets = [found] if found.cost else [load_figure_preset(FIGURES[one], preset) for one in found.sources]
    costs = [one.cost for one in presets if one.cost]
    if not costs or len(costs) < len(presets):
        return None
    runs = [run for one in presets for run in one.configs]
    try:
        share = sum(map(work, configs)) / sum(map(work, runs))
    except UserError:  # images that are not there: what is missing is said where they are loaded
        share = len(configs) / len(runs)
    minutes = sum(cost.minutes for cost in costs) * share
    return Cost(max(minutes, _LEAST), costs[0].device, costs[0].needs)


def work(config: StudyConfig) -> float:
    """A number that grows with the time that a run takes: images by epochs by tasks, and operations of the network."""
    settings: dict[str, Any] = dict(vars(config))
    found = math.prod(settings[name] for name in _COUNTS if isinstance(settings.get(name), int))
    found *= math.prod(len(settings[name]) for name in _LISTS if settings.get(name))
    if not isinstance(config, DataSource) or (images := config.available()) is None:
        return float(found)
    found *= config.n_train or images[0]
    if isinstance(config, InitialNetwork):
        side, shape = vars(config).get("resize"), image_shape(config.data, config.data_dir)
        shape = shape if side is None else (side, side, shape[-1])
        found *= _operations(config.net, shape, tuple(sorted(config.model_settings.items())))
    return float(found)


@functools.cache
def _operations(net: str, shape: tuple[int, ...], settings: tuple[tuple[str, Any], ...]) -> float:
    """Of a forward pass of one image, as XLA counts them before it compiles."""
    made = Network.create(net, 0, shape, **{"num_outputs": 1, **dict(settings)})
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    counted: Any = jax.jit(made.apply_fn).lower(made.params, made.state, image).cost_analysis()
    return max(float((counted[0] if isinstance(counted, list) else counted)["flops"]), 1.0)
