"""What falls or grows along the figures, as claims about Spearman's rank correlation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from ntk_repro.papers.claims import Claim, Verdict, monotone, spearman

__all__ = ["trend"]

Curves = Mapping[str, Any]


def trend(
    what: str,
    curve: str,
    along: str,
    sign: int,
    *,
    missing: Literal["drop", "last"] = "drop",
    note: Callable[[Curves], str] = lambda curves: "",
    undecided: Callable[[Curves], str] = lambda curves: "",
) -> Claim:
    """The claim that a curve of every network grows (sign +1) or falls (sign -1) along another of its lists.

    Args:
        what: the statement, without the bound.
        curve: name of the values in the plotted numbers.
        along: name of their positions.
        sign: +1 or -1.
        missing: what a missing value means, see `spearman`.
        note: what a reader needs beside the number.
        undecided: why these curves cannot decide the claim; "" where they can.
    """

    def predicate(numbers: Mapping[str, Any]) -> Iterator[Verdict]:
        for net, curves in numbers["nets"].items():
            rho = spearman(curves[along], curves[curve], missing)
            gaps, count = sum(value is None for value in curves[curve]), len(curves[curve])
            said = (
                f"not reached at {gaps} of {count}"
                if missing == "last"
                else f"no number at {gaps} of {count}, left out"
            )
            why = undecided(curves)
            notes = [note(curves), said if gaps else "", why]
            meaning = f"Spearman correlation with the {along}"
            yield Verdict(net, None if why else monotone(rho, sign), rho, meaning, note="; ".join(filter(None, notes)))

    return Claim(f"{what} (Spearman {'<= -0.8' if sign < 0 else '>= 0.8'})", predicate)
