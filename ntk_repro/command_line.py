"""What all commands of the package share: one line for an error, one for Ctrl-C, and a compilation cache."""

import argparse
import contextlib
import dataclasses
import difflib
import io
import itertools
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from ntk_repro import interrupts
from ntk_repro.data import cache_dir, dataset_sizes
from ntk_repro.data.tfds import LABELS
from ntk_repro.errors import UserError
from ntk_repro.progress import console


def command(body: Callable[[], None], again: str = "the same command continues where this one stopped") -> None:
    """Runs the body of a command; the process ends with status 2 after a `UserError`, with 130 after Ctrl-C.

    See `ntk_repro.interrupts`. Warnings become one line each.

    Args:
        body: the work of the command.
        again: what to print after Ctrl-C.
    """
    interrupts.end_in_one_line(again)
    warnings.showwarning = _one_line
    try:
        body()
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        interrupts.stopped()
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader (head, less) has ended. Python would report that once more on closing standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def parsed(kind: Any, args: Sequence[str] | None, prog: str, **settings: Any) -> Any:
    """The command line as an instance of a dataclass, or of one of several.

    Args:
        kind: the class, or the union of the subcommands' classes.
        args: the command line, None for `sys.argv`.
        prog: the command.
        **settings: others of `tyro.cli`.

    Raises:
        UserError: for a command line that is none.
    """
    args = list(sys.argv[1:] if args is None else args)
    options = [one.partition("=")[0] for one in args if one.startswith("--")]
    for field in _options_of(kind, args):
        option = f"--{field.name.replace('_', '-')}"
        if options.count(option) > 1 and "tuple" in str(field.type):  # the last would replace the others
            raise UserError(f"{option} is given twice: give it once, with all its values")
    said = io.StringIO()
    # Help texts write none, which is also a choice of some options.
    for tried in (args, ["None" if one == "none" else one for one in args]):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                found = tyro.cli(kind, prog=prog, args=tried, **settings)
        except SystemExit as ended:
            if not ended.code:
                raise
        else:
            sys.stderr.write(said.getvalue())
            return found
    command = f"{prog} {args[0]}" if args and args[0] in subcommands(kind) else prog
    hints = _nearest_options(kind, args) + _hint_on_commas(args)
    raise UserError(f"{_first_paragraph(said.getvalue())}{hints} ({command} --help explains)")


# What the parser says of values of another type.
_PLAIN = {
    r"Error parsing (--\S+): no type matching \{None\}\|INT could be instantiated from \['(.*)'\]": (
        r"\1 must be a whole number or none, not \2"
    ),
    r"Error parsing (--\S+): no type matching \{None\}\|FLOAT could be instantiated from \['(.*)'\]": (
        r"\1 must be a number or none, not \2"
    ),
    r"Error parsing (--\S+): Could not find valid parse for arguments: \['(.*)'\]": r"\1 takes no value such as \2",
    r"Error parsing (--\S+): invalid literal for int\(\) with base 10: '(.*)'": r"\1 must be a whole number, not \2",
    r"Error parsing (--\S+): could not convert string to float: '(.*)'": r"\1 must be a number, not \2",
}


def check_places(args: Sequence[str] | None) -> None:
    """Refuses an .npz file and a folder of data sets that cannot be read; before JAX is imported, which takes seconds.

    Raises:
        UserError: from `dataset_sizes`; there is no such folder.
    """
    if {"-h", "--help"} & {*(sys.argv if args is None else args)}:
        return
    given = early_options(args, "data", "data_dir")
    if given.data is not None and given.data.endswith(".npz"):
        dataset_sizes(given.data)
    if given.data in (None, *LABELS) and given.data_dir is not None and not Path(given.data_dir).expanduser().is_dir():
        raise UserError(f"there is no data directory {given.data_dir}: create it, or leave --data-dir out")


def early_options(args: Sequence[str] | None, *names: str) -> argparse.Namespace:
    """The texts of some options, before the others are known; None for those that are not given."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in names:
        early.add_argument(f"--{name.replace('_', '-')}")
    try:
        return early.parse_known_args(args)[0]
    except argparse.ArgumentError:  # without a value, which `parsed` refuses
        return early.parse_args([])


def subcommands(kind: Any) -> dict[str, type]:
    """The classes of a union by the names of their subcommands."""
    return {re.sub("(?<=.)([A-Z])", r"-\1", one.__name__).lower(): one for one in get_args(kind)}


def _first_paragraph(box: str) -> str:
    """The first paragraph below the title of a box of lines, as one line in plain words."""
    lines = [line.strip("│| ") for line in box.splitlines()[1:]]
    lines = [line if line.strip("─-╰╯+ ") else "" for line in lines]  # without rules
    paragraph = itertools.takewhile(bool, itertools.dropwhile(lambda line: not line, lines))
    text = " ".join(" ".join(paragraph).split()).rstrip(".")
    for jargon, plain in _PLAIN.items():
        text = re.sub(jargon, plain, text)
    return text


def _nearest_options(kind: Any, args: Sequence[str]) -> str:
    kinds = subcommands(kind) or {"": kind}
    if args and "" not in kinds and not args[0].startswith("-") and args[0] not in kinds:
        nearest = difflib.get_close_matches(args[0], kinds, 1)
        return f"; did you mean {nearest[0]}?" if nearest else ""
    known = ["--help", *(f"--{one.name.replace('_', '-')}" for one in _options_of(kind, args))]
    given = [one.partition("=")[0].replace("_", "-") for one in args if one.startswith("--")]
    unknown = [one for one in given if one not in known and one.replace("--no-", "--", 1) not in known]
    nearest = [near for one in unknown for near in difflib.get_close_matches(one, known, 1)]
    return f"; did you mean {' and '.join(nearest)}?" if nearest else ""


def _options_of(kind: Any, args: Sequence[str]) -> list[dataclasses.Field]:
    """The fields of the class, or of the subcommand's that is named, which are options."""
    kinds = subcommands(kind) or {"": kind}
    chosen = kinds.get(args[0] if args else "", kinds.get(""))
    return [one for one in (dataclasses.fields(chosen) if chosen else ()) if not _is_positional(one)]


def _hint_on_commas(args: Sequence[str]) -> str:
    found = next((one for one in args if re.fullmatch(r"[\d.,e-]+", one) and "," in one), None)
    return f"; numbers have no commas, and lists have spaces: {found.replace(',', ' ')}" if found else ""


def _is_positional(field: dataclasses.Field) -> bool:
    return tyro.conf.Positional in getattr(field.type, "__metadata__", ())


def print_table(columns: Mapping[str, str], rows: Iterable[Iterable[Any]], title: str | None = None) -> None:
    """Prints numbers as a table.

    Args:
        columns: for each heading the format of the numbers below it, such as ".1%".
        rows: the numbers; text stands as it is, and nan, the result of a training that diverged, as "diverged".
        title: the line above the table.
    """
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(_cell(value, spec) for value, spec in zip(row, columns.values(), strict=True)))
    Console().print(table)


def _cell(value: Any, spec: str) -> str:
    if isinstance(value, str):
        return value
    return "diverged" if np.isnan(value) else format(value, spec)


def this_program() -> str:
    """The command that runs `ntk-repro` on this machine: its name if the shell finds it, else its path."""
    program = Path(sys.executable).with_name("ntk-repro")
    if shutil.which("ntk-repro") or not program.exists():
        return "ntk-repro"
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def _one_line(message, category, filename, lineno, file=None, line=None) -> None:
    # The line of the source that raised a warning does not help a user.
    console.print(f"warning: {message}", style="yellow", highlight=False, soft_wrap=True)


def use_compilation_cache() -> None:
    """Lets JAX keep compiled programs between processes; $NTK_REPRO_COMPILATION_CACHE=off turns that off.

    They are in `jax` under the cache folder of `ntk_repro.data.cache_dir`, unless $JAX_COMPILATION_CACHE_DIR names
    another folder.
    """
    if os.environ.get("NTK_REPRO_COMPILATION_CACHE", "").lower() in ("off", "0", "no", "false"):
        return
    import jax

    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "jax"))
    # A run has many small programs: keep all that take longer to compile than to read back.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
