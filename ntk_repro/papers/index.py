"""Every figure of every paper that can be made today."""

from ntk_repro.errors import unknown_name
from ntk_repro.papers import lee2019, ortiz2021, samarin2022
from ntk_repro.papers.figure import Figure

__all__ = ["FIGURES", "find_figures"]

FIGURES: dict[str, Figure] = {
    figure.id: figure for paper in (lee2019, ortiz2021, samarin2022) for figure in paper.FIGURES
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
