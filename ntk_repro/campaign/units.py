"""The list of a campaign, and the units that it comes to: the runs of its figures, each once."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSource, StudyConfig
from ntk_repro.machine_speed import machine_speed
from ntk_repro.memory import parse_bytes
from ntk_repro.papers import Cost, Figure, find_figures, load_figure_preset
from ntk_repro.papers.expected import expected_cost
from ntk_repro.papers.kernels import kernel_bytes, kernel_images
from ntk_repro.papers.presets import Study, study_of
from ntk_repro.record import config_hash, from_dict, parse_toml

_UNKNOWN = 60.0  # minutes, of a run whose preset does not say


@dataclass(frozen=True)
class Entry:
    """One figure of a campaign at one preset: a table `[[entry]]` of its file."""

    figure: str
    """Such as "ortiz2021/fig2"."""
    preset: str = "quick"
    value: float = 1.0
    """What the figure is worth: units with the most value per hour come first."""
    memory: str | None = None
    """What a run of it needs, such as "6GiB"; none: its Gram matrix, then what finished runs have needed."""
    nets: tuple[str, ...] = ()
    """Those of the preset's networks to compute; none: all."""
    seeds: tuple[int, ...] = ()
    """Seeds in place of the preset's."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the study's config in place of the preset's, in every run."""

    @cached_property
    def of(self) -> Figure:
        """The figure."""
        found = find_figures(self.figure)
        if len(found) > 1:
            raise UserError(f"{self.figure} names {len(found)} figures: write {' or '.join(one.id for one in found)}")
        return found[0]

    def configs(self) -> list[StudyConfig]:
        """The settings of its runs, checked, in their canonical form."""
        for key in sorted(self.changes.keys() & {"seed", *(one.name for one in dataclasses.fields(self))}):
            where = "seeds" if key == "seed" else key
            raise UserError(f"changes has {key}: write {where} in the entry itself")
        seeds = tuple(dict.fromkeys(self.seeds))
        preset = load_figure_preset(self.of, self.preset, nets=self.nets, seeds=seeds, **self.changes)
        return list(dict.fromkeys(config.resolved() for config in preset.configs))


@dataclass(frozen=True)
class Unit:
    """One run of a campaign, with what is known before it is computed.

    Attributes:
        study: computes it.
        folder: the study's folder among the runs.
        config: its settings.
        preset: the first that it is of.
        value: the sum of its shares in the values of the entries that have it.
        seconds: its duration, by the preset's cost and this machine's speed.
        device: the device of that duration, "cpu" or "gpu".
        needs: what else the preset says that the machine must have, such as "ImageNet".
        memory: bytes that it needs at least.
    """

    study: Study
    folder: str
    config: StudyConfig
    preset: str
    value: float
    seconds: float
    device: str
    needs: str
    memory: float

    @cached_property
    def hash(self) -> str:
        """Of the settings."""
        return config_hash(self.config)

    @property
    def name(self) -> str:
        """Its folder below that of all runs."""
        return f"{self.folder}/{self.hash}"

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What it shares with the units most like it: device, study, preset, and network with its width."""
        settings = vars(self.config)
        network = " x".join(str(settings[name]) for name in ("net", "width") if name in settings)
        return self.device, self.folder, self.preset, network

    @property
    def label(self) -> str:
        """The run in a few words, and the beginning of its hash."""
        return f"{self.study.name}: {self.config.label}, {self.preset}, seed {self.config.seed} ({self.hash[:6]})"

    @property
    def trouble(self) -> str:
        """Why it cannot run on the images that there are, "" where it can."""
        if not isinstance(self.config, DataSource):
            return ""
        try:
            fit, lines = self.config.fitted(())
        except UserError as error:
            return str(error)
        return "" if fit == self.config else "; ".join(line.partition(":")[0] for line in lines)


@dataclass(frozen=True)
class _File:
    entry: tuple[Entry, ...]


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The entries of a campaign's file.

    Raises:
        UserError: the file cannot be read, or an entry is not one.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: save it as such") from error
    if not content.get("entry"):
        raise UserError(f'{path} has no entry: begin each with a line [[entry]], then figure = "ortiz2021/fig2"')
    entries = from_dict(_File, content, str(path)).entry
    for entry in entries:
        if not (math.isfinite(entry.value) and entry.value > 0):
            raise UserError(f"the value of {entry.figure} in {path} must be above 0, not {entry.value}: change it")
    return entries


def units_of(entries: Iterable[Entry]) -> list[Unit]:
    """The runs of the entries, each once, in their order.

    Raises:
        UserError: an unknown figure, preset, network or setting.
    """
    units: dict[str, Unit] = {}
    for number, entry in enumerate(entries, 1):
        try:
            figure, study, configs = entry.of, study_of(entry.of), entry.configs()
            given = parse_bytes(entry.memory) if entry.memory else None
        except UserError as error:
            raise UserError(f"entry {number} ({entry.figure}): {error}") from error
        for config in configs:
            memory = kernel_bytes(kernel_images(figure, config)) if given is None else given
            cost = expected_cost(figure, entry.preset, [config]) or Cost(_UNKNOWN)
            unit = Unit(
                study=study,
                folder=figure.folder,
                config=config,
                preset=entry.preset,
                value=entry.value / len(configs),
                seconds=60 * cost.minutes_here(machine_speed()),
                device=cost.device,
                needs=cost.needs,
                memory=memory,
            )
            known = units.get(unit.name)
            units[unit.name] = unit if known is None else dataclasses.replace(known, value=known.value + unit.value)
    return list(units.values())
