"""The figures that can be made: their presets, what those cost, what is computed of them, and all that as a list."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ntk_repro.errors import unknown_name
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.index import FIGURES
from ntk_repro.papers.presets import Preset, load_figure_preset, preset_names
from ntk_repro.record import RunFolder

__all__ = ["PresetState", "figures_named", "listing", "preset_states"]

_INDENT = 14


@dataclass(frozen=True)
class PresetState:
    """How much of a preset is computed.

    Attributes:
        preset: the preset.
        folders: where its runs lie, or would.
        done: how many of them are finished.
    """

    preset: Preset
    folders: tuple[Path, ...]
    done: int

    @property
    def complete(self) -> bool:
        """Whether all are finished."""
        return self.done == len(self.folders)

    @property
    def cost(self) -> str:
        """What its runs cost, or whose they are."""
        return str(self.preset.cost or f"draws the runs of {self.preset.runs_of}")


def preset_states(figure: Figure, root: Path | None = None) -> tuple[PresetState, ...]:
    """The state of each preset of a figure, smallest first.

    Args:
        figure: the figure.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
    """
    found = []
    for name in preset_names(figure):
        preset = load_figure_preset(figure, name)
        configs = [config.resolved() for config in preset.configs]
        folders = tuple(RunFolder.locate(figure.folder, config, root=root) for config in configs)
        done = sum(RunFolder.is_done(figure.folder, config, root=root) for config in configs)
        found.append(PresetState(preset, folders, done))
    return tuple(found)


def figures_named(name: str | None) -> list[Figure]:
    """The figures of a paper, a figure of one paper or of all; without a name all there are.

    Raises:
        UserError: for an unknown name, with the nearest known one.
    """
    found = [one for one in FIGURES.values() if name in (None, one.paper.name, one.id, one.name)]
    if name is not None and not found:
        names = {part for one in FIGURES.values() for part in (one.paper.name, one.id, one.name)}
        raise unknown_name("paper or figure", name, names if "/" in name else {n for n in names if "/" not in n})
    return found


def listing(name: str | None = None, width: int = 80) -> Iterator[str]:
    """Lines of a list: a heading a paper, then each figure's title and below it a line a preset.

    Args:
        name: see `figures_named`.
        width: characters a line.

    Raises:
        UserError: for an unknown name.
    """
    for number, (paper, figures) in enumerate(groupby(figures_named(name), key=lambda figure: figure.paper)):
        yield from ([""] if number else [])
        yield f"{paper} ({paper.name})"
        for figure in figures:
            yield from _hanging(f"  {figure.name:{_INDENT - 4}}  ", figure.title, width)
            for state in preset_states(figure):
                done = "done" if state.complete else f"{state.done} of {len(state.folders)} runs"
                yield from _hanging(" " * _INDENT + f"{state.preset.name:8}{done:14}", state.cost, width)


def _hanging(first: str, text: str, width: int) -> list[str]:
    """The text behind `first`, wrapped, with what follows below its beginning."""
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
