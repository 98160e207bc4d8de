"""The files of the papers: configs/ and figures/, in a clone or an installed wheel, and the printed numbers."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError


def configs_dir() -> Path:
    """The folder of presets, configs/<paper>/<figure>.toml.

    Raises:
        UserError: when neither a clone nor a wheel has it.
    """
    return _find("configs")


def figures_dir() -> Path:
    """The folder of drawing scripts, figures/<paper>/<script>.py.

    Raises:
        UserError: when neither a clone nor a wheel has it.
    """
    return _find("figures")


@cache
def printed_numbers(paper: str) -> dict[str, Any]:
    """The numbers printed in the text of a paper, by figure: ntk_repro/papers/<paper>/printed.toml."""
    return tomllib.loads((files(f"ntk_repro.papers.{paper}") / "printed.toml").read_text())


def _find(name: str) -> Path:
    # The wheel's copy first: next to an installed package is site-packages, which may hold an unrelated "configs".
    package = Path(str(files("ntk_repro.papers")))
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise UserError(f"this installation lacks its {name}/ folder: install ntk_repro again, or use a clone")
