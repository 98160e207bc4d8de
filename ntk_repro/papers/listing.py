"""The figures as a list: their presets, how long those take, and how many of their runs are done."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ntk_repro.machine_speed import machine_speed
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.presets import Preset, load_figure_preset, preset_names
from ntk_repro.record import RunFolder

_INDENT = 14


@dataclass(frozen=True)
class PresetState:
    """How much of a preset is computed.

    Attributes:
        preset: the preset.
        folders: the run folders, whether they exist or not.
        done: how many of the runs are finished.
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
        """How long its runs take on this machine, or which figure's runs it draws."""
        cost, sources = self.preset.cost, " and ".join(self.preset.sources)
        return f"draws the runs of {sources}" if cost is None else cost.text(machine_speed())


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


def listing(figures: Iterable[Figure], width: int = 80) -> Iterator[str]:
    """Lines of a list: a heading for each paper, then each figure's title and below it a line for each preset.

    Args:
        figures: the figures, in order.
        width: characters per line.
    """
    for number, (paper, of_paper) in enumerate(groupby(figures, key=lambda figure: figure.paper)):
        yield from ([""] if number else [])
        yield f"{paper} ({paper.name})"
        for figure in of_paper:
            yield from _hanging(f"  {figure.name:{_INDENT - 4}}  ", figure.title, width)
            for state in preset_states(figure):
                done = "done" if state.complete else f"{state.done} of {len(state.folders)} runs"
                yield from _hanging(" " * _INDENT + f"{state.preset.name:8}{done:14}", state.cost, width)


def _hanging(first: str, text: str, width: int) -> list[str]:
    """The text after `first`, wrapped; later lines are indented to where it begins, in narrow terminals by less."""
    narrow = len(first) > width // 2
    indent = " " * (_INDENT // 2 if narrow else len(first))
    start = indent if narrow else first
    lines = textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return [first.rstrip(), *lines] if narrow else lines
