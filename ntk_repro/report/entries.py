"""What stands of each figure: the presets that are computed, and the largest of them, drawn from its run folders."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.papers import Figure, draw_figure, load_figure_preset, preset_names
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder

__all__ = ["Entry", "PresetState", "RunFacts", "Shown", "gather"]


@dataclass(frozen=True)
class PresetState:
    """How far the runs of a preset are.

    Attributes:
        name: the preset's name.
        cost: what its runs cost, in words; empty where it draws runs of another figure.
        done: how many of its runs are finished.
        total: how many it has.
    """

    name: str
    cost: str
    done: int
    total: int


@dataclass(frozen=True)
class RunFacts:
    """Where a run lies and what computed it.

    Attributes:
        path: study and hash, the folder below that of all runs.
        seconds: how long its last session took; None where that was not recorded.
        device: such as "cpu: cpu".
        commit: the first characters of the commit, with "+" where files differed from it; empty where unknown.
    """

    path: str
    seconds: float | None
    device: str
    commit: str


@dataclass(frozen=True)
class Shown:
    """A figure at one preset, drawn from its runs.

    Attributes:
        preset: the preset's name.
        data: the data set as a reader knows it.
        picture: a PNG.
        claims: the verdicts, see `ntk_repro.papers.claims.evaluate`.
        runs: the runs that were drawn.
    """

    preset: str
    data: str
    picture: bytes
    claims: list[dict[str, Any]]
    runs: tuple[RunFacts, ...]


@dataclass(frozen=True)
class Entry:
    """One figure of the page.

    Attributes:
        figure: the figure.
        presets: the state of each of its presets, smallest first.
        shown: the largest preset whose runs are all done; None where there is none.
        trouble: why it could not be drawn though its runs are done; empty where it could.
    """

    figure: Figure
    presets: tuple[PresetState, ...]
    shown: Shown | None = None
    trouble: str = ""


def gather(figures: Iterable[Figure], out: Path, root: Path | None = None) -> list[Entry]:
    """Looks at the runs of every figure, and draws each at the largest preset that is wholly computed.

    A figure whose drawing fails does not take the others with it: its entry says why.

    Args:
        figures: the figures, in the order of the page.
        out: folder for the pictures and numbers, one folder a preset in it.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
    """
    states = [_state(figure, root) for figure in figures]
    with progress("figures", len(states)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = []
        for entry in pool.map(lambda state: _drawn(state[0], state[1], state[2], out), states):
            entries.append(entry)
            advance(note=entry.figure.id)
    return entries


def _state(figure: Figure, root: Path | None) -> tuple[Entry, str, list[Path]]:
    """The entry without its picture, and the largest preset that is done with the folders of its runs."""
    presets, complete, folders = [], "", []
    for name in preset_names(figure):
        preset = load_figure_preset(figure, name)
        configs = [config.resolved() for config in preset.configs]
        done = [RunFolder.is_done(figure.folder, config, root=root) for config in configs]
        presets.append(PresetState(name, preset.cost, sum(done), len(done)))
        if all(done):
            complete = name
            folders = list(dict.fromkeys(RunFolder.locate(figure.folder, config, root=root) for config in configs))
    return Entry(figure, tuple(presets)), complete, folders


def _drawn(entry: Entry, preset: str, folders: list[Path], out: Path) -> Entry:
    if not preset:
        return entry
    try:
        made = draw_figure(entry.figure, folders, preset=preset, out=out / preset)
    except (UserError, RuntimeError) as error:
        return replace(entry, trouble=str(error))
    picture, numbers = (next(f for f in made.files if f.suffix == suffix) for suffix in (".png", ".json"))
    data = json.loads(numbers.read_text()).get("data_label", "")
    runs = tuple(_facts(RunFolder.read(folder)) for folder in folders)
    return replace(entry, shown=Shown(preset, data, picture.read_bytes(), made.claims, runs))


def _facts(run: RunFolder) -> RunFacts:
    environment = run.environment
    git = environment.get("git") or {}
    commit = git.get("commit", "")[:10] + ("+" if git.get("changed") else "")
    device = ", ".join(dict.fromkeys(environment.get("device") or ["unknown"]))
    return RunFacts(f"{run.study}/{run.path.name}", environment.get("seconds"), device, commit)
