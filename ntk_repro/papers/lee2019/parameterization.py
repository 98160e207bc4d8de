"""Figure S7: NTK against standard parameterization."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER

_SIMILAR = 0.02  # accuracy: twice and more the sampling error of the smallest test sets
_EXACT = 1e-10


def _curves(numbers: Numbers) -> Iterator[tuple[str, Numbers]]:
    for panel in numbers["panels"]:
        for curve in panel["curves"]:
            yield f"{panel['data']}, {curve['name']}", curve


def _accuracies(curve: Numbers) -> np.ndarray:
    """The accuracies in NTK and in standard parameterization, nan where a training diverged."""
    return np.array([curve["ntk_accuracy"], curve["standard_accuracy"]], float)


@claim("both parameterizations reach similar accuracy (best within 2 points)")
def _best_is_similar(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        accuracies = _accuracies(curve)
        difference, note = math.nan, "no training converged"
        if np.isfinite(accuracies).any(axis=1).all():
            (ntk, standard), best = np.nanmax(accuracies, axis=1), np.nanargmax(accuracies, axis=1)
            ntk_eta, eta = np.array(curve["log2_eta"])[best]
            difference = ntk - standard
            note = f"{ntk:.1%} at eta 2^{ntk_eta} in NTK, {standard:.1%} at 2^{eta} in standard parameterization"
        yield judged(subject, abs(difference) <= _SIMILAR, difference, "difference of the best accuracies", note)


@claim("accuracies are alike at the same normalised rate (median within 2 points)")
def _similar_at_the_same_rate(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        differences = np.abs(np.subtract(*_accuracies(curve)))
        finite = differences[np.isfinite(differences)]
        median, note = math.nan, "no learning rate at which both converge"
        if len(finite):
            left_out = len(differences) - len(finite)
            median, note = float(np.median(finite)), f"at {len(finite)} rates, largest {finite.max():.3f}"
            note += f", {left_out} left out where one diverged" if left_out else ""
        yield judged(subject, median <= _SIMILAR, median, "median difference of the accuracies", note)


@claim("with the layer-wise rates of Eq. S37 one step of training is identical")
def _one_step_is_identical(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "how far one step ends apart, as a share of the step"
    for subject, curve in _curves(numbers):
        difference = curve["one_step_apart"]
        yield judged(subject, difference <= _EXACT, difference, meaning, "in float64, layer-wise rates of Eq. S37")


FIGURES = (
    PAPER.figure(
        "figS7",
        "test accuracy against the learning rate, NTK and standard parameterization",
        "wide_limit.parameterization",
        _best_is_similar,
        _similar_at_the_same_rate,
        _one_step_is_identical,
    ),
)
