"""The command of a study: `python -m ntk_repro.<study> [experiment] --options`."""

import importlib
import shlex
import sys
from collections.abc import Sequence
from types import ModuleType

import tyro

from ntk_repro.command_line import command, this_program, use_compilation_cache
from ntk_repro.errors import unknown_name

__all__ = ["experiment_command", "single_command"]


def experiment_command(study: str, args: Sequence[str] | None = None, default: str | None = None) -> None:
    """Parses the command line, computes the run (or finds it done) and shows its result.

    Args:
        study: the study's name. Its package names its experiments, each with a line of text, in `EXPERIMENTS`; each is
            a module with `Config`, `run(config)`, which gives a run folder, and `show(folder)`. `DRAWN_AS` names the
            figures that draw their runs.
        args: the command line, None for the process's own.
        default: the experiment meant where options alone are given, if any.
    """
    command(lambda: _run(study, list(sys.argv[1:] if args is None else args), default))


def _run(study: str, args: list[str], default: str | None) -> None:
    package = importlib.import_module(f"ntk_repro.{study}")
    known = package.EXPERIMENTS
    prog = f"python -m ntk_repro.{study}"
    if not args or args[0] in ("-h", "--help"):
        experiment = f"[experiment; for options alone {default}]" if default else "<experiment>"
        print(f"usage: {prog} {experiment} [options]   (--help after an experiment lists its options)\n")
        print("\n".join(f"  {name:{max(map(len, known))}}  {text}" for name, text in known.items()))
        print(f"\nnext: {prog} {default or next(iter(known))} --help")
        return
    if default and args[0].startswith("-"):
        args = [default, *args]
    name = args[0].replace("-", "_")
    if name not in known:
        raise unknown_name("experiment", args[0], known)
    # Only the experiment named is imported: each brings its own part of the library.
    module = importlib.import_module(f"ntk_repro.{study}.{name}")
    single_command(module, f"{prog} {name}", args[1:], package.DRAWN_AS.get(name), f"{prog} lists the experiments")


def single_command(
    module: ModuleType, prog: str, args: Sequence[str] | None, figure: str | None, otherwise: str = ""
) -> None:
    """Runs one experiment from the command line.

    Args:
        module: with `Config`, `run` and `show`.
        prog: how the command is called.
        args: its options.
        figure: that draws the run.
        otherwise: the next step where no figure draws it.
    """
    config = tyro.cli(module.Config, prog=prog, args=args)
    use_compilation_cache()
    folder = module.run(config)
    module.show(folder)
    print(f"kept in: {folder.path} (the same command shows it again at once)")
    draw = f"{this_program()} draw {figure} {shlex.quote(str(folder.path))}"
    print(f"next: {draw if figure else otherwise}")
