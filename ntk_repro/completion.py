"""Completion of a command line by the TAB key of a shell, as a script that the shell reads."""

import argparse
import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

from ntk_repro.errors import unknown_name

__all__ = ["SHELLS", "completion_script"]

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")

# How tyro marks positional arguments: Positional[str] and Annotated[str, Positional].
_POSITIONAL = (tyro.conf.Positional, *typing.get_args(tyro.conf.Positional[str])[1:])


def completion_script(prog: str, shell: str, commands: Mapping[str, type], choices: Mapping[str, Sequence[str]]) -> str:
    """The script by which a shell completes the commands of a program, their options and what options take.

    The script is complete in itself: no Python starts when TAB is pressed.

    Args:
        prog: the program's name.
        shell: one of `SHELLS`.
        commands: the dataclass of each subcommand.
        choices: what a field of that name may be.

    Raises:
        UserError: for another shell.
    """
    import shtab

    if shell not in SHELLS:
        raise unknown_name("shell", shell, SHELLS)
    parser = argparse.ArgumentParser(prog)
    commands_of = parser.add_subparsers()
    for name, command in commands.items():
        said = _first_sentence(command.__doc__)
        own = commands_of.add_parser(name, help=said, description=said)
        hints = typing.get_type_hints(command, include_extras=True)
        for field in dataclasses.fields(command):
            _add(own, field.name, hints[field.name], choices.get(field.name))
    return shtab.complete(parser, shell)


def _add(parser: argparse.ArgumentParser, name: str, hint: Any, choices: Sequence[str] | None) -> None:
    """An option or a positional argument, as tyro names it."""
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
    if not choices and Path in (hint, *typing.get_args(hint)):
        added.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue]


def _first_sentence(text: str | None) -> str:
    return re.split(r"[:.]", (text or "").strip(), maxsplit=1)[0]
