"""Claims computed anew beside those of the reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ntk_repro.errors import UserError

__all__ = ["Comparison", "Tolerance", "compare"]

Outcome = Literal["agrees", "turned", "differs", "new", "gone"]


@dataclass(frozen=True)
class Tolerance:
    """How far a number may lie from the reference: absolute + relative * |reference|."""

    relative: float = 0.05
    absolute: float = 0.01

    def __post_init__(self):
        for name in ("relative", "absolute"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"{name} must be a number from 0 up, not {value}: take 0 for none")

    def allows(self, number: float, reference: float) -> bool:
        """Whether `number` is near enough to `reference`."""
        return abs(number - reference) <= self.absolute + self.relative * abs(reference)


@dataclass(frozen=True)
class Comparison:
    """One verdict on one subject, then and now.

    Attributes:
        statement: the claim.
        subject: what it was tested on.
        before: the reference's number; None where it is undetermined, or where the claim is new.
        after: the number now; None where it is undetermined, or where the claim is gone.
        outcome: "agrees": number within the tolerance, same verdict; "turned": number within the tolerance, another
            verdict; "differs": number outside of it; "new" and "gone": only one of the two has it.
    """

    statement: str
    subject: str
    before: float | None
    after: float | None
    outcome: Outcome

    @property
    def fails(self) -> bool:
        """Whether anything but agreement came out."""
        return self.outcome != "agrees"


def compare(
    reference: Sequence[Mapping[str, Any]], fresh: Sequence[Mapping[str, Any]], tolerance: Tolerance
) -> list[Comparison]:
    """Every claim of either, in the order of the reference.

    Verdicts belong together where statement and subject are the same; of several, in their order. Notes and the wording
    of what the number is do not count: numbers are in them.

    Args:
        reference: verdicts as `ntk_repro.papers.claims.evaluate` gives them.
        fresh: the same, computed now.
        tolerance: how far a number may lie from the reference.
    """
    before, after = _keyed(reference), _keyed(fresh)
    found = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        numbers = [None if row is None else row["number"] for row in (old, new)]
        found.append(Comparison(key[0], key[1], numbers[0], numbers[1], _outcome(old, new, tolerance)))
    return found


def _keyed(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int], Mapping[str, Any]]:
    found: dict[tuple[str, str, int], Mapping[str, Any]] = {}
    for row in rows:
        place = sum(key[:2] == (row["statement"], row["subject"]) for key in found)
        found[row["statement"], row["subject"], place] = row
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
