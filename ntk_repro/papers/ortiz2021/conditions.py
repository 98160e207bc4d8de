"""What claims of several figures ask of a run before they are judged, and how epochs are compared."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Numbers, Verdict, judged
from ntk_repro.papers.departures import departures
from ntk_repro.papers.ortiz2021 import GUESSING_ERROR
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval, Number, all_hold_jointly, any_holds, largest, student_interval
from ntk_repro.papers.thresholds import LARGE, MUCH, SIGNIFICANT

SIGNIFICANT_LEAD = SIGNIFICANT * GUESSING_ERROR
LARGE_LEAD = LARGE * GUESSING_ERROR
SIGNIFICANT_POINTS = f"{100 * SIGNIFICANT_LEAD:.2g} points"
LARGE_POINTS = f"{100 * LARGE_LEAD:.2g} points"
TIMES = math.log(MUCH)

# Of one training the interval of its epochs to a loss is this factor either way: seeds of one network differ by less
# (Figures 3, 13 and 14).
_ONE_TRAINING = math.log(1.5)


NETWORKS = ("mlp", "lenet", "resnet18")


def other_settings(setup: str, net: str, run: Numbers, **more: Any) -> str:
    """Why a statement about trainings of a setup cannot be judged: what is not the paper's; "" where all is.

    Of no setting is it known whether another value makes a statement harder or easier, so both verdicts need all. Which
    BatchNorm statistics the kernels of a trained network have is none of them: "initialization values" (appendix B) can
    mean those before training or those that a linearization starts from. Only with the latter, which all presets have,
    do our kernels rotate as section 4.2 says (docs/measurements.md).

    Args:
        setup: a name in the `setups` of printed.toml.
        net: the network.
        run: the settings, by the names in that file.
        **more: settings that `run` lacks, or has otherwise.
    """
    if net not in NETWORKS:
        return f"{net} is none of the paper's networks"
    printed = printed_numbers("ortiz2021")
    wanted = {**printed["setups"][setup], "width": 1}
    wanted |= printed["trainings"].get(wanted.pop("training", ""), {})
    if net == "resnet18":
        # Not in the text, so the one of the authors' public code.
        wanted["residual_scale_init"] = 0
    return departures(wanted, {**run, **more})


def some_network(verdicts: Mapping[str, bool | None]) -> bool | None:
    """Whether a statement is true of some network, by the verdicts on each: False only where all of the paper's are."""
    return any_holds(*(verdicts.get(net) for net in NETWORKS))


def not_judged(reasons: Mapping[str, str]) -> str:
    """Why a statement about some network cannot be judged, where no network allows it; "" where one does."""
    return "" if "" in reasons.values() else next(iter(reasons.values()), "no network")


def largest_judged(changes: Mapping[str, Interval], reasons: Mapping[str, str]) -> float:
    """The largest mean of those that no reason excludes, or of all where each is excluded."""
    return largest([one for name, one in changes.items() if not reasons[name]] or [*changes.values()]).mean


def statistics_note(net: str, run: Numbers) -> str:
    """Which BatchNorm statistics the kernels of a trained ResNet18 have, where there are two readings of the text."""
    if net != "resnet18" or not run.get("trained_statistics", True):
        return ""
    return "kernels after training with the BatchNorm statistics of then (appendix B may mean those before)"


def copy_note(numbers: Numbers) -> str:
    """The name of the data where it is a copy of what the paper has."""
    label = str(numbers.get("data_label", ""))
    return label if "copy" in label else ""


def times_the_epochs(first: Sequence[Number], second: Sequence[Number], epochs: int, of: int = 1) -> Interval:
    """How many times the epochs of the second the first needs to a loss.

    A training that never reaches the loss needs more than all epochs. So where the second never does, the ratio has no
    lower end and cannot refute that it is small, and where the first never does, no upper one.

    Args:
        first: epochs of each seed, None where it is never reached.
        second: the same of the second.
        epochs: number of all.
        of: as for `student_interval`.

    Returns:
        The logarithm of the ratio; no number where neither reaches the loss in some seed.
    """
    one, two = (np.array(values, float) for values in (first, second))
    never_one, never_two = np.isnan(one), np.isnan(two)
    if (never_one & never_two).any():
        return Interval(math.nan, math.nan, math.nan, 0)
    ratios = np.log(np.where(never_one, epochs + 1, one) / np.where(never_two, epochs + 1, two))
    found = student_interval(ratios, of=of)
    low, high = found.low, found.high
    if found.seeds == 1:
        low, high = found.mean - _ONE_TRAINING, found.mean + _ONE_TRAINING
    low, high = -math.inf if never_two.any() else low, math.inf if never_one.any() else high
    return Interval(found.mean, low, high, found.seeds)


def network_is_much_faster(
    net: str, trainings: Mapping[str, Sequence[Sequence[Number]]], epochs: int, unless: str
) -> Verdict:
    """The verdict on whether a network needs at most half the epochs of its linearization, in every training.

    A training that reaches the loss too late, or not at all, for the ratio to have the ends that would decide is left
    out.

    Args:
        net: name of the network.
        trainings: epochs of network and linearization for each seed, by the name of the training.
        epochs: number of all.
        unless: as in `judged`.
    """

    def ratios(of: int) -> list[Interval]:
        return [times_the_epochs(ours, theirs, epochs, of) for ours, theirs in trainings.values()]

    def faster(of: int) -> list[bool | None]:
        parts = [(one.below(-TIMES), math.isfinite(one.high - one.low)) for one in ratios(of)]
        return [below for below, known in parts if below is not None or known] or [None]

    ratio = max((one.mean for one in ratios(1) if math.isfinite(one.mean)), default=math.nan)
    notes = (f"{name}: {epochs_note(ours, theirs)}" for name, (ours, theirs) in trainings.items())
    meaning = "epochs of the network over the linearization's, largest"
    return judged(net, all_hold_jointly(faster), math.exp(ratio), meaning, *notes, unless=unless)


def epochs_note(first: Sequence[Number], second: Sequence[Number]) -> str:
    """The epochs of both as a note: "12, 14 against 40, never"."""
    texts = (
        ", ".join("never" if value is None or math.isnan(value) else f"{value:.0f}" for value in values)
        for values in (first, second)
    )
    return " against ".join(texts) + " epochs"


def points(interval: Interval) -> str:
    """An interval of accuracies as a note: "+3.1 (+1.0 to +5.2) points"."""
    if math.isnan(interval.low):
        return f"{100 * interval.mean:+.1f} points, of one seed"
    return f"{100 * interval.mean:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f}) points"
