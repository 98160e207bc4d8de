"""The state of each figure: the presets that are computed, and one of them drawn from its run folders."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.papers import Figure, draw_figure, load_figure_preset
from ntk_repro.papers.listing import PresetState, preset_states
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder

# The facts about the data that are saved; the seeds are in the presets.
_PROVENANCE = ("label", "source", "version", "n_train", "n_test", "sha256", "note", "classes")


@dataclass(frozen=True)
class Result:
    """One figure at one preset, as it was computed once.

    Attributes:
        figure: the figure.
        preset: the preset's name.
        data: the display name of the data set.
        provenance: where the data of the runs came from, each once.
        versions: of Python and the packages that the numbers depend on.
        devices: the devices of the runs, each once, such as "cpu: cpu".
        commits: the first characters of the commits of the source that computed them, each once; "+" where files
            differed from the commit.
        runs: study and hash of each, which show whether the preset has changed since.
        seconds: of all runs together; None where a run has none on record.
        claims: the verdicts, see `ntk_repro.papers.claims.evaluate`.
        numbers: the plotted numbers.
    """

    figure: Figure
    preset: str
    data: str
    provenance: list[dict[str, Any]]
    versions: dict[str, str]
    devices: list[str]
    commits: list[str]
    runs: list[str]
    seconds: float | None
    claims: list[dict[str, Any]]
    numbers: dict[str, Any]


def outdated(result: Result) -> bool:
    """Whether the preset has other runs now than those that the result was computed from."""
    configs = load_figure_preset(result.figure, result.preset).configs
    runs = [RunFolder.locate(result.figure.folder, config.resolved()) for config in configs]
    return set(result.runs) != {f"{run.parent.name}/{run.name}" for run in runs}


@dataclass(frozen=True)
class Shown:
    """A figure at one preset, drawn from its runs.

    Attributes:
        result: its numbers and verdicts.
        picture: a PNG.
        seconds: how long each run took; None where that was not recorded, or the run took several sessions.
    """

    result: Result
    picture: bytes
    seconds: tuple[float | None, ...]


@dataclass(frozen=True)
class Entry:
    """One figure of the page.

    Attributes:
        figure: the figure.
        presets: the state of each of its presets, smallest first.
        shown: the chosen preset, or the largest, whose runs are all done; None where there is none.
        trouble: why it could not be drawn though its runs are done; empty where it could.
    """

    figure: Figure
    presets: tuple[PresetState, ...]
    shown: Shown | None = None
    trouble: str = ""


def gather(figures: Iterable[Figure], out: Path, root: Path | None = None, *, preset: str | None = None) -> list[Entry]:
    """Counts the finished runs of every figure, and draws each at one preset whose runs are all done.

    Where the drawing of a figure fails its entry says why, and the others are still drawn.

    Args:
        figures: the figures, in the order of the page.
        out: folder for the pictures and numbers, with a folder for each preset.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
        preset: the preset; None for the largest that is computed.
    """
    entries = [Entry(figure, preset_states(figure, root)) for figure in figures]
    with progress("figures", len(entries)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = []
        for entry in pool.map(lambda entry: _drawn(entry, preset, out), entries):
            drawn.append(entry)
            advance(note=entry.figure.id)
    return drawn


def _drawn(entry: Entry, wanted: str | None, out: Path) -> Entry:
    complete = [state for state in entry.presets if state.complete and wanted in (None, state.preset.name)]
    if not complete:
        return entry
    preset, folders = complete[-1].preset.name, list(dict.fromkeys(complete[-1].folders))
    try:
        made = draw_figure(entry.figure, folders, preset=preset, out=out / preset)
    except Exception as error:  # the other figures are still drawn
        return replace(entry, trouble=error_text(error))
    picture, numbers = (next(f for f in made.files if f.suffix == suffix) for suffix in (".png", ".json"))
    runs = [RunFolder.read(folder) for folder in folders]
    seconds = tuple(None if run.environment.get("earlier_sessions") else run.environment.get("seconds") for run in runs)
    known = [value for value in seconds if value is not None]
    plotted, provenance = json.loads(numbers.read_text()), [run.environment.get("provenance") or {} for run in runs]
    result = Result(
        figure=entry.figure,
        preset=preset,
        data=plotted.get("data_label", ""),
        provenance=each_once({key: facts[key] for key in _PROVENANCE if facts.get(key)} for facts in provenance),
        versions={name: version for name, version in runs[0].environment.get("versions", {}).items() if version},
        devices=each_once(", ".join(dict.fromkeys(run.environment.get("device") or ["unknown"])) for run in runs),
        commits=each_once(map(_commit, runs)),
        runs=[f"{run.study}/{run.path.name}" for run in runs],
        seconds=round(sum(known), 1) if len(known) == len(seconds) else None,
        claims=made.claims,
        numbers=plotted,
    )
    return replace(entry, shown=Shown(result, picture.read_bytes(), seconds))


def error_text(error: Exception) -> str:
    """Why a figure could not be made: the sentence of a UserError, else also the kind of error."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def _commit(run: RunFolder) -> str:
    git = run.environment.get("git") or {}
    return git.get("commit", "")[:10] + ("+" if git.get("changed") else "")


def each_once(values: Iterable[Any]) -> list[Any]:
    """The values that are not empty, without repetitions, in their order."""
    found = []
    for value in values:
        if value and value not in found:
            found.append(value)
    return found
