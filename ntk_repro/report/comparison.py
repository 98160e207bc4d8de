"""Claims from fresh runs compared with those of the reference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ntk_repro.ranges import check_not_negative

Outcome = Literal["agrees", "turned", "differs", "new", "gone"]


@dataclass(frozen=True)
class Tolerance:
    """How far a number may lie from the reference: absolute + relative * |reference|."""

    relative: float = 0.05
    absolute: float = 0.01

    def __post_init__(self):
        check_not_negative(relative=self.relative, absolute=self.absolute)

    def allows(self, number: float, reference: float) -> bool:
        """Whether `number` is within the tolerance of `reference`."""
        return abs(number - reference) <= self.absolute + self.relative * abs(reference)


@dataclass(frozen=True)
class Comparison:
    """One verdict on one subject, in the reference and now.

    Attributes:
        statement: the claim.
        subject: what it was tested on.
        before: the reference's number; None where it is undetermined, or where the claim is new.
        after: the number now; None where it is undetermined, or where the claim is gone.
        outcome: "agrees": number within the tolerance, same verdict; "turned": number within the tolerance, another
            verdict; "differs": number outside of it; "new" and "gone": only now, or only in the reference.
    """

    statement: str
    subject: str
    before: float | None
    after: float | None
    outcome: Outcome

    @property
    def fails(self) -> bool:
        """Whether it is anything but agreement."""
        return self.outcome != "agrees"


def compare(
    reference: Sequence[Mapping[str, Any]], fresh: Sequence[Mapping[str, Any]], tolerance: Tolerance
) -> list[Comparison]:
    """Every claim of either, in the order of the reference.

    Verdicts are matched by statement and subject; several with the same ones, in their order. Notes and meanings are
    not compared: they contain numbers.

    Args:
        reference: verdicts as `ntk_repro.papers.claims.evaluate` gives them.
        fresh: the same, computed now.
        tolerance: how far a number may lie from the reference.
    """
    before, after = _keyed(reference), _keyed(fresh)
    found = []
    for statement, subject, place in dict.fromkeys([*before, *after]):
        old, new = (rows.get((statement, subject, place)) for rows in (before, after))
        was, now = (None if row is None else row["number"] for row in (old, new))
        found.append(Comparison(statement, subject, was, now, _outcome(old, new, tolerance)))
    return found


def _keyed(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int], Mapping[str, Any]]:
    """The verdicts by statement, subject and, where several have both, their position among those."""
    found, count = {}, Counter()
    for row in rows:
        key = row["statement"], row["subject"]
        found[*key, count[key]] = row
        count[key] += 1
    return found


def _outcome(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, tolerance: Tolerance) -> Outcome:
    if old is None:
        return "new"
    if new is None:
        return "gone"
    if old["number"] is None or new["number"] is None:
        return "agrees" if old["number"] is new["number"] else "differs"
    if not tolerance.allows(new["number"], old["number"]):
        return "differs"
    return "agrees" if old["holds"] is new["holds"] else "turned"
