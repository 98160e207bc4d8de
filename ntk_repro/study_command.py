"""The command line of the studies: settings of a figure's preset, what the run will cost, and the run."""

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal

import tyro

from ntk_repro.command_line import check_places, command, early_options, parsed, this_program, use_compilation_cache
from ntk_repro.errors import UserError, check_name
from ntk_repro.experiments import MinibatchSettings, StudyConfig
from ntk_repro.machine_speed import machine_speed
from ntk_repro.papers import FIGURES, Figure, preset_names
from ntk_repro.papers.departures import setting_text
from ntk_repro.papers.presets import run_to_change
from ntk_repro.papers.run import draw_figure
from ntk_repro.progress import console
from ntk_repro.ranges import check_batch_size
from ntk_repro.record import PICTURES, RunFolder, differing_settings, second_name

_PRESET = (
    "Size of the run: quick (minutes on two cores), laptop (hours), days (what two cores can do of the paper's) or "
    "paper (the paper's settings), as in the figure that draws it; other options replace its values. Without an "
    "accelerator quick is the default, with one paper."
)
_DRY_RUN = "Whether only to show what the run is and how long it will take."
_NAME = "Name under which the run's folder is found, too, beside the one that its settings give it."


def experiment_command(study: str, args: Sequence[str] | None = None, default: str | None = None) -> None:
    """Parses the command line, computes the run (or finds it done) and shows its result.

    Args:
        study: the study's name. Its package names its experiments, each with a line of text, in `EXPERIMENTS`; each is
            a module with `Config`, `run(config)`, which gives a run folder, and `show(folder)`. `DRAWN_AS` names the
            figures that draw their runs.
        args: the command line, None for `sys.argv`.
        default: the experiment for a command line of options only, if any.
    """
    command(lambda: _one_of(study, list(sys.argv[1:] if args is None else args), default))


def study_command(module: str, figure: str, args: Sequence[str] | None = None) -> None:
    """The same for a study of one experiment.

    Args:
        module: with `Config`, `run` and `show`, below `ntk_repro`.
        figure: that draws its runs.
        args: the command line, None for `sys.argv`.
    """
    prog = f"python -m ntk_repro.{module.partition('.')[0]}"

    def run() -> None:
        check_places(args)
        _run(importlib.import_module(f"ntk_repro.{module}"), prog, args, figure)

    command(run)


def _one_of(study: str, args: list[str], default: str | None) -> None:
    package = importlib.import_module(f"ntk_repro.{study}")
    known = package.EXPERIMENTS
    prog = f"python -m ntk_repro.{study}"
    if not args or args[0] in ("-h", "--help"):
        experiment = f"[experiment; {default} if only options are given]" if default else "<experiment>"
        print(f"usage: {prog} {experiment} [options]   (--help after an experiment lists its options)\n")
        print("\n".join(f"  {name:{max(map(len, known))}}  {text}" for name, text in known.items()))
        print(f"\nnext: {prog} {default or next(iter(known))} --help")
        return
    if default and args[0].startswith("-"):
        args = [default, *args]
    if args[0].startswith("-"):
        raise UserError(f"{args[0]} stands before an experiment: begin with one of {', '.join(known)}")
    name = args[0].replace("-", "_")
    check_name("experiment", name, known)
    check_places(args)
    # Only this experiment is imported: each loads another part of the library.
    module = importlib.import_module(f"ntk_repro.{study}.{name}")
    _run(module, f"{prog} {name}", args[1:], package.DRAWN_AS.get(name), f"{prog} lists the experiments")


def _run(module: ModuleType, prog: str, args: Sequence[str] | None, figure: str | None, otherwise: str = "") -> None:
    """Runs one experiment from the command line."""
    use_compilation_cache()
    options = None
    if figure is None:
        folder = module.run(parsed(module.Config, args, prog))
    else:
        options = _parsed(module.Config, FIGURES[figure], prog, args)
        fitted = _fitted(options)
        config = fitted.resolved()
        if options.name:
            second_name(RunFolder.locate(options.figure.folder, config), options.name)
        data = module.run.load(config)
        _announce(options, fitted, data)
        if options.dry_run:
            print("next: the same command without --dry-run")
            return
        folder = module.run(config) if data is None else module.run(config, data=data)
    module.show(folder)
    where = folder.link(options.name) if options and options.name else folder.path
    print(f"kept in: {where} (the same command shows it again at once)")
    if options is None:
        print(f"next: {otherwise}")
        return
    settings: dict[str, Any] = {"preset": options.preset, "changes": _changes(options), "out": where / PICTURES}
    try:
        print(f"picture: {draw_figure(options.figure, [where], **settings).files[0]}")
    except UserError as error:  # the figure is of other runs of this study, and this one is done
        print(f"no picture: {error}")
    print(f"next: {this_program()} run {figure} --preset {options.preset}  # all its runs, as the preset has them")


@dataclass(frozen=True)
class _Options:
    """A command line.

    Attributes:
        figure: that draws the run.
        preset: of the figure.
        dry_run: whether only to show what would run.
        name: of the run's folder, None for the one that its settings give.
        base: the preset's run.
        config: the same with the options that were given.
    """

    figure: Figure
    preset: str
    dry_run: bool
    name: str | None
    base: StudyConfig
    config: StudyConfig


def _parsed(kind: type[StudyConfig], figure: Figure, prog: str, args: Sequence[str] | None) -> _Options:
    # Preset and network decide what the other options replace.
    found = early_options(args, "preset", "net")
    preset = found.preset or _default_preset()
    base = run_to_change(figure, preset, found.net)
    own = [
        ("preset", Annotated[Literal[preset_names(figure)], tyro.conf.arg(help=_PRESET)], preset),
        ("dry_run", Annotated[bool, tyro.conf.arg(help=_DRY_RUN)], False),
        ("name", Annotated[str | None, tyro.conf.arg(help=_NAME)], None),
    ]
    options = dataclasses.make_dataclass(kind.__name__, own, bases=(kind,), frozen=True)
    options.__doc__ = kind.__doc__
    given = parsed(options, args, prog, default=options(**_fields(base)))
    config = kind(**{name: getattr(given, name) for name in _fields(base)})
    return _Options(figure, given.preset, given.dry_run, given.name, base, config)


def _fields(config: StudyConfig) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _default_preset() -> str:
    import jax

    return "quick" if jax.default_backend() == "cpu" else "paper"


def _fitted(options: _Options) -> StudyConfig:
    """The checked settings, with no more images than the data set has where only the preset asks for them."""
    options.config.resolved()
    asked, base = _fields(options.config), _fields(options.base)
    given = {name for name in asked if asked[name] != base[name]}
    chosen = given & {"data", "n_train", "n_test"}
    if not chosen:
        return options.config
    fit, lines = options.config.fitted(chosen)
    if "batch_size" in given and isinstance(fit, MinibatchSettings) and fit.batch_size is not None:
        check_batch_size(asked["batch_size"], fit.batch_size)  # which is at most the number of images
    changed = {name: value for name, value in _fields(fit).items() if value != asked[name] and name not in given}
    if changed:
        for line in lines:
            console.print(line, style="yellow", highlight=False, soft_wrap=True)
    return dataclasses.replace(options.config, **changed)


def _announce(options: _Options, fitted: StudyConfig, data: Any) -> None:
    """Prints what will run, how it differs from the preset and from the paper's, how long it takes and where it is."""
    config = fitted.resolved()
    x_train, x_test = (getattr(data, name, ()) for name in ("x_train", "x_test"))
    images = f", {len(x_train):,} training and {len(x_test):,} test images" if len(x_train) else ""
    lines = [f"{config.label}{images}"]
    changed = differing_settings(fitted, options.base)
    if changed:
        lines.append(f"changed from preset {options.preset} of {options.figure.id}: {_listed(changed, 'not')}")
    if options.preset != "paper":
        net = vars(config).get("net")
        paper = run_to_change(options.figure, "paper", net if net is None else str(net))
        reduced = {name: both for name, both in differing_settings(fitted, paper).items() if name != "net"}
        if reduced:
            lines.append(f"preset {options.preset}: {_listed(reduced, 'the paper:')}; --preset paper takes the paper's")
    folder = RunFolder.locate(options.figure.folder, config)
    if RunFolder.is_done(options.figure.folder, config):
        lines.append(f"done already, in {folder}")
    else:
        from ntk_repro.papers.expected import expected_cost  # here, so that wrong paths need no JAX

        cost = expected_cost(options.figure, options.preset, [config])
        about = "how long it takes is not known" if cost is None else cost.text(machine_speed())
        lines.append(f"{about}, in {folder}; killed at any time, the same command continues")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _changes(options: _Options) -> str:
    """The settings that are not those of the preset, as the picture names them: "activation gelu, width 0.5"."""
    changed = differing_settings(options.config, options.base)
    return ", ".join(f"{name} {setting_text(ours)}" for name, (ours, _) in changed.items())


def _listed(settings: dict[str, tuple[Any, Any]], of_the_other: str) -> str:
    def text(name: str, value: Any) -> str:
        return "all" if value is None and name.startswith("n_") else setting_text(value)

    return ", ".join(
        f"{name} {text(name, ours)} ({of_the_other} {text(name, theirs)})" for name, (ours, theirs) in settings.items()
    )
