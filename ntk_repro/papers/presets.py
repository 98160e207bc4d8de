"""From configs/<paper>/<figure>.toml to the runs that a figure draws."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import configs_dir
from ntk_repro.record import RunFolder, from_dict, load_preset, load_presets

if TYPE_CHECKING:
    from ntk_repro.experiments import StudyConfig

__all__ = ["Preset", "Study", "load_figure_preset", "preset_names", "study_of", "study_settings"]

T = TypeVar("T")

# What a preset may hold beside the fields of its study's config.
_OWN_KEYS = ("cost", "seeds", "runs", "runs_from", "nets", "keep")


@dataclass(frozen=True)
class Study:
    """A study's settings, and the function that computes one run of them."""

    name: str
    config: "type[StudyConfig]"
    run: Callable[..., RunFolder]


@dataclass(frozen=True)
class Preset:
    """The runs of a figure at one preset, what they cost, and whose they are if another figure's."""

    name: str
    cost: Cost | None
    configs: "tuple[StudyConfig, ...]"
    runs_of: str = ""


def study_of(figure: Figure) -> Study:
    """The study that computes the runs of `figure` (imports it, and JAX with it)."""
    module = importlib.import_module(f"ntk_repro.{figure.study}")
    return Study(figure.study, module.Config, module.run)


def preset_names(figure: Figure) -> tuple[str, ...]:
    """The presets of `figure`, in the order of its file."""
    return tuple(load_presets(_file(figure.id)))


def load_figure_preset(
    figure: Figure, preset: str, *, nets: tuple[str, ...] = (), seeds: tuple[int, ...] = (), **overrides: Any
) -> Preset:
    """The runs of `figure` at a preset.

    A preset holds fields of the study's config shared by all runs, `runs` (a list of tables, each with what is its
    own), `seeds` (every run once for each), and `cost` (the fields of `Cost`). Instead of `runs` it may say
    `runs_from = "<another figure of the paper>"`, to draw the runs of that figure's preset of the same name: of
    `nets` only where given, and only those with the settings of `keep` (a table, such as `keep = { depth = 1 }`).

    Args:
        figure: the figure.
        preset: the preset's name.
        nets: networks to keep, all where empty.
        seeds: seeds in place of the preset's.
        **overrides: fields of the study's config that replace the preset's in every run; None replaces nothing. A field
            that has an effect only beside another (`only_with` of its metadata) goes to the runs that have that.

    Raises:
        UserError: unknown preset, key or value, a setting that the figure's study does not have, a
            setting without an effect on any run, or no run left.
    """
    study = study_of(figure)
    only_with = {f.name: f.metadata.get("only_with", {}) for f in dataclasses.fields(study.config)}
    defaults = {f.name: f.default for f in dataclasses.fields(study.config)}
    fields = list(defaults)
    content = _checked_preset(figure.id, preset, fields)
    cost = _table(Cost, content.pop("cost", None), f"cost of preset {preset} of {figure.id}", "{ minutes = 2 }")
    kept, keep, from_id = [content.pop("nets", ())], {}, figure.id
    if "runs_from" in content:
        source, keep = content.pop("runs_from"), content.pop("keep", {})
        from_id = f"{figure.paper.name}/{source}"
        if content:
            raise UserError(
                f"preset {preset!r} of {figure.id} takes its runs from {source}: {', '.join(content)} belongs there"
            )
        content = _checked_preset(from_id, preset, fields)
        if "runs_from" in content:
            raise UserError(
                f"preset {preset!r} of {figure.id} takes its runs from {source}, which takes them from "
                f"{content['runs_from']}: name {content['runs_from']} there"
            )
        content.pop("cost", None)
        kept.append(content.pop("nets", ()))
    if "keep" in content:
        raise UserError(f"preset {preset!r} of {from_id} has keep without runs_from: leave out what is not to be run")
    own_seeds = content.pop("seeds", [0])
    changes = {key: value for key, value in overrides.items() if value is not None}
    for key in changes:
        if key not in fields:
            raise UserError(f"the runs of {figure.id} have no setting {key}: leave out --{key.replace('_', '-')}")
    if (nets or any(kept)) and "net" not in fields:
        raise UserError(f"the runs of {figure.id} have no networks to choose from: leave out --nets")
    kept_settings = _settings_kept(study, keep, figure.id, preset)
    configs = []
    for own in content.pop("runs", [{}]):
        _check_keys(own, from_id, preset, ("seeds", *fields))
        for seed in seeds or own.get("seeds", own_seeds):
            values = {**content, **own, "seed": seed, **changes}
            values.pop("seeds", None)
            for key in changes:
                if not only_with[key].items() <= {**defaults, **values}.items():
                    values.pop(key)
            config = from_dict(study.config, values, f"preset {preset} of {from_id}")
            settings = config.values(study.config)
            of_nets = all(not names or settings["net"] in names for names in kept)
            if of_nets and kept_settings.items() <= settings.items():
                configs.append(config)
    if not configs:
        raise UserError(f"preset {preset!r} of {figure.id} keeps no run of {from_id}: change its keep or nets")
    if nets:
        names = [config.values(study.config)["net"] for config in configs]
        drawn = dict.fromkeys(names)
        for net in nets:
            if net not in drawn:
                raise unknown_name(f"network of {figure.id} at preset {preset}", net, drawn)
        configs = [config for config, net in zip(configs, names, strict=True) if net in nets]
    for key in changes:
        if not any(only_with[key].items() <= config.values(study.config).items() for config in configs):
            option, needed = (
                key.replace("_", "-"),
                " and ".join(f"--{n} {value}" for n, value in only_with[key].items()),
            )
            raise UserError(
                f"no run of {figure.id} at preset {preset} has {needed}, without which --{option} has no effect: add "
                f"that, or leave out --{option}"
            )
    return Preset(preset, cost, tuple(configs), from_id if from_id != figure.id else "")


def study_settings(figure: Figure) -> frozenset[str]:
    """The names of the settings that the runs of `figure` have, those that `load_figure_preset` can replace."""
    return frozenset(field.name for field in dataclasses.fields(study_of(figure).config))


def _file(figure_id: str) -> Path:
    return configs_dir() / f"{figure_id}.toml"


def _checked_preset(figure_id: str, preset: str, fields: Sequence[str]) -> dict[str, Any]:
    content = load_preset(_file(figure_id), preset)
    _check_keys(content, figure_id, preset, (*_OWN_KEYS, *fields))
    return content


def _settings_kept(study: Study, keep: Any, figure_id: str, preset: str) -> dict[str, Any]:
    """The settings of `keep` with their values as a config has them (lists are tuples there)."""
    wanted = _table(study.config, keep, f"keep of preset {preset} of {figure_id}", "keep = { depth = 1 }")
    return {key: getattr(wanted, key) for key in keep}


def _table(kind: type[T], content: Any, source: str, example: str) -> T | None:
    """A table of a preset as a dataclass; None where there is none."""
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise UserError(f"{source} must be a table, such as {example}, not {content!r}")
    return from_dict(kind, dict(content), source)


def _check_keys(content: Mapping[str, Any], figure_id: str, preset: str, known: tuple[str, ...]) -> None:
    for key in content:
        if key == "seed":
            raise UserError(f"preset {preset} of {figure_id} has seed; write seeds = [{content[key]}] instead")
        if key not in known:
            raise unknown_name(f"key of preset {preset} of {figure_id}", key, known)
