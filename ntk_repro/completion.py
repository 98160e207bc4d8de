"""Completion of a command line by the TAB key of a shell, as a script that the shell runs."""

import argparse
import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

from ntk_repro.errors import check_name

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")

# How tyro marks positional arguments: Positional[str] and Annotated[str, Positional].
_POSITIONAL = (tyro.conf.Positional, *typing.get_args(tyro.conf.Positional[str])[1:])


def completion_script(
    prog: str,
    shell: str,
    commands: Mapping[str, type],
    choices: Mapping[str, Sequence[str]],
    paths: Mapping[str, str],
) -> str:
    """The script by which a shell completes the commands of a program, their options and the values of options.

    The script needs no Python when TAB is pressed.

    Args:
        prog: the program's name.
        shell: one of `SHELLS`.
        commands: the dataclass of each subcommand.
        choices: the values of a field of that name.
        paths: fields that may also be a path, which their type does not show: of a "file" or a "directory".

    Raises:
        UserError: for another shell.
    """
    import shtab

    check_name("shell", shell, SHELLS)
    parser = argparse.ArgumentParser(prog)
    commands_of = parser.add_subparsers()
    for name, command in commands.items():
        summary = re.split(r"[:.]", (command.__doc__ or "").strip(), maxsplit=1)[0]
        options = commands_of.add_parser(name, help=summary, description=summary)
        hints = typing.get_type_hints(command, include_extras=True)
        for field in dataclasses.fields(command):
            _add(options, field.name, hints[field.name], choices.get(field.name), paths.get(field.name))
    return shtab.complete(parser, shell)


def _add(
    parser: argparse.ArgumentParser, name: str, hint: Any, choices: Sequence[str] | None, path: str | None
) -> None:
    """Adds an option or a positional argument, under the name that tyro gives it."""
    import shtab

    positional = any(mark in _POSITIONAL for mark in getattr(hint, "__metadata__", ()))
    hint = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    option = name.replace("_", "-")
    if hint is bool:
        parser.add_argument(f"--{option}", action="store_true")
        parser.add_argument(f"--no-{option}", action="store_true")
        return
    arguments: dict[str, Any] = {"choices": choices} if choices else {}
    if typing.get_origin(hint) is tuple:
        arguments["nargs"] = "*"
    added = parser.add_argument(name if positional else f"--{option}", **arguments)
    if choices and path:
        added.complete = _names_or_files(name, choices)  # pyright: ignore[reportAttributeAccessIssue]
    elif path or (not choices and Path in (hint, *typing.get_args(hint))):
        kind = shtab.DIRECTORY if path == "directory" else shtab.FILE
        added.complete = kind  # pyright: ignore[reportAttributeAccessIssue]


def _names_or_files(name: str, choices: Sequence[str]) -> dict[str, Any]:
    """What shtab inserts for each shell where a word is a name or a file; tcsh offers the names alone."""
    function, words = f"_ntk_repro_{name}", " ".join(choices)
    return {
        "bash": f"{function}_names_or_files",
        "zsh": function,
        "fish": f"(printf '%s\\n' {words}; __fish_complete_path (commandline -ct))",
        "tcsh": f"({words})",
        "powershell": "_shtab_powershell_compgen_files",  # the names are offered beside it
        "preamble": {
            "bash": f"""
{function}_names_or_files() {{
  compgen -W "{words}" -- "$1"
  compgen -f -- "$1"
}}
""",
            "zsh": f"""
{function}() {{
  _alternative 'names:{name}:({words})' 'files:file:_files'
}}
""",
        },
    }
