"""What a paper says about a figure, judged on the plotted numbers, and how verdicts are shown and counted."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from ntk_repro.papers.statistics import Number, order, spearman
from ntk_repro.papers.thresholds import ORDERED

Numbers = Mapping[str, Any]
"""The plotted numbers of a figure, or an entry of them."""

_WORDS = {True: "holds", False: "does not hold", None: "undetermined"}
_ROUNDING = 1e-9  # a correlation of exactly the bound must not fail by its last digit
_PAIRS = 3  # that an order needs


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim on one subject; `judged` makes it.

    Attributes:
        subject: what the claim was tested on, such as the name of a network.
        holds: whether the predicate is true of our numbers; None where they cannot decide it, for example where a run
            departs from the paper's settings in something that moves the number.
        number: the number that decides it, or would; None where our numbers do not determine one.
        meaning: what that number is.
        paper: the number that the paper prints for it, None where it prints none.
        note: anything else that a reader needs.
    """

    subject: str
    holds: bool | None
    number: Number
    meaning: str
    paper: Number = None
    note: str = ""


Predicate = Callable[..., Iterable[Verdict]]


@dataclass(frozen=True)
class Claim:
    """A statement of a paper and the predicate that decides it, subject by subject, from the plotted numbers.

    Attributes:
        statement: what the paper says, with the threshold that it is judged by.
        predicate: (plotted numbers, *arguments) -> a verdict for each subject.
        arguments: what distinguishes claims of one predicate.
        over: the name of a list or table in the numbers, where the predicate judges each of its entries separately: it
            takes the entry in place of the numbers, of a table (name, entry).
        place: where the paper says so, such as "section 4.1" or "caption of Figure 2".
    """

    statement: str
    predicate: Predicate
    arguments: tuple[Any, ...] = ()
    over: str = ""
    place: str = field(kw_only=True, default="")

    def verdicts(self, numbers: Numbers) -> Iterator[Verdict]:
        """The verdicts on all subjects."""
        entries = numbers[self.over] if self.over else [numbers]
        for entry in entries.items() if isinstance(entries, Mapping) else zip(entries, strict=True):
            yield from self.predicate(*entry, *self.arguments)


def claim(statement: str, over: str = "", *, place: str = "") -> Callable[[Predicate], Claim]:
    """Decorates a predicate with its statement: the name is then that of the `Claim`."""
    return lambda predicate: Claim(statement, predicate, over=over, place=place)


def judged(
    subject: str,
    holds: bool | None,
    number: float,
    meaning: str,
    *notes: str,
    unless: str = "",
    paper: Number = None,
) -> Verdict:
    """The verdict on a subject: the fields of `Verdict`, its note joined from parts; empty ones are left out.

    It is undetermined where the number is nan, and where `unless` says why our numbers cannot decide the claim.
    """
    determined, why = math.isfinite(number), f"not judged: {unless}" if unless else ""
    verdict = bool(holds) if determined and not unless and holds is not None else None
    note = "; ".join(filter(None, (*notes, why)))
    return Verdict(subject, verdict, float(number) if determined else None, meaning, paper, note)


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
        meaning: the words after "Spearman correlation".
        *notes: as in `judged`.
        bound: the smallest correlation that counts as a trend.
        missing: how a missing value counts, see `spearman`.
        unless: as in `judged`.
    """
    rho = spearman(x, y, missing)
    holds = sign * rho >= bound - _ROUNDING
    return judged(subject, holds, rho, f"Spearman correlation {meaning}", *notes, unless=unless)


def in_order(
    subject: str,
    x: Sequence[Number] | np.ndarray,
    y: Sequence[Number] | np.ndarray,
    sign: int,
    errors: float | Sequence[Number] | np.ndarray,
    meaning: str,
    *notes: str,
    x_errors: float | Sequence[Number] | np.ndarray = 0.0,
    unless: str = "",
) -> Verdict:
    """The verdict on whether y grows (sign +1) or falls (sign -1) along x, in the pairs that noise cannot turn.

    It is undetermined where there are fewer than three such pairs.

    Args:
        subject: as in `Verdict`.
        x: positions, see `order`.
        y: values.
        sign: +1 or -1.
        errors: standard errors of the values.
        meaning: the words after "share of pairs in order,".
        *notes: as in `judged`.
        x_errors: standard errors of the positions.
        unless: as in `judged`.
    """
    found = order(x, y, sign, errors, x_errors)
    holds = found.share >= ORDERED - _ROUNDING if found.pairs >= _PAIRS else None
    count = len(y) * (len(y) - 1) // 2
    pairs = f"{found.pairs} of {count} pairs differ beyond noise"
    return judged(subject, holds, found.share, f"share of pairs in order, {meaning}", *notes, pairs, unless=unless)


def trend_of_nets(
    statement: str,
    curve: str,
    along: str,
    sign: int,
    *,
    missing: Literal["drop", "last"] = "drop",
    note: Callable[[Sequence[Number]], str] = lambda values: "",
    unless: Callable[[Numbers], str] = lambda curves: "",
) -> Claim:
    """The claim that a curve of every network grows (sign +1) or falls (sign -1) along another of its lists.

    Args:
        statement: the statement, without the bound.
        curve: name of the values in the plotted numbers of a network.
        along: name of their positions.
        sign: +1 or -1.
        missing: how a missing value counts, see `spearman`.
        note: what a reader needs to know of the values.
        unless: why these curves cannot decide the claim; "" where they can.
    """

    @claim(f"{statement} (Spearman {'<= -0.8' if sign < 0 else '>= 0.8'})", over="nets")
    def trend_of_net(net: str, curves: Numbers) -> Iterator[Verdict]:
        values = curves[curve]
        gaps = f"{values.count(None)} of {len(values)}" if None in values else ""
        lost = f"not reached at {gaps}" if missing == "last" else f"no number at {gaps}, left out"
        notes = (note(values), lost if gaps else "")
        why, meaning = unless(curves), f"with the {along}"
        yield trend(net, curves[along], values, sign, meaning, *notes, missing=missing, unless=why)

    return trend_of_net


def evaluate(claims: Iterable[Claim], numbers: Numbers, *, kept: bool = False) -> list[dict[str, Any]]:
    """Every claim's verdicts on the plotted numbers, one JSON-able dict each: statement, place, fields of `Verdict`.

    A claim that does not hold is a finding and raises nothing. An undetermined one neither holds nor fails: its `holds`
    is None, and so is its `number` where there is none.

    Args:
        claims: the claims.
        numbers: the plotted numbers.
        kept: whether the numbers may be of an earlier version. A claim on a quantity that they lack is then
            undetermined, and names it.
    """
    return [
        {"statement": claim.statement, "place": claim.place, **asdict(verdict)}
        for claim in claims
        for verdict in (_verdicts_on_kept(claim, numbers) if kept else claim.verdicts(numbers))
    ]


def _verdicts_on_kept(claim: Claim, numbers: Numbers) -> list[Verdict]:
    try:
        return list(claim.verdicts(numbers))
    except KeyError as lacking:
        return [judged("all", None, math.nan, "", unless=f"computed by a version that did not keep {lacking}")]


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A verdict from `evaluate` as the texts of a table row, for the terminal and for pages."""
    number, paper = row["number"], row["paper"]
    return {
        "statement": row["statement"],
        "subject": row["subject"],
        "verdict": _WORDS[row["holds"]],
        "number": "" if number is None else f"{number:.4g}",
        "paper": "" if paper is None else f"{paper:.4g}",
        "difference": "" if number is None or paper is None else f"{number - paper:+.3g}",
        "meaning": row["meaning"] + (f" ({row['note']})" if row["note"] else ""),
    }


def tally(rows: Iterable[Mapping[str, Any]], noun: str = " claims hold") -> str:
    """How many verdicts from `evaluate` there are of each kind: "7 of 9 claims hold, 1 undetermined"."""
    verdicts = [row["holds"] for row in rows]
    undetermined = f", {verdicts.count(None)} undetermined" if None in verdicts else ""
    return f"{verdicts.count(True)} of {len(verdicts)}{noun}{undetermined}"
