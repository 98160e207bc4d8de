"""Figure S7: NTK against standard parameterization."""

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.statistics import Interval, all_hold_jointly, signed_sum, student_interval
from ntk_repro.papers.thresholds import IDENTICAL, NEARLY_IDENTICAL, SIGNIFICANT

_GUESSING = 0.1  # of ten classes
_SIMILAR = SIGNIFICANT * (1 - _GUESSING)


def _curves(numbers: Numbers) -> Iterator[tuple[str, Numbers]]:
    for panel in numbers["panels"]:
        for curve in panel["curves"]:
            yield f"{panel['data']}, {curve['name']}", curve


def _accuracies(curve: Numbers) -> np.ndarray:
    """(parameterizations, seeds, rates), NTK first, nan where a training diverged."""
    return np.array([curve[f"{which}_accuracy_by_seed"] for which in ("ntk", "standard")], float)


def _diverged(accuracies: np.ndarray) -> str:
    """At how many rates a training diverged, in each parameterization."""
    counts = np.isnan(accuracies).any(axis=1).sum(axis=-1)
    return f"diverged at {counts[0]} and {counts[1]} of {accuracies.shape[-1]} rates" if counts.any() else ""


def _points(found: Interval) -> str:
    if math.isnan(found.low):
        return "no interval"
    return f"95% interval {100 * found.low:.1f} to {100 * found.high:.1f} points"


def _difference(curve: Numbers, ntk: np.ndarray, standard: np.ndarray, *, of: int = 1) -> Interval:
    """Of two accuracies (seeds,), `of` as in `signed_sum`; of one seed with the interval of its test images."""
    terms = [dict(zip(curve["seeds"], term, strict=True)) for term in (ntk, standard)]
    return signed_sum(terms, [1, -1], curve["n_test"], of=of)


def _all_similar(curve: Numbers, pairs: Sequence[tuple[np.ndarray, np.ndarray]], of: int) -> list[bool | None]:
    return [_difference(curve, *pair, of=of).within(-_SIMILAR, _SIMILAR) for pair in pairs]


@claim("both parameterizations are the same function at the start (to 1e-8)", place="section 2.1; appendix F")
def _same_function(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        found = Interval.exact(float(np.array(curve["layerwise_apart"], float)[:, 0].max()))
        yield judged(
            subject, found.below(IDENTICAL), found.mean, "difference of the outputs over the largest", "in float64"
        )


@claim(
    "with one learning rate for all parameters training differs (by more than 10% of the outputs' change)",
    place="appendix F",
)
def _one_rate_differs(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        apart = np.array(curve["plain_apart"], float)[:, 1:].max(axis=1)
        found = student_interval(apart)
        steps = f"largest after {', '.join(map(str, curve['compared'][1:]))} steps, full batch"
        notes = (found.ends(".2g"), steps)
        yield judged(subject, found.above(NEARLY_IDENTICAL), found.mean, "difference over the outputs' change", *notes)


@claim(
    "with the layer-wise rates of Eq. S37 training is identical (to 1e-8, after 100 steps)",
    place="section 2.1; appendix F",
)
def _layerwise_rates_are_identical(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        found = Interval.exact(float(np.array(curve["layerwise_apart"], float)[:, 1:].max()))
        note = f"in float64, largest after {', '.join(map(str, curve['compared'][1:]))} steps"
        yield judged(subject, found.below(IDENTICAL), found.mean, "difference over the outputs' change", note)


@claim(
    "both parameterizations reach similar accuracy (each at the best of the rates at which it converges, within 3 "
    "points)",
    place="caption of Figure S7",
)
def _best_is_similar(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        accuracies = _accuracies(curve)
        converged = [found[:, np.isfinite(found).all(axis=0)] for found in accuracies]
        found, notes = Interval(math.nan, math.nan, math.nan, 0), ["one converges nowhere"]
        if all(found.size for found in converged):
            best = [found.max(axis=-1) for found in converged]
            found = _difference(curve, *best)
            names = ("NTK parameterization", "the standard one")
            reached = (f"{b.mean():.1%} in {name}" for b, name in zip(best, names, strict=True))
            notes = [" and ".join(reached), _points(found)]
        holds = found.within(-_SIMILAR, _SIMILAR)
        yield judged(subject, holds, found.mean, "difference of the best accuracies", *notes, _diverged(accuracies))


@claim(
    "accuracies are similar at the same normalised rate (within 3 points at every rate at which one converges; where "
    "the other diverges it is guessing)",
    place="appendix F",
)
def _similar_at_the_same_rate(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        every = _accuracies(curve)
        converged = np.isfinite(every).all(axis=1).any(axis=0)  # one of them, in every seed
        shown = np.nan_to_num(every[..., converged], nan=_GUESSING)
        rates = np.array(curve["log2_eta"])[converged]
        pairs = list(zip(*shown.swapaxes(1, 2), strict=True))
        found = [_difference(curve, *pair) for pair in pairs]
        holds = all_hold_jointly(partial(_all_similar, curve, pairs)) if pairs else None
        furthest, notes = Interval(math.nan, math.nan, math.nan, 0), ["none converges"]
        if found:
            at = int(np.argmax([abs(one.mean) for one in found]))
            furthest, notes = found[at], [_points(found[at]), f"at rate 2^{rates[at]:g}, of {len(rates)} rates"]
        meaning = "largest difference of the accuracies"
        yield judged(subject, holds, furthest.mean, meaning, *notes, _diverged(every))


FIGURES = (
    PAPER.figure(
        "figS7",
        "test accuracy against the learning rate, NTK and standard parameterization",
        "wide_limit.parameterization",
        _best_is_similar,
        _similar_at_the_same_rate,
        _same_function,
        _one_rate_differs,
        _layerwise_rates_are_identical,
    ),
)
