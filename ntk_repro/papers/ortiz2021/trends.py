"""What falls or grows along the figures, as claims about Spearman's rank correlation."""

from collections.abc import Callable, Iterator
from typing import Literal

from ntk_repro.papers.claims import Claim, Numbers, Verdict, trend

__all__ = ["trend_of_nets"]

Curves = Numbers


def trend_of_nets(
    statement: str,
    curve: str,
    along: str,
    sign: int,
    *,
    missing: Literal["drop", "last"] = "drop",
    note: Callable[[Curves], str] = lambda curves: "",
    unless: Callable[[Curves], str] = lambda curves: "",
) -> Claim:
    """The claim that a curve of every network grows (sign +1) or falls (sign -1) along another of its lists.

    Args:
        statement: the statement, without the bound.
        curve: name of the values in the plotted numbers.
        along: name of their positions.
        sign: +1 or -1.
        missing: what a missing value means, see `spearman`.
        note: what a reader needs beside the number.
        unless: why these curves cannot decide the claim; "" where they can.
    """

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for net, curves in numbers["nets"].items():
            x, y = curves[along], curves[curve]
            gaps = f"{sum(value is None for value in y)} of {len(y)}" if None in y else ""
            lost = f"not reached at {gaps}" if missing == "last" else f"no number at {gaps}, left out"
            notes = (note(curves), lost if gaps else "")
            yield trend(net, x, y, sign, f"with the {along}", *notes, missing=missing, unless=unless(curves))

    return Claim(f"{statement} (Spearman {'<= -0.8' if sign < 0 else '>= 0.8'})", predicate)
