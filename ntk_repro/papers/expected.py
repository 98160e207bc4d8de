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
from ntk_repro.papers.presets import load_figure_preset, preset_names

# Settings that work is proportional to, where a study has them.
_COUNTS = ("epochs", "steps", "num_networks", "networks")
_LISTS = ("indices",)
_LEAST = 0.2  # minutes: starting and compiling


def expected_cost(figure: Figure, preset: str, configs: Sequence[StudyConfig]) -> Cost | None:
    """What runs are expected to take on this machine; None where the preset does not say.

    Without an accelerator the minutes of a preset that is meant for a GPU are taken from a smaller one that was
    measured on a CPU, by the work of the runs.

    Args:
        figure: that draws them.
        preset: of it, that they are like.
        configs: of the runs.

    Raises:
        UserError: unknown preset.
    """
    known = _cost_and_runs(figure, preset)
    if known is None:
        return None
    cost, runs = known
    needs = cost.needs
    try:
        needed = sum(map(work, configs))
        if cost.device == "gpu" and jax.default_backend() == "cpu":
            smaller = (_cost_and_runs(figure, name) for name in reversed(preset_names(figure)))
            cost, runs = next((found for found in smaller if found and found[0].device == "cpu"), known)
        share = needed / sum(map(work, runs))
    except UserError:  # what is missing is said where the images are loaded
        cost, runs = known
        share = len(configs) / len(runs)
    return Cost(max(cost.minutes * share, _LEAST), cost.device, needs)


def _cost_and_runs(figure: Figure, preset: str) -> tuple[Cost, list[StudyConfig]] | None:
    """The cost of all runs of a preset, or of those of the figures that it draws from, and these runs."""
    found = load_figure_preset(figure, preset)
    presets = [found] if found.cost else [load_figure_preset(FIGURES[one], preset) for one in found.sources]
    costs = [one.cost for one in presets if one.cost]
    if not costs or len(costs) < len(presets):
        return None
    needs = "; ".join(dict.fromkeys(cost.needs for cost in costs if cost.needs))
    cost = Cost(sum(cost.minutes for cost in costs), costs[0].device, needs)
    return cost, [run for one in presets for run in one.configs]


def work(config: StudyConfig) -> float:
    """A number that grows with the time that a run takes: images by epochs by tasks, and operations of the network.

    Raises:
        UserError: the images are not there, or not counted before they are loaded.
    """
    settings: dict[str, Any] = dict(vars(config))
    found = math.prod(settings[name] for name in _COUNTS if isinstance(settings.get(name), int))
    found *= math.prod(len(settings[name]) for name in _LISTS if settings.get(name))
    if not isinstance(config, DataSource):
        return float(found)
    images = config.available()
    if images is None:
        raise UserError(f"how many images {config.data} has is known after loading only")
    found *= config.n_train or images[0]
    if isinstance(config, InitialNetwork):
        side, shape = vars(config).get("resize"), image_shape(config.data, config.data_dir)
        shape = shape if side is None else (side, side, shape[-1])
        found *= _operations(config.net, shape, tuple(sorted(config.model_settings.items())))
    return float(found)


@functools.cache
def _operations(net: str, shape: tuple[int, ...], settings: tuple[tuple[str, Any], ...]) -> float:
    """Of a forward pass of one image, as XLA counts them before it compiles."""
    made: list[Network] = []

    def variables() -> tuple[Any, Any]:
        made.append(Network.create(net, 0, shape, **{"num_outputs": 1, **dict(settings)}))
        return made[0].params, made[0].state

    with jax.disable_jit():  # only shapes: a wide network need not fit into memory to be counted
        params, state = jax.eval_shape(variables)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    counted: Any = jax.jit(made[0].apply_fn).lower(params, state, image).cost_analysis()
    return max(float((counted[0] if isinstance(counted, list) else counted)["flops"]), 1.0)
