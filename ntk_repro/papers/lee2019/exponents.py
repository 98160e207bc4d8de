"""What the interval of an exponent of the width must be, for statements such as O(n^-1/2)."""

from collections.abc import Callable

from ntk_repro.papers.claims import Numbers
from ntk_repro.papers.statistics import Interval
from ntk_repro.papers.thresholds import RATE

Decision = Callable[[Interval], bool | None]
"""Whether an interval decides for a statement, against it, or not at all."""


def at_most(exponent: float) -> Decision:
    """Of "O(n^exponent)" and "upper bounded by"."""
    return lambda found: found.below(exponent + RATE)


def close_to(exponent: float) -> Decision:
    """Of "scales as n^exponent"."""
    return lambda found: found.within(exponent - RATE, exponent + RATE)


def of_fit(fit: Numbers) -> Interval:
    """The exponent of a power law among the plotted numbers."""
    return Interval.read(fit[part] for part in ("exponent", "low", "high"))
