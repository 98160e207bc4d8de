"""The figures that can be made as text for a terminal: presets, what those cost, and what is computed of them."""

import textwrap
from collections.abc import Iterator

from ntk_repro.errors import unknown_name
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.index import FIGURES, find_figures
from ntk_repro.papers.presets import load_figure_preset, preset_names
from ntk_repro.record import RunFolder

__all__ = ["figures_named", "listing"]

_INDENT = 14


def figures_named(name: str | None) -> list[Figure]:
    """The figures of a paper, a figure of one paper or of all; without a name all there are.

    Raises:
        UserError: for an unknown name, with the nearest known one.
    """
    if name is None:
        return list(FIGURES.values())
    of_paper = [figure for figure in FIGURES.values() if figure.paper == name]
    if of_paper:
        return of_paper
    names = {part for figure in FIGURES.values() for part in (figure.paper, figure.id, figure.name)}
    if name not in names:
        raise unknown_name("paper or figure", name, names if "/" in name else {n for n in names if "/" not in n})
    return find_figures(name)


def listing(name: str | None = None, width: int = 80) -> Iterator[str]:
    """Lines of a list: a heading a paper, then each figure's title and below it a line a preset.

    Args:
        name: see `figures_named`.
        width: characters a line.

    Raises:
        UserError: for an unknown name.
    """
    paper = ""
    for figure in figures_named(name):
        if figure.paper != paper:
            yield from ([""] if paper else [])
            paper = figure.paper
            yield f"{figure.source.partition(',')[0]} ({paper})"
        yield from _hanging(f"  {figure.name:{_INDENT - 4}}  ", figure.title, width)
        for preset in preset_names(figure):
            yield from _hanging(" " * _INDENT + f"{preset:8}{_state(figure, preset):14}", _cost(figure, preset), width)


def _state(figure: Figure, preset: str) -> str:
    configs = load_figure_preset(figure, preset).configs
    done = sum(RunFolder.is_done(figure.folder, config.resolved()) for config in configs)
    return "done" if done == len(configs) else f"{done} of {len(configs)} runs"


def _cost(figure: Figure, preset: str) -> str:
    found = load_figure_preset(figure, preset)
    return found.cost or f"draws the runs of {found.runs_of}"


def _hanging(first: str, text: str, width: int) -> list[str]:
    """The text behind `first`, wrapped, with what follows below its beginning."""
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
