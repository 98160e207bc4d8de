"""What a paper says about a figure, judged on the numbers that were plotted, and how verdicts are shown and counted."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from ntk_repro.papers.statistics import Number, monotone, spearman

__all__ = ["WORDS", "Claim", "Numbers", "Tally", "Verdict", "cells", "evaluate", "judged", "tally", "trend"]

Numbers = Mapping[str, Any]
"""The plotted numbers of a figure, or an entry of them."""

WORDS = {True: "holds", False: "does not hold", None: "undetermined"}
"""The word for each verdict."""


@dataclass(frozen=True)
class Verdict:
    """What one claim came to on one subject; `judged` makes it.

    Attributes:
        subject: what the claim was tested on, such as the name of a network.
        holds: whether the predicate is true of our numbers; None where they cannot decide it, as where a run departs
            from what the paper did in something that moves the number.
        number: the number it was decided by, or would be (nan where our numbers do not determine one).
        meaning: what that number is.
        paper: the number that the paper prints for it, None where it prints none.
        note: anything a reader needs beside the number.
    """

    subject: str
    holds: bool | None
    number: float
    meaning: str
    paper: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper and the predicate that decides it, subject by subject, from the plotted numbers.

    Attributes:
        statement: what the paper says, with the threshold that it is judged by.
        predicate: (plotted numbers, *arguments) -> a verdict for each subject.
        arguments: what distinguishes claims of one predicate.
        over: where the predicate judges each entry of one list or table of the numbers by itself, the name of that: it
            takes the entry in place of the numbers, of a table (name, entry).
    """

    statement: str
    predicate: Callable[..., Iterable[Verdict]]
    arguments: tuple[Any, ...] = ()
    over: str = ""

    def verdicts(self, numbers: Numbers) -> Iterator[Verdict]:
        """The verdicts on all subjects."""
        entries = numbers[self.over] if self.over else [numbers]
        for entry in entries.items() if isinstance(entries, Mapping) else zip(entries, strict=True):
            yield from self.predicate(*entry, *self.arguments)


def judged(
    subject: str,
    holds: bool | None,
    number: float,
    meaning: str,
    *notes: str,
    unless: str = "",
    paper: float | None = None,
) -> Verdict:
    """The verdict on a subject: the fields of `Verdict`, with its note made from parts; empty ones are left out.

    It is undetermined where `unless` says why our numbers cannot decide the claim.
    """
    why = f"not judged: {unless}" if unless else ""
    return Verdict(subject, None if unless else holds, number, meaning, paper, "; ".join(filter(None, (*notes, why))))


def trend(
    subject: str,
    x: Sequence[float],
    y: Sequence[Number],
    sign: int,
    meaning: str,
    *notes: str,
    bound: float = 0.8,
    missing: Literal["drop", "last"] = "drop",
    unless: str = "",
) -> Verdict:
    """The verdict on whether y grows (sign +1) or falls (sign -1) along x, by Spearman's rank correlation.

    Args:
        subject: as in `Verdict`.
        x: positions.
        y: values.
        sign: +1 or -1.
        meaning: what stands behind "Spearman correlation".
        *notes: as in `judged`.
        bound: the least correlation that is a trend.
        missing: what a missing value means, see `spearman`.
        unless: as in `judged`.
    """
    rho = spearman(x, y, missing)
    return judged(subject, monotone(rho, sign, bound), rho, f"Spearman correlation {meaning}", *notes, unless=unless)


def evaluate(claims: Iterable[Claim], numbers: Numbers) -> list[dict[str, Any]]:
    """Every claim's verdicts on the plotted numbers, one JSON-able dict each (statement and fields of `Verdict`).

    A claim that fails is a finding and raises nothing. One that is undetermined neither holds nor fails: its `holds` is
    None, and so is its `number` where there is none.
    """
    rows = []
    for claim in claims:
        for verdict in claim.verdicts(numbers):
            row = {"statement": claim.statement, **asdict(verdict)}
            determined = math.isfinite(verdict.number)
            row["holds"] = bool(verdict.holds) if determined and verdict.holds is not None else None
            row["number"] = float(verdict.number) if determined else None
            rows.append(row)
    return rows


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A verdict, as `evaluate` gives it, as the texts of a table's row, on a terminal as on a page."""
    number, paper = row["number"], row["paper"]
    return {
        "statement": row["statement"],
        "subject": row["subject"],
        "verdict": WORDS[row["holds"]],
        "number": "" if number is None else f"{number:.4g}",
        "paper": "" if paper is None else f"{paper:.4g}",
        "difference": "" if number is None or paper is None else f"{number - paper:+.3g}",
        "meaning": row["meaning"] + (f" ({row['note']})" if row["note"] else ""),
    }


class Tally(NamedTuple):
    """How many verdicts there are of each kind; as text "7 of 9 claims hold, 1 undetermined"."""

    hold: int
    total: int
    undetermined: int

    @property
    def short(self) -> str:
        """ "7 of 9, 1 undetermined", where it stands under "claims that hold"."""
        return f"{self.hold} of {self.total}" + self._others

    @property
    def _others(self) -> str:
        return f", {self.undetermined} undetermined" if self.undetermined else ""

    def __str__(self) -> str:
        return f"{self.hold} of {self.total} claims hold" + self._others


def tally(rows: Iterable[Mapping[str, Any]]) -> Tally:
    """Counts verdicts as `evaluate` gives them."""
    verdicts = [row["holds"] for row in rows]
    return Tally(verdicts.count(True), len(verdicts), verdicts.count(None))
