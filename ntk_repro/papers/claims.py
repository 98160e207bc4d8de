"""What a paper says about a figure, judged on the plotted numbers, and how verdicts are shown and counted."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ntk_repro.papers.statistics import Interval, Number, Order, Values, order
from ntk_repro.papers.thresholds import ORDERED

Numbers = Mapping[str, Any]
"""The plotted numbers of a figure, or an entry of them."""

_WORDS = {True: "holds", False: "does not hold", None: "undetermined"}
_ROUNDING = 1e-9  # a share of exactly the bound must not fail by its last digit
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
        unless: why our numbers cannot decide the claim, "" where they can.
        interval: the ends of the 95% interval of the number; of one that the paper prints, where the paper's would lie
            if it was drawn as ours were; None where it has none.
        seeds: how many seeds the interval is from.
    """

    subject: str
    holds: bool | None
    number: Number
    meaning: str
    paper: Number = None
    note: str = ""
    unless: str = ""
    interval: list[float] | None = None
    seeds: int | None = None


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


def joined(*texts: str) -> str:
    """Several notes or reasons as one, each once; "" where there are none."""
    return "; ".join(filter(None, dict.fromkeys(texts)))


def judged(
    subject: str,
    holds: bool | None,
    number: float | Interval,
    meaning: str,
    *notes: str,
    unless: str = "",
    paper: Number = None,
) -> Verdict:
    """The verdict on a subject: the fields of `Verdict`, its note joined from parts; empty ones are left out.

    It is undetermined where the number is nan, and where `unless` says why our numbers cannot decide the claim. A
    number may come with its interval.
    """
    ends, seeds = None, None
    if isinstance(number, Interval):
        ends = [number.low, number.high] if math.isfinite(number.high - number.low) else None
        number, seeds = number.mean, number.seeds if ends else None
    determined = math.isfinite(number)
    verdict = bool(holds) if determined and not unless and holds is not None else None
    ours = float(number) if determined else None
    return Verdict(subject, verdict, ours, meaning, paper, joined(*notes), unless, ends, seeds)


def is_ordered(found: Order) -> bool | None:
    """Whether 90% of the pairs follow the order; None where fewer than three differ beyond noise."""
    return found.share >= ORDERED - _ROUNDING if found.pairs >= _PAIRS else None


def in_order(
    subject: str,
    x: Values,
    y: Values,
    sign: int,
    errors: float | Values,
    meaning: str,
    *notes: str,
    x_errors: float | Values = 0.0,
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
    count = len(y) * (len(y) - 1) // 2
    pairs = f"{found.pairs} of {count} pairs differ beyond noise"
    return judged(
        subject, is_ordered(found), found.share, f"share of pairs in order, {meaning}", *notes, pairs, unless=unless
    )


def as_printed(
    subject: str,
    ours: Interval,
    paper: float,
    widest: float,
    meaning: str,
    *notes: str,
    rounding: float,
    seeds: int = 3,
    unless: str = "",
) -> Verdict:
    """The verdict on whether a share that the paper prints lies where that of further seeds of ours would.

    The two are not compared where `unless` says that our settings are others.

    Args:
        subject: as in `Verdict`.
        ours: of as many `further` seeds as the paper's is the mean of, see `student_interval`.
        paper: the printed share.
        widest: half-width of the interval beyond which a number inside shows little, and leaves it undetermined.
        meaning: as in `Verdict`.
        *notes: as in `judged`.
        rounding: half a unit of the printed share's last digit.
        seeds: how many seeds it needs.
        unless: as in `judged`.
    """
    half = ours.high - ours.mean
    holds = abs(paper - ours.mean) <= half + rounding
    few = f"{ours.seeds} seed{'s' * (ours.seeds != 1)}, fewer than {seeds}" if ours.seeds < seeds else ""
    wide = f"further seeds may lie {100 * half:.2g} points away, which would contradict little"
    why = unless or few or (wide if holds and half > widest else "")
    note = f"further seeds lie within {100 * half:.2g} points, by {ours.seeds} of ours" if math.isfinite(half) else ""
    shown = None if unless else paper
    return judged(subject, holds, ours, meaning, note, *notes, unless=why, paper=shown)


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
    number, paper, ends = row["number"], row["paper"], row.get("interval")
    note = joined(row["note"], f"not judged: {row['unless']}" if row.get("unless") else "")
    difference = None if number is None or paper is None else number - paper
    error = Interval(number, ends[0], ends[1], row["seeds"]).error if number is not None and ends else 0.0
    return {
        "statement": row["statement"],
        "subject": row["subject"],
        "verdict": _WORDS[row["holds"]],
        "number": "" if number is None else _readable(number),
        "paper": "" if paper is None else _readable(paper),
        "difference": "" if difference is None else _readable(difference, "+", 3),
        "interval": f"{ends[0]:.4g} to {ends[1]:.4g}" if ends else "",
        "seeds": str(row["seeds"]) if ends else "",
        "errors": f"{difference / error:+.1f}" if difference is not None and error else "",
        "meaning": row["meaning"] + (f" ({note})" if note else ""),
    }


def _readable(number: float, sign: str = "-", digits: int = 4) -> str:
    """So many digits, but whole numbers in full where they are more: "60,941"."""
    return f"{number:{sign},.0f}" if abs(number) >= 10**digits else f"{number:{sign}.{digits}g}"


def with_footnotes(rows: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of `evaluate` with a mark where they say why they are not judged, and these reasons, each once."""
    rows = list(rows)
    reasons = dict.fromkeys(row["unless"] for row in rows if row["unless"])
    marks = {"": ""} | {reason: f"[{number}]" for number, reason in enumerate(reasons, 1)}
    marked = [{**row, "unless": marks[row["unless"]]} for row in rows]
    return marked, [f"{marks[reason]} {reason}" for reason in reasons]


def tally(rows: Iterable[Mapping[str, Any]], noun: str = " claims hold") -> str:
    """How many verdicts from `evaluate` there are of each kind: "7 of 9 claims hold, 1 undetermined"."""
    verdicts = [row["holds"] for row in rows]
    undetermined = f", {verdicts.count(None)} undetermined" if None in verdicts else ""
    return f"{verdicts.count(True)} of {len(verdicts)}{noun}{undetermined}"
