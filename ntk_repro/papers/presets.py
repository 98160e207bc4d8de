"""From configs/<paper>/<figure>.toml to the runs that a figure draws."""

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from ntk_repro.errors import UserError, check_name
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import configs_dir
from ntk_repro.record import from_dict, load_preset, load_presets

if TYPE_CHECKING:
    from ntk_repro.experiments import Run, StudyConfig

T = TypeVar("T")

# What a preset may hold besides the fields of its study's config.
_OWN_KEYS = ("cost", "seeds", "runs", "runs_from", "nets", "keep")


@dataclass(frozen=True)
class Study:
    """A study's settings, and the function that computes one run of them."""

    name: str
    config: "type[StudyConfig]"
    run: "Run[Any]"

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of every setting."""
        return {field.name: field.default for field in dataclasses.fields(self.config)}

    @property
    def conditions(self) -> dict[str, dict[str, Any]]:
        """For every setting the values of others without which it has no effect."""
        return {field.name: field.metadata.get("only_with", {}) for field in dataclasses.fields(self.config)}


@dataclass(frozen=True)
class Preset:
    """The runs of a figure at one preset, how long they take, and the ids of the figures that they belong to."""

    name: str
    cost: Cost | None
    configs: "tuple[StudyConfig, ...]"
    sources: tuple[str, ...] = ()


def study_of(figure: Figure) -> Study:
    """The study that computes the runs of `figure` (imports it, and JAX with it)."""
    module = importlib.import_module(f"ntk_repro.{figure.study}")
    return Study(figure.study, module.Config, module.run)


def preset_names(figure: Figure) -> tuple[str, ...]:
    """The presets of `figure`, in the order of its file."""
    return tuple(load_presets(_file(figure.id)))


def study_settings(figure: Figure) -> frozenset[str]:
    """The settings of the runs of `figure`, those that `load_figure_preset` can replace."""
    return frozenset(study_of(figure).defaults)


def load_figure_preset(
    figure: Figure, preset: str, /, *, nets: tuple[str, ...] = (), seeds: tuple[int, ...] = (), **changes: Any
) -> Preset:
    """The runs of `figure` at a preset.

    A preset holds fields of the study's config shared by all runs, `runs` (a list of tables, each with the fields of
    its run), `seeds` (every run once for each), `cost` (the fields of `Cost`), and `nets` where it has some networks of
    its runs only, as one may that is like another (see `ntk_repro.record.load_presets`). Instead of `runs` it may say
    `runs_from = "<another figure of the paper>"` (or a list of several), to draw the runs of that figure's preset of
    the same name, those with the settings of `keep` (a table, such as `keep = { depth = 1 }`).

    Args:
        figure: the figure.
        preset: the preset's name.
        nets: networks to keep, all where empty.
        seeds: seeds in place of the preset's.
        **changes: fields of the study's config that replace the preset's in every run. A field that has an effect
            only with another (`only_with` of its metadata) is set in the runs that have that.

    Raises:
        UserError: unknown preset, key or value, a setting that the figure's study does not have, a
            setting without an effect on any run, or no run left.
    """
    study = study_of(figure)
    if "seed" in changes:
        raise UserError(f"a preset has seeds: write --seeds {changes['seed']} in place of seed={changes['seed']}")
    for key in changes:
        check_name(f"setting of the runs of {figure.id}", key, study.defaults)
    content = _content(figure.id, preset, study)
    cost, where = content.pop("cost", None), f"preset {preset} of {figure.id}"
    if cost is not None:
        cost = _table(Cost, cost, f"cost of {where}", "{ minutes = 2 }")
    keep, own_nets = content.pop("keep", {}), content.pop("nets", ())
    kept = vars(_table(study.config, keep, f"keep of {where}", "keep = { depth = 1 }"))
    contents = _followed(figure, preset, study, content) if "runs_from" in content else {figure.id: content}
    sources = {source: (own_nets, found.pop("nets", ())) for source, found in contents.items()}
    if (nets or any(map(any, sources.values()))) and "net" not in study.defaults:
        raise UserError(f"the runs of {figure.id} have no networks to choose from: leave out --nets")
    configs = [
        config
        for source, found in contents.items()
        for config in _configs(study, found, f"preset {preset} of {source}", seeds, changes)
        if all(vars(config)[key] == kept[key] for key in keep)
        and all(not names or vars(config)["net"] in names for names in sources[source])
    ]
    if not configs:
        runs_of = " and ".join(sources)
        raise UserError(f"preset {preset!r} of {figure.id} keeps no run of {runs_of}: change its keep or nets")
    for net in nets:
        if ":" in net:
            raise UserError(f"{figure.id} has no settings for {net}: {_command_for(study, net)}")
        check_name(f"network of {figure.id} at preset {preset}", net, {vars(config)["net"] for config in configs})
    configs = [config for config in configs if not nets or vars(config)["net"] in nets]
    _check_effects(study, configs, changes, f"no run of {figure.id} at preset {preset}")
    return Preset(preset, cost, tuple(configs), tuple(sources))


def run_to_change(figure: Figure, preset: str, net: str | None = None) -> "StudyConfig":
    """The settings of one run of a preset, to be changed: of its first run with this network.

    Args:
        figure: the figure.
        preset: the preset's name.
        net: a network, also one of a file; None for the study's default. Where no run of the preset has it, the
            settings are those that all its runs share, else the study's defaults.

    Raises:
        UserError: unknown preset.
    """
    check_name("preset", preset, preset_names(figure))
    configs, study = load_figure_preset(figure, preset).configs, study_of(figure)
    if "net" not in study.defaults:
        return configs[0]
    net = study.defaults["net"] if net is None else net
    if choices := get_args(get_type_hints(study.config)["net"]):
        check_name("network", net, choices)
    for config in configs:
        if vars(config)["net"] == net:
            return config
    fields = [{name: vars(config)[name] for name in study.defaults} for config in configs]
    has = {name for name, condition in study.conditions.items() if condition.get("net", net) == net}
    shared = {name: value for name, value in fields[0].items() if all(other[name] == value for other in fields)}
    shared = {name: value for name, value in shared.items() if name in has}
    return study.config(**{**shared, "net": net})


def _command_for(study: Study, net: str) -> str:
    """How to train a network that no preset has."""
    from ntk_repro.models.settings import NetworkChoice

    if not issubclass(study.config, NetworkChoice):
        return "it is of other networks than those of a user"
    return f"the command of its study has, python -m ntk_repro.{study.name.replace('.', ' ')} --net {net}"


def _file(figure_id: str) -> Path:
    return configs_dir() / f"{figure_id}.toml"


def _content(figure_id: str, preset: str, study: Study) -> dict[str, Any]:
    """A preset as its file has it, with known keys only."""
    content = load_preset(_file(figure_id), preset)
    _check_keys(content, f"preset {preset} of {figure_id}", (*_OWN_KEYS, *study.defaults))
    if "keep" in content and "runs_from" not in content:
        raise UserError(f"preset {preset!r} of {figure_id} has keep without runs_from: leave out the runs themselves")
    return content


def _followed(figure: Figure, preset: str, study: Study, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The contents of the presets of the figures named by `runs_from`, by their ids."""
    named = content.pop("runs_from")
    names = [named] if isinstance(named, str) else named
    takes = f"preset {preset!r} of {figure.id} takes its runs from {' and '.join(names)}"
    if content:
        raise UserError(f"{takes}: {', '.join(content)} belongs there")
    found = {f"{figure.paper.name}/{name}": _content(f"{figure.paper.name}/{name}", preset, study) for name in names}
    for theirs in found.values():
        if "runs_from" in theirs:
            raise UserError(f"{takes}, which takes them from {theirs['runs_from']}: name {theirs['runs_from']} there")
        theirs.pop("cost", None)
    return found


def _configs(
    study: Study, content: dict[str, Any], where: str, seeds: Sequence[int], changes: Mapping[str, Any]
) -> "Iterator[StudyConfig]":
    """All runs of a preset, with the changes that have an effect on them."""
    runs, default_seeds = content.pop("runs", [{}]), content.pop("seeds", [0])
    for run in runs:
        _check_keys(run, where, ("seeds", *study.defaults))
        values = {**content, **run}
        own_seeds = values.pop("seeds", default_seeds)
        changed = {**study.defaults, **values, **changes}
        values |= {key: changes[key] for key in changes if study.conditions[key].items() <= changed.items()}
        for seed in seeds or own_seeds:
            yield from_dict(study.config, {**values, "seed": seed}, where)


def _check_effects(study: Study, configs: "list[StudyConfig]", changes: Mapping[str, Any], no_run: str) -> None:
    """Refuses a change that has no effect on any run."""
    for key in changes:
        condition = study.conditions[key]
        if not any(condition.items() <= vars(config).items() for config in configs):
            option = key.replace("_", "-")
            needs = " and ".join(f"--{name} {value}" for name, value in condition.items())
            raise UserError(
                f"{no_run} has {needs}, without which --{option} has no effect: add that, or leave out --{option}"
            )


def _table(kind: type[T], content: Any, source: str, example: str) -> T:
    """A table of a preset as a dataclass."""
    if not isinstance(content, Mapping):
        raise UserError(f"{source} must be a table, such as {example}, not {content!r}")
    return from_dict(kind, dict(content), source)


def _check_keys(content: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
    for key in content:
        if key == "seed":
            raise UserError(f"{where} has seed; write seeds = [{content[key]}] instead")
        check_name(f"key of {where}", key, known)
