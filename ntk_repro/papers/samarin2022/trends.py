"""What accuracies do from one width of a panel to another."""

import math
from collections.abc import Callable

from ntk_repro.papers.claims import Numbers, Verdict, judged
from ntk_repro.papers.samarin2022.gaps import (
    KINDS,
    NAMES,
    PART_NAMES,
    THREE_POINTS,
    Pair,
    not_all_widths,
    points,
    range_text,
    subject,
    unlike_paper,
)
from ntk_repro.papers.statistics import Interval, all_hold, signed_sum
from ntk_repro.papers.thresholds import MUCH

SIGNIFICANT_RISE = "by 3 points or more in test accuracy"

Trend = Callable[..., Verdict]
"""(panel, figure, narrow pair, wide pair, *arguments) -> whether the paper's statement on a figure holds from one width
to the other."""


def unlike_range(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> str:
    """Why two widths of a panel cannot show what the paper says of its own."""
    every = sorted({width for line in panel["lines"] for width in line["widths"]})
    widths = [width for width in every if narrow.width <= width <= wide.width]
    return unlike_paper(panel, figure) or not_all_widths(panel["net"], widths)


def gap_shrinks(panel: Numbers, figure: str, narrow: Pair, wide: Pair, part: str = "test") -> Verdict:
    """Whether the gap is smaller at the wider of two widths."""
    change, total = narrow.change_to(wide, part), narrow.gap_sum(wide, part)
    # A linearization that is farther ahead than it was behind is no more like the network.
    holds = all_hold(change.below(), total.above())
    gaps = f"from {points(narrow.gap(part))} to {points(wide.gap(part))}"
    why = unlike_range(panel, figure, narrow, wide)
    meaning = f"change of the gap in {PART_NAMES[part]}, {range_text(narrow, wide)}"
    return judged(_settings(panel, narrow), holds, change.mean, meaning, gaps, f"change {points(change)}", unless=why)


def rise(
    panel: Numbers, figure: str, narrow: Pair, wide: Pair, kind: str, part: str, least: float, most: float
) -> Verdict:
    """Whether what a model's accuracy gains from width lies between two limits."""
    gained = narrow.rise_to(wide, kind, part)
    why = unlike_range(panel, figure, narrow, wide)
    meaning = f"rise of {NAMES[kind]}'s {PART_NAMES[part]}, {range_text(narrow, wide)}"
    name = subject(panel) if kind == "network" else _settings(panel, narrow)
    return judged(name, gained.within(least, most), gained.mean, meaning, points(gained), unless=why)


LINEARIZATION_GAINS = ("linearized", "test", THREE_POINTS, math.inf)


def _lead(narrow: Pair, wide: Pair, times: float) -> Interval:
    """The linearization's rise in test accuracy less so many times the network's."""
    terms = [getattr(one, kind)["test"] for kind in ("linearized", "network") for one in (wide, narrow)]
    return signed_sum(terms, [1, -1, -times, times], narrow.images["test"])


def _rises(narrow: Pair, wide: Pair) -> list[str]:
    return [f"{NAMES[kind]} rises by {points(narrow.rise_to(wide, kind))}" for kind in KINDS]


def network_gains_little(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> Verdict:
    """Near 99% no gain is large in points: the paper compares it with the linearization's."""
    lead, why = _lead(narrow, wide, MUCH), unlike_range(panel, figure, narrow, wide)
    meaning = f"the linearization's rise in test accuracy less twice the network's, {range_text(narrow, wide)}"
    return judged(subject(panel), lead.above(), lead.mean, meaning, *_rises(narrow, wide), unless=why)


def by_the_linearization(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> Verdict:
    """Whether the linearization's gain is significant and larger than the network's change in either direction."""
    leads = [_lead(narrow, wide, sign) for sign in (1, -1)]
    dramatic = narrow.rise_to(wide, "linearized").above(THREE_POINTS)
    holds, why = all_hold(dramatic, *(lead.above() for lead in leads)), unlike_range(panel, figure, narrow, wide)
    meaning = f"the linearization's rise in test accuracy less the network's change, {range_text(narrow, wide)}"
    least = min(lead.mean for lead in leads)
    return judged(subject(panel), holds, least, meaning, *_rises(narrow, wide), unless=why)


def _settings(panel: Numbers, pair: Pair) -> str:
    """Names the linearization's learning rate where it is not the network's alone."""
    several = len([line for line in panel["lines"] if line["kind"] == "linearized"]) > 1
    return subject(panel, f"linearization at learning rate {pair.learning_rate:g}" if several else "")
