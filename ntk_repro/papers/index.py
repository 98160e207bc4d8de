"""Every figure of every paper, in the order of the papers."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.papers.figure import Figure


def _place(figure: Figure) -> tuple[str, int, str, int]:
    """Figures of the text by number come first, then its tables, the appendix, and all else."""
    found = re.fullmatch(r"(fig|table)([A-Z]?)(\d+)", figure.name)
    if found is None:
        return figure.paper.name, 2, figure.name, 0
    return figure.paper.name, int(found[2] != ""), found[1], int(found[3])


# Every package in this folder is a paper; its figures are in its modules, or of a small paper in the package itself.
_MODULES = [
    import_module(module.name)
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], "ntk_repro.papers.")
    if module.ispkg or module.name.count(".") == 3
]
FIGURES: dict[str, Figure] = {
    figure.id: figure
    for figure in sorted((figure for module in _MODULES for figure in getattr(module, "FIGURES", ())), key=_place)
}


def find_figures(name: str, *, papers: bool = False) -> list[Figure]:
    """The figures called `name`: "<paper>/<figure>" for one, "<figure>" for that figure of every paper that has it.

    Args:
        name: the name.
        papers: whether the name of a paper stands for all of its figures.

    Raises:
        UserError: when there is none, with the nearest name.
    """
    name = name.replace("-", "/", 1) if name.replace("-", "/", 1) in FIGURES else name  # as make has it
    names = {figure: {figure.id, figure.name, *([figure.paper.name] if papers else [])} for figure in FIGURES.values()}
    found = [figure for figure, own in names.items() if name in own]
    if not found and name in {figure.paper.name for figure in FIGURES.values()}:
        raise UserError(f"{name} is a paper: name one of its figures, which `ntk-repro list {name}` shows")
    if not found:
        known = {one for own in names.values() for one in own if ("/" in one) == ("/" in name)}
        raise unknown_name("paper or figure" if papers else "figure", name, known)
    return found
