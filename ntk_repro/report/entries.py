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
        seconds: how long it took; None where that was not recorded, or it was computed in several sessions.
        device: such as "cpu: cpu".
        commit: the first characters of the commit, with "+" where files differed from it; empty where unknown.
        versions: of Python and the packages that the numbers hang on.
        provenance: where the data came from, see `ntk_repro.data.Provenance`; empty where none were used.
    """

    path: str
    seconds: float | None
    device: str
    commit: str
    versions: dict[str, str]
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """A figure at one preset, drawn from its runs.

    Attributes:
        preset: the preset's name.
        data: the data set as a reader knows it.
        picture: a PNG.
        numbers: what is plotted.
        claims: the verdicts, see `ntk_repro.papers.claims.evaluate`.
        runs: the runs that were drawn.
    """

    preset: str
    data: str
    picture: bytes
    numbers: dict[str, Any]
    claims: list[dict[str, Any]]
    runs: tuple[RunFacts, ...]


@dataclass(frozen=True)
class Entry:
    """One figure of the page.

    Attributes:
        figure: the figure.
        presets: the state of each of its presets, smallest first.
        shown: the preset asked for, or the largest, whose runs are all done; None where there is none.
        trouble: why it could not be drawn though its runs are done; empty where it could.
    """

    figure: Figure
    presets: tuple[PresetState, ...]
    shown: Shown | None = None
    trouble: str = ""


def gather(figures: Iterable[Figure], out: Path, root: Path | None = None, *, preset: str | None = None) -> list[Entry]:
    """Looks at the runs of every figure, and draws each at one preset that is wholly computed.

    A figure whose drawing fails does not take the others with it: its entry says why.

    Args:
        figures: the figures, in the order of the page.
        out: folder for the pictures and numbers, one folder a preset in it.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        preset: the preset; None for the largest that is computed.
    """
    states = [_state(figure, root, preset) for figure in figures]
    with progress("figures", len(states)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = []
        for entry in pool.map(lambda state: _drawn(state[0], state[1], state[2], out), states):
            entries.append(entry)
            advance(note=entry.figure.id)
    return entries


def _state(figure: Figure, root: Path | None, wanted: str | None) -> tuple[Entry, str, list[Path]]:
    """The entry without its picture, and the preset to draw, empty where it is not done, with its run folders."""
    presets, complete, folders = [], "", []
    for name in preset_names(figure):
        preset = load_figure_preset(figure, name)
        configs = [config.resolved() for config in preset.configs]
        done = [RunFolder.is_done(figure.folder, config, root=root) for config in configs]
        presets.append(PresetState(name, preset.cost, sum(done), len(done)))
        if all(done) and wanted in (None, name):
            complete = name
            folders = list(dict.fromkeys(RunFolder.locate(figure.folder, config, root=root) for config in configs))
    return Entry(figure, tuple(presets)), complete, folders


def _drawn(entry: Entry, preset: str, folders: list[Path], out: Path) -> Entry:
    if not preset:
        return entry
    try:
        made = draw_figure(entry.figure, folders, preset=preset, out=out / preset)
    except Exception as error:  # one figure does not take the others with it
        said = str(error) if isinstance(error, UserError | RuntimeError) else f"{type(error).__name__}: {error}"
        return replace(entry, trouble=said)
    picture, numbers = (next(f for f in made.files if f.suffix == suffix) for suffix in (".png", ".json"))
    plotted = json.loads(numbers.read_text())
    runs = tuple(_facts(RunFolder.read(folder)) for folder in folders)
    data = plotted.get("data_label", "")
    return replace(entry, shown=Shown(preset, data, picture.read_bytes(), plotted, made.claims, runs))


def _facts(run: RunFolder) -> RunFacts:
    environment = run.environment
    git = environment.get("git") or {}
    commit = git.get("commit", "")[:10] + ("+" if git.get("changed") else "")
    device = ", ".join(dict.fromkeys(environment.get("device") or ["unknown"]))
    return RunFacts(
        path=f"{run.study}/{run.path.name}",
        seconds=None if environment.get("earlier_sessions") else environment.get("seconds"),
        device=device,
        commit=commit,
        versions=environment.get("versions") or {},
        provenance=environment.get("provenance") or {},
    )
