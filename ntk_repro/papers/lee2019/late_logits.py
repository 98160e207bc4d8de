"""Figure S4: logits of a network and its linearization late in training on the cross-entropy."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019.trajectories import (
    MODELS,
    after_share,
    by_width,
    curve,
    range_note,
    seeds_interval,
    trajectory_figure,
)
from ntk_repro.papers.statistics import all_hold
from ntk_repro.papers.thresholds import MUCH, SIMILAR


def _growth(run: Numbers, kind: str) -> float:
    """How much the logit that grows most in the last doubling of the steps grows then, over the doubling before."""
    if min(after_share(run, f"{kind}_train_accuracy", share).item() for share in (0.25, 0.5, 1)) < 1:
        return math.nan
    sizes = [np.abs(after_share(run, f"{kind}_logits", share)) for share in (0.25, 0.5, 1)]
    before, last = sizes[1] - sizes[0], sizes[2] - sizes[1]
    most = int(np.argmax(last))
    return float(last[most] / before[most]) if before[most] > 0 else math.nan


@claim(
    "at late times some logits keep growing (in the last doubling of the steps by more than half of the doubling "
    "before)",
    place="section 3; caption of Figure S4",
)
def _logits_grow(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "growth of the logit that grows most, over its growth in the doubling of the steps before"
    for width, runs in by_width(numbers).items():
        for kind in MODELS:
            interval = seeds_interval(_growth(run, kind) for run in runs)
            note = range_note(interval) or "some training images are still misclassified after a quarter of the steps"
            yield judged(f"width {width:,}, {kind}", interval.above(1 / MUCH), interval.mean, meaning, note)


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


def _late(run: Numbers) -> float:
    """How much the deviation grows from there to the end."""
    at, deviation = _fitted(run), curve(run, "linearized_rmse")
    return math.nan if at is None else float(deviation[-1] - deviation[at])


@claim(
    "the narrowest network deviates early by more than 20 % of how far its outputs move, and by more than the widest",
    place="caption of Figure S4",
)
def _narrow_deviates_early(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "deviation of the test outputs over their movement, when all training images are right"
    groups = by_width(numbers)
    if len(groups) > 1:
        (width, narrow), *_, (_, wide) = groups.items()
        early, widest = ({run["seed"]: _early(run) for run in runs} for runs in (narrow, wide))
        interval = seeds_interval(early.values())
        lead = seeds_interval(early[seed] - widest[seed] for seed in early.keys() & widest.keys())
        holds = all_hold(interval.above(SIMILAR), lead.above(0))
        notes = (range_note(interval), f"more than the widest's by {lead.mean:.3g} ({range_note(lead)})")
        yield judged(f"width {width:,}", holds, interval.mean, meaning, *notes)


@claim(
    "the error becomes much worse late where it is significant early (it grows at least twice as much as elsewhere)",
    place="section 3; caption of Figure S4",
)
def _early_makes_late_worse(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "late growth of the RMSE at widths that deviate by more than 20 % early, over that at the others"
    groups = by_width(numbers)
    early = {width: seeds_interval(map(_early, runs)) for width, runs in groups.items()}
    kinds = [[width for width in groups if early[width].above(SIMILAR) is above] for above in (True, False)]
    names = [" and ".join(f"{width:,}" for width in widths) or "none" for widths in kinds]
    late = [[{run["seed"]: _late(run) for run in groups[width]} for width in widths] for widths in kinds]
    seeds = set.intersection(*(set(values) for widths in late for values in widths)) if all(kinds) else set()
    ratios = [
        float(np.mean([row[seed] for row in late[0]]) / np.mean([row[seed] for row in late[1]]))
        for seed in sorted(seeds)
    ]
    interval = seeds_interval(ratios)
    subject = f"early deviation above 20 %: widths {names[0]}; below: {names[1]}"
    note = ", ".join(f"width {width:,} {early[width].mean:.0%}" for width in groups)
    yield judged(subject, interval.above(MUCH), interval.mean, meaning, range_note(interval), f"early: {note}")


FIGURES = (
    trajectory_figure(
        "figS4",
        "deviation of the logits under cross-entropy, narrow to wide",
        _logits_grow,
        _narrow_deviates_early,
        _early_makes_late_worse,
    ),
)
