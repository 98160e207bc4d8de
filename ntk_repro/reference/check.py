"""Figures computed anew, and the number behind every claim beside that of the reference."""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, reproduce
from ntk_repro.progress import console
from ntk_repro.reference.comparison import Comparison, Tolerance, compare
from ntk_repro.reference.results import Result, read_results

__all__ = ["Check", "check_reference"]

# Stand in the folder of fresh runs: from the beginning, and once they are all done.
_BEGUN, _FINISHED = "check-begun", "check-finished"


@dataclass(frozen=True)
class Check:
    """What came of computing figures anew.

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

    @property
    def largest(self) -> float:
        """The largest difference between a number and its reference; 0 where there is none."""
        pairs = ((row.before, row.after) for rows in self.compared.values() for row in rows)
        return max(
            (abs(after - before) for before, after in pairs if before is not None and after is not None), default=0.0
        )


def check_reference(
    reference: Path,
    root: Path,
    *,
    figures: Collection[str] = (),
    preset: str = "quick",
    tolerance: Tolerance | None = None,
) -> Check:
    """Computes figures in a folder of their own and compares them with the reference.

    Args:
        reference: the folder of reference results.
        root: folder for the fresh runs. One that was interrupted is continued, one that was finished is begun anew.
        figures: ids of those wanted; none for all that have a reference.
        preset: at which preset.
        tolerance: how far a number may lie from the reference; None for the usual one.

    Raises:
        UserError: none of the figures has a reference at this preset, or `root` holds files that are not from a check.
    """
    results = [
        result
        for result in read_results(reference)
        if result.preset == preset and (not figures or result.figure in figures)
    ]
    if not results:
        raise UserError(
            f"{reference} has no reference of these figures at preset {preset}: name others, or write one with "
            "`ntk-repro reference`"
        )
    if (root / _FINISHED).exists():
        shutil.rmtree(root)
    elif root.exists() and any(root.iterdir()) and not (root / _BEGUN).exists():
        raise UserError(f"{root} has files that no check has written: name another folder with --root")
    root.mkdir(parents=True, exist_ok=True)
    (root / _BEGUN).touch()
    _say(f"{len(results)} figures; for the reference their runs took {_minutes(results)}")
    compared, failed = {}, {}
    for number, result in enumerate(results, 1):
        _say(f"({number} of {len(results)}) {result.figure}")
        try:
            made = reproduce(FIGURES[result.figure], preset, root=root, out=root / "pictures")
        except (UserError, RuntimeError) as error:
            failed[result.figure] = str(error)
        else:
            compared[result.figure] = compare(result.claims, made.claims, tolerance or Tolerance())
    (root / _FINISHED).touch()
    return Check(compared, failed)


def _minutes(results: Sequence[Result]) -> str:
    known = [result.seconds for result in results if result.seconds is not None]
    text = f"{sum(known) / 60:.0f} minutes"
    return text if len(known) == len(results) else f"{text} ({len(results) - len(known)} of them are not on record)"


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
