"""Figure S7: NTK against standard parameterization."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, judged
from ntk_repro.papers.lee2019.paper import PAPER

__all__ = ["FIGURES"]

_SIMILAR = 0.02  # accuracy: twice and more the sampling error of the smallest test sets
_EXACT = 1e-10


def _curves(numbers: Numbers) -> Iterator[tuple[str, Numbers]]:
    for panel in numbers["panels"]:
        for curve in panel["curves"]:
            yield f"{panel['data']}, {curve['name']}", curve


def _best_is_similar(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        (ntk_eta, ntk), (eta, standard) = (_best(curve, name) for name in ("ntk", "standard"))
        apart, note = ntk - standard, "no training converged"
        if math.isfinite(apart):
            note = f"{ntk:.1%} at eta 2^{ntk_eta} in NTK, {standard:.1%} at 2^{eta} in standard parameterization"
        yield judged(subject, abs(apart) <= _SIMILAR, apart, "difference of the best accuracies", note)


def _best(curve: Numbers, name: str) -> tuple[float, float]:
    accuracies = np.array(curve[f"{name}_accuracy"], float)
    if np.isnan(accuracies).all():
        return math.nan, math.nan
    best = int(np.nanargmax(accuracies))
    return curve["log2_eta"][best], accuracies[best]


def _similar_at_the_same_rate(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        ntk, standard = (np.array(curve[f"{name}_accuracy"], float) for name in ("ntk", "standard"))
        apart = np.abs(ntk - standard)
        both = apart[np.isfinite(apart)]
        median, note = math.nan, "no learning rate at which both converge"
        if len(both):
            left_out = len(apart) - len(both)
            median, note = float(np.median(both)), f"at {len(both)} rates, largest {both.max():.3f}"
            note += f", {left_out} left out where one diverged" if left_out else ""
        yield judged(subject, median <= _SIMILAR, median, "median difference of the accuracies", note)


def _one_step_is_identical(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "how far one step ends apart, as a share of the step"
    for subject, curve in _curves(numbers):
        apart = curve["one_step_apart"]
        yield judged(subject, apart <= _EXACT, apart, meaning, "in float64, layer-wise rates of Eq. S37")


FIGURES = (
    PAPER.figure(
        "figS7",
        "test accuracy against the learning rate, NTK and standard parameterization",
        "wide_limit.parameterization",
        Claim("both parameterizations reach similar accuracy (best within 2 points)", _best_is_similar),
        Claim("accuracies are alike at the same normalised rate (median within 2 points)", _similar_at_the_same_rate),
        Claim("with the layer-wise rates of Eq. S37 one step of training is identical", _one_step_is_identical),
    ),
)
