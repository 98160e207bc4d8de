"""Runs by the task that they were trained on, and the settings of those of a panel."""

from collections.abc import Mapping, Sequence
from typing import Any

from ntk_repro.papers.drawing import by_net, check_study, net_names
from ntk_repro.record import RunFolder


def by_task(runs: Sequence[RunFolder], study: str) -> dict[tuple[str, int | None], list[RunFolder]]:
    """The runs of a study, of each network on each task (an eigenfunction's index, or None for the classes).

    Eigenfunctions come first, by rising index; runs of a task are ordered by seed.
    """
    check_study(runs, study)
    indices = sorted({run.config["index"] for run in runs}, key=lambda index: (index is None, index))
    names = net_names(runs)
    groups = {index: by_net([run for run in runs if run.config["index"] == index], study, names) for index in indices}
    return {(net, index): group for index, nets in groups.items() for net, group in nets.items()}


def task_name(index: int | None) -> str:
    """The name of a task in a picture."""
    return "classes 0-4 against 5-9" if index is None else rf"$\phi_{{{index}}}$"


def setup(group: Sequence[RunFolder]) -> dict[str, Any]:
    """The settings of a panel's runs that statements are about."""
    config, provenance = group[0].config, group[0].environment.get("provenance", {})
    names = ("width", "residual_scale_init", "epochs", "trained_statistics")
    found = {name: config[name] for name in names if name in config} | training(config)
    return {**found, **{name: provenance.get(name) for name in ("n_train", "n_test")}}


def training(config: Mapping[str, Any]) -> dict[str, Any]:
    """How networks and linearizations train: by SGD whose learning rate falls linearly, where no setting says else."""
    names = ("learning_rate", "momentum", "batch_size")
    usual = {"optimizer": "sgd", "schedule": "linear"}
    return {name: config.get(name, value) for name, value in usual.items()} | {name: config[name] for name in names}
