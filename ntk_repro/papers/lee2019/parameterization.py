"""Figure S7: NTK against standard parameterization."""

import math
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from ntk_repro.papers.claims import Claim, Verdict
from ntk_repro.papers.figure import Figure

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_SIMILAR = 0.02  # accuracy: twice and more the sampling error of the smallest test sets
_EXACT = 1e-10


def _curves(numbers: Numbers) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for panel in numbers["panels"]:
        for curve in panel["curves"]:
            yield f"{panel['data']}, {curve['name']}", curve


def _best_is_alike(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "difference of the best accuracies"
    for subject, curve in _curves(numbers):
        ntk, standard = (_best(curve["log2_eta"], curve[f"{name}_accuracy"]) for name in ("ntk", "standard"))
        if ntk is None or standard is None:
            yield Verdict(subject, False, math.nan, meaning, note="no training converged")
            continue
        note = (
            f"{ntk[1]:.1%} at eta 2^{ntk[0]} in NTK, {standard[1]:.1%} at 2^{standard[0]} in standard parameterization"
        )
        yield Verdict(subject, abs(ntk[1] - standard[1]) <= _SIMILAR, ntk[1] - standard[1], meaning, note=note)


def _best(etas: list[int], accuracies: list[float | None]) -> tuple[int, float] | None:
    there = [(eta, accuracy) for eta, accuracy in zip(etas, accuracies, strict=True) if accuracy is not None]
    return max(there, key=lambda pair: pair[1]) if there else None


def _alike_at_the_same_rate(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "median difference of the accuracies"
    for subject, curve in _curves(numbers):
        pairs = list(zip(curve["ntk_accuracy"], curve["standard_accuracy"], strict=True))
        both = [abs(ntk - standard) for ntk, standard in pairs if ntk is not None and standard is not None]
        if not both:
            yield Verdict(subject, False, math.nan, meaning, note="no learning rate at which both converge")
            continue
        left_out = len(pairs) - len(both)
        note = f"at {len(both)} rates, largest {max(both):.3f}"
        note += f", {left_out} left out where one diverged" if left_out else ""
        yield Verdict(subject, median(both) <= _SIMILAR, median(both), meaning, note=note)


def _one_step_is_identical(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        apart = curve["one_step_apart"]
        meaning = "how far one step ends apart, as a share of the step"
        yield Verdict(subject, apart <= _EXACT, apart, meaning, note="in float64, layer-wise rates of Eq. S37")


FIGURES = (
    Figure(
        id="lee2019/figS7",
        title="test accuracy against the learning rate, NTK and standard parameterization",
        source="Lee et al. 2019, Figure S7",
        study="wide_limit.parameterization",
        script="lee2019/figS7.py",
        claims=(
            Claim("both parameterizations reach similar accuracy (best within 2 points)", _best_is_alike),
            Claim("accuracies are alike at the same normalised rate (median within 2 points)", _alike_at_the_same_rate),
            Claim("with the layer-wise rates of Eq. S37 one step of training is identical", _one_step_is_identical),
        ),
    ),
)
