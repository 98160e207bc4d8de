"""Figure S4: logits of a network and its linearization late in training on the cross-entropy."""

import math
from collections.abc import Iterator
from statistics import fmean

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.lee2019.captions import other_data
from ntk_repro.papers.lee2019.trajectories import (
    MODELS,
    after_share,
    by_width,
    curve,
    range_note,
    seeds_interval,
    trajectory_figure,
)
from ntk_repro.papers.statistics import Interval, all_hold
from ntk_repro.papers.thresholds import MUCH, SIMILAR

_IMAGES = 50_000  # of MNIST


def _late_share(run: Numbers, kind: str) -> float:
    """Of what the logit that grows most in the last doubling of the steps grows in the last two, the last one's share.

    It is 1 where the logit shrank in the doubling before, and 0 where none grows in the last.
    """
    if min(after_share(run, f"{kind}_train_accuracy", share).item() for share in (0.25, 0.5, 1)) < 1:
        return math.nan
    sizes = [np.abs(after_share(run, f"{kind}_logits", share)) for share in (0.25, 0.5, 1)]
    before, last = sizes[1] - sizes[0], sizes[2] - sizes[1]
    most = int(np.argmax(last))
    return float(last[most] / (last[most] + max(before[most], 0))) if last[most] > 0 else 0.0


@claim(
    "at late times some logits keep growing (in the last doubling of the steps by more than half of the doubling "
    "before)",
    place="section 3; caption of Figure S4",
)
def _logits_grow(numbers: Numbers) -> Iterator[Verdict]:
    # Said of cross-entropy with softmax, whatever the data: they need not be those of the figure.
    meaning = "last doubling's share of the growth in the last two doublings of the steps, of the logit that grows most"
    for width, runs in by_width(numbers).items():
        for kind in MODELS:
            interval = seeds_interval(_late_share(run, kind) for run in runs)
            note = range_note(interval) or "some training images are still misclassified after a quarter of the steps"
            yield judged(f"width {width:,}, {kind}", interval.above(1 / (1 + MUCH)), interval.mean, meaning, note)


def _fitted(run: Numbers) -> int | None:
    """Where logits enter their late growth: the first observed step with all training images right, None: no such
    step in the first half of the steps."""
    right = np.flatnonzero(curve(run, "network_train_accuracy") >= 1)
    return int(right[0]) if len(right) and run["steps"][right[0]] <= run["steps"][-1] / 2 else None


def _early(run: Numbers) -> float:
    """The deviation when logits enter their late growth, over how far the network's have moved (RMS)."""
    at = _fitted(run)
    return (
        math.nan if at is None else float(curve(run, "linearized_rmse")[at] / curve(run, "network_test_rms_change")[at])
    )


def _growth_from_early(run: Numbers) -> float:
    """How many times the deviation of then it is at the end (its logarithm)."""
    at, deviation = _fitted(run), curve(run, "linearized_rmse")
    return math.nan if at is None else float(np.log(deviation[-1] / deviation[at]))


def _unlike(numbers: Numbers) -> str:
    """Why a statement about Figure S4 cannot be judged: it shows the full MNIST, as all of its section does."""
    images = sorted({run["images"] for run in numbers["trajectories"]})
    fewer = f"{images[0]:,} of {_IMAGES:,} images" if images[0] < _IMAGES else ""
    return joined(other_data(numbers, "mnist"), fewer)


@claim(
    "the narrowest network deviates early by more than 20% of how far its outputs move, and by more than the widest",
    place="caption of Figure S4",
)
def _narrow_deviates_early(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "deviation of the test outputs over their movement, when all training images are right"
    groups = by_width(numbers)
    if len(groups) > 1:
        (width, narrow), *_, (_, wide) = groups.items()
        early, widest = ({run["seed"]: _early(run) for run in runs} for runs in (narrow, wide))
        interval = seeds_interval(early.values(), of=2)
        lead = seeds_interval((early[seed] - widest[seed] for seed in early.keys() & widest.keys()), of=2)
        holds = all_hold(interval.above(SIMILAR), lead.above(0))
        notes = (range_note(interval), f"more than the widest's by {lead.mean:.3g} ({range_note(lead)})")
        # Fewer images make the deviation smaller.
        unless = other_data(numbers, "mnist") or ("" if holds else _unlike(numbers))
        yield judged(f"width {width:,}", holds, interval.mean, meaning, *notes, unless=unless)


@claim(
    "the error becomes much worse late where it is significant early (at least twice what it was, and by a larger "
    "factor than elsewhere)",
    place="section 3; caption of Figure S4",
)
def _early_makes_late_worse(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "RMSE at the end over that when logits enter their late growth"
    groups = by_width(numbers)
    early = {width: seeds_interval(map(_early, runs)) for width, runs in groups.items()}
    growth = {width: {run["seed"]: _growth_from_early(run) for run in runs} for width, runs in groups.items()}
    deviating = [width for width in groups if early[width].above(SIMILAR)]
    others = [growth[width] for width in groups if early[width].above(SIMILAR) is False]
    notes = ("early: " + ", ".join(f"width {width:,} {early[width].mean:.0%}" for width in groups),)
    if not deviating or not others:
        yield judged(
            "all widths", None, math.nan, meaning, *notes, unless="they deviate early at all widths or at none"
        )
        return
    for width in deviating:
        found = seeds_interval(growth[width].values(), of=2)
        seeds = sorted(set(growth[width]).intersection(*others))
        lead = seeds_interval((growth[width][seed] - fmean(other[seed] for other in others) for seed in seeds), of=2)
        factor, more = (Interval.read(map(math.exp, one[:3]), one.seeds) for one in (found, lead))
        than = f"{more.mean:.3g} times that of the widths that do not deviate early ({range_note(more)})"
        holds = all_hold(factor.above(MUCH), more.above(1))
        parts = (range_note(factor), than, *notes)
        yield judged(f"width {width:,}", holds, factor.mean, meaning, *parts, unless=_unlike(numbers))


FIGURES = (
    trajectory_figure(
        "figS4",
        "deviation of the logits under cross-entropy, narrow to wide",
        _logits_grow,
        _narrow_deviates_early,
        _early_makes_late_worse,
    ),
)
