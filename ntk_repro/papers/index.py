"""Every figure of every paper that can be made today."""

import importlib
import pkgutil
from pathlib import Path

from ntk_repro.errors import unknown_name
from ntk_repro.papers.figure import Figure

__all__ = ["FIGURES", "find_figures"]

# Every folder beside this file is a paper.
_PAPERS = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.ispkg]
FIGURES: dict[str, Figure] = {
    figure.id: figure for name in _PAPERS for figure in importlib.import_module(f"ntk_repro.papers.{name}").FIGURES
}


def find_figures(name: str) -> list[Figure]:
    """The figures called `name`: "<paper>/<figure>" for one, "<figure>" for that figure of every paper that has it.

    Raises:
        UserError: when there is none, with the nearest name.
    """
    found = [figure for figure in FIGURES.values() if name in (figure.id, figure.name)]
    if not found:
        raise unknown_name("figure", name, FIGURES if "/" in name else {f.name for f in FIGURES.values()})
    return found
