"""Figure S7: NTK against standard parameterization."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval, all_hold, signed_sum, student_interval
from ntk_repro.papers.thresholds import IDENTICAL, NEARLY_IDENTICAL, SIGNIFICANT

_SIMILAR = SIGNIFICANT * 0.9  # of ten classes
_AXES = printed_numbers("lee2019")["figS7"]
_ANOTHER_NAME = {"mnist5k": "mnist"}


def _curves(numbers: Numbers) -> Iterator[tuple[str, Numbers]]:
    for panel in numbers["panels"]:
        for curve in panel["curves"]:
            yield f"{panel['data']}, {curve['name']}", curve


def _accuracies(curve: Numbers) -> np.ndarray:
    """(parameterizations, seeds, rates), NTK first, of the rates at which all trainings converge."""
    found = np.array([curve[f"{which}_accuracy_by_seed"] for which in ("ntk", "standard")], float)
    return found[..., np.isfinite(found).all(axis=(0, 1))]


def _left_out(curve: Numbers, compared: int) -> str:
    left_out = len(curve["log2_eta"]) - compared
    return f"{left_out} of {len(curve['log2_eta'])} rates left out where one diverged" if left_out else ""


def _points(found: Interval) -> str:
    if math.isnan(found.low):
        return "no interval"
    return f"95 % interval {100 * found.low:.1f} to {100 * found.high:.1f} points"


def _sum(curve: Numbers, terms: list[np.ndarray], signs: list[int]) -> Interval:
    """A sum of accuracies, each (seeds,); of one seed with the interval of its test images."""
    return signed_sum([dict(zip(curve["seeds"], term, strict=True)) for term in terms], signs, curve["n_test"])


@claim("both parameterizations are the same function at the start (to 1e-8)", place="section 2.1; appendix F")
def _same_function(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        found = Interval.exact(float(np.array(curve["layerwise_apart"], float)[:, 0].max()))
        yield judged(
            subject, found.below(IDENTICAL), found.mean, "difference of the outputs over the largest", "in float64"
        )


@claim(
    "with one learning rate for all parameters training differs (by more than 10 % of the outputs' change)",
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
    "both parameterizations reach similar accuracy (at the best of the rates at which both converge, within 3 points)",
    place="caption of Figure S7",
)
def _best_is_similar(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        accuracies, found, notes = _accuracies(curve), Interval(math.nan, math.nan, math.nan, 0), ["none converges"]
        if accuracies.size:
            best = accuracies.max(axis=-1)
            found = _sum(curve, [*best], [1, -1])
            names = ("NTK parameterization", "the standard one")
            reached = (f"{b:.1%} in {name}" for b, name in zip(best.mean(axis=-1), names, strict=True))
            notes = [" and ".join(reached), _points(found), _left_out(curve, accuracies.shape[-1])]
        holds = found.within(-_SIMILAR, _SIMILAR)
        yield judged(subject, holds, found.mean, "difference of the best accuracies", *notes)


@claim(
    "accuracies are similar at the same normalised rate (absolute difference within 3 points, mean of the rates)",
    place="appendix F",
)
def _similar_at_the_same_rate(numbers: Numbers) -> Iterator[Verdict]:
    for subject, curve in _curves(numbers):
        accuracies, found, notes = _accuracies(curve), Interval(math.nan, math.nan, math.nan, 0), ["none converges"]
        if rates := accuracies.shape[-1]:
            differences = np.subtract(*accuracies.mean(axis=1))
            signs = np.where(differences < 0, -1, 1)
            total = _sum(curve, [*accuracies[0].T, *accuracies[1].T], [*signs, *-signs])
            found = Interval(total.mean / rates, total.low / rates, total.high / rates, total.seeds)
            largest = f"largest {100 * np.abs(differences).max():.1f} points"
            notes = [_points(found), f"{rates} rates, {largest}", _left_out(curve, rates)]
        yield judged(subject, found.below(_SIMILAR), found.mean, "mean difference of the accuracies", *notes)


@claim(
    "the best accuracies are on the figure's axis (MNIST 0.90 to 0.99, CIFAR-10 0 to 0.6, half a tick beyond)",
    place="Figure S7 (a) and (b), axes",
)
def _on_the_axis(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        name, curves = _ANOTHER_NAME.get(panel["data"], panel["data"]), panel["curves"]
        if name not in _AXES:
            continue
        axis = _AXES[name]
        half = axis["tick"] / 2
        images = {curve["n_train"] for curve in curves}
        why = "" if images == {axis["images"]} else f"{max(images):,} training images, not {axis['images']:,}"
        accuracies = [(curve, _accuracies(curve)) for curve in curves]
        best = [_sum(curve, [one], [1]) for curve, found in accuracies if found.size for one in found.max(axis=-1)]
        holds = all_hold(*(one.within(axis["least"] - half, axis["most"] + half) for one in best))
        means = [one.mean for one in best] or [math.nan]
        note = f"best of {len(best)} curves from {min(means):.1%} to {max(means):.1%}"
        yield judged(panel["data"], holds, min(means), "lowest of the best accuracies", note, unless=why)


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
        _on_the_axis,
    ),
)
