"""Computes figures again, and compares the number of every claim with that of the reference."""

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntk_repro.errors import UserError
from ntk_repro.freed_memory import forget_programs
from ntk_repro.papers import reproduce
from ntk_repro.progress import console
from ntk_repro.record import git_state, read_json, write_errors_explained, write_text
from ntk_repro.report.comparison import Comparison, Tolerance, compare
from ntk_repro.report.reference import read_results
from ntk_repro.report.results import Result, error_text

# In the folder of a check: the fresh runs, the only thing that is ever removed, and the state of the source for them.
_FRESH, _STATE = "fresh", "check.json"


@dataclass(frozen=True)
class Check:
    """The result of computing figures again.

    Attributes:
        compared: every claim of each figure that could be made, by the figure's id.
        failed: why the others could not, by id.
    """

    compared: dict[str, list[Comparison]]
    failed: dict[str, str]

    @property
    def agrees(self) -> bool:
        """Whether every figure could be made and no claim differs by more than the tolerance."""
        return not self.failed and not any(row.fails for rows in self.compared.values() for row in rows)


def check_reference(
    reference: Path,
    root: Path,
    *,
    figures: Collection[str] = (),
    preset: str = "quick",
    tolerance: Tolerance | None = None,
) -> Check:
    """Computes figures in a separate folder and compares them with the reference.

    Args:
        reference: the folder of reference results.
        root: folder for fresh runs and pictures. A check that was interrupted, or in which a figure could not be made,
            is continued as long as the source is at the same commit; otherwise it starts again.
        figures: ids of the figures; empty for all that have a reference.
        preset: at which preset.
        tolerance: how far a number may lie from the reference; None for the usual one.

    Raises:
        UserError: a figure has no reference at this preset, or the folder cannot be used.
    """
    known = {result.figure.id: result for result in read_results(reference) if result.preset == preset}
    missing = [figure for figure in figures if figure not in known]
    if missing or not known:
        raise UserError(
            f"{reference} has no reference of {', '.join(missing) or 'any figure'} at preset {preset}: name others, or "
            "write one with `ntk-repro reference`"
        )
    results = [result for figure, result in known.items() if not figures or figure in figures]
    with write_errors_explained(root):
        _begin(root)
    _say(f"{len(results)} figures; for the reference their runs took {_minutes(results)}")
    compared, failed = {}, {}
    for number, result in enumerate(results, 1):
        figure = result.figure
        _say(f"({number} of {len(results)}) {figure.id}")
        try:
            made = reproduce(figure, preset, root=root / _FRESH, out=root / "pictures")
        except Exception as error:  # the other figures are still made
            failed[figure.id] = error_text(error)
        else:
            compared[figure.id] = compare(result.claims, made.claims, tolerance or Tolerance())
        forget_programs()
    if not failed:  # else the next check keeps the good runs, and makes those that data or disk space was missing for
        write_text(root / _STATE, json.dumps({"git": git_state(), "finished": True}))
    return Check(compared, failed)


def _begin(root: Path) -> None:
    """Removes the fresh runs of an earlier check, unless it did not finish and the source is still the same."""
    fresh, git = root / _FRESH, git_state()
    before, now = read_json(root / _STATE), {"git": git, "finished": False}
    if fresh.exists() and not before:
        raise UserError(f"{fresh} is not from a check: name another folder with --root")
    if fresh.exists() and not (git and not git["changed"] and before == now):
        shutil.rmtree(fresh)
    fresh.mkdir(parents=True, exist_ok=True)
    write_text(root / _STATE, json.dumps(now))


def _minutes(results: Sequence[Result]) -> str:
    known = [result.seconds for result in results if result.seconds is not None]
    unknown = len(results) - len(known)
    return f"{sum(known) / 60:.0f} minutes" + (f" ({unknown} of them are not on record)" if unknown else "")


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
