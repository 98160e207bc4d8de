"""Figure 5: the non-linear advantage on CIFAR2 against the number of training images."""

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, in_order, judged
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import (
    LARGE_LEAD,
    NETWORKS,
    SIGNIFICANT_LEAD,
    TIMES,
    largest_judged,
    network_is_much_faster,
    not_judged,
    other_settings,
    points,
    some_network,
)
from ntk_repro.papers.statistics import Interval, all_hold_jointly, any_holds, interval_from_moments, student_interval
from ntk_repro.papers.thresholds import MOST, NEAR_ZERO_LOSS, SMALL_SET


def _other(numbers: Numbers, net: str, curves: Numbers, setup: str = "cifar2_sizes") -> str:
    return other_settings(setup, net, curves, data=numbers["data"], n_train=curves["size"][-1])


def _other_on_all(numbers: Numbers, net: str, curves: Numbers) -> str:
    """Of statements about the largest set, all of CIFAR2."""
    return _other(numbers, net, curves, "cifar2")


def _leads(curves: Numbers, of: int = 1) -> list[Interval]:
    """Network less linearization at each size, over the seeds."""
    return [student_interval(lead, of=of) for lead in curves["lead"]]


@claim(
    "some networks have a large non-linear advantage on CIFAR2 (5 points or more at the largest set)",
    place="section 4.1",
)
def _some_large_advantage(numbers: Numbers) -> Iterator[Verdict]:
    nets = numbers["nets"]
    reasons = {net: _other_on_all(numbers, net, curves) for net, curves in nets.items()}
    leads = {net: _leads(curves, of=len(nets))[-1] for net, curves in nets.items()}
    holds = some_network({net: lead.above(LARGE_LEAD) for net, lead in leads.items() if not reasons[net]})
    notes = (f"{net}: {points(lead)}" + (f" ({reasons[net]})" if reasons[net] else "") for net, lead in leads.items())
    mean, why = largest_judged(leads, reasons), not_judged(reasons)
    yield judged("some network", holds, mean, "largest lead in accuracy", *notes, unless=why)


@claim(
    "the non-linear advantage on CIFAR2 mostly appears on larger training sets (at the smallest "
    "at most half of that at the largest)",
    place="section 4.1; abstract",
)
def _mostly_on_larger_sets(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        leads, by_seed = _leads(curves), np.array(curves["lead"], float)
        why = _other_on_all(numbers, net, curves)
        if not why and not leads[-1].above(LARGE_LEAD):
            why = "it has no large advantage at the largest set"
        more = student_interval(by_seed[0] - MOST * by_seed[-1])
        share = leads[0].mean / leads[-1].mean if leads[-1].mean else math.nan
        note = f"{points(leads[0])} at {curves['size'][0]:,} images, {points(leads[-1])} at {curves['size'][-1]:,}"
        yield judged(net, more.below(), share, "share of the lead that is there at the smallest set", note, unless=why)


@claim(
    "on small training sets there is no significant gap (within 1.7 points at the smallest, "
    f"of {SMALL_SET:,.0f} images or fewer)",
    place="section 4.1",
)
def _no_gap_on_small_sets(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        lead, size = _leads(curves)[0], curves["size"][0]
        why = _other(numbers, net, curves) or ("" if size <= SMALL_SET else f"{size:,} images at least")
        holds = lead.within(-SIGNIFICANT_LEAD, SIGNIFICANT_LEAD)
        yield judged(net, holds, lead.mean, f"lead in accuracy at {size:,} images", points(lead), unless=why)


def _grows(numbers: Numbers, curve: str) -> Iterator[Verdict]:
    """Whether a curve grows with the training set, over the sizes that the network fits (a loss of 0.01 in all seeds).

    In the order of the pairs that seeds cannot turn.
    """
    for net, curves in numbers["nets"].items():
        fits = np.isfinite(np.array(curves["network_epochs_to_loss"], float).sum(axis=1))
        values, seeds = np.where(fits, np.array(curves[curve], float), np.nan), len(curves["seeds"])
        moments = zip(values, curves[f"{curve}_std"] if seeds > 1 else [None] * len(values), strict=True)
        intervals = [interval_from_moments(mean, deviation, seeds) for mean, deviation in moments]
        errors = [(one.high - one.low) / 4 for one in intervals]  # as in `mean_and_errors`
        known = [f"{value:.3g} at {size:,} images" for size, value in zip(curves["size"], values, strict=True)]
        note = ", ".join(text for text, fit in zip(known, fits, strict=True) if fit)
        why = _other(numbers, net, curves) or ("" if seeds > 1 else "one seed")
        yield in_order(net, curves["size"], values, +1, errors, "with the training-set size", note, unless=why)


_distance_grows = Claim(
    "the network's distance from its initialization grows with the training-set size (90% of the pairs in order, of "
    "sizes that it fits to a loss of 0.01)",
    _grows, ("network_distance",), place="section 4.1; Figure 5, bottom",
)  # fmt: skip
_error_grows = Claim(
    "the error of the linear approximation grows with the training-set size (90% of the pairs in order, of sizes that "
    "the network fits to a loss of 0.01)",
    _grows, ("approximation_error",), place="section 4.1",
)  # fmt: skip

_MODELS = {"network": "", "linearized": ", linearized"}


@claim(
    "the test accuracy has saturated (at every size within 1.7 points of its best and of its mean over the last fifth)",
    place="Figure 5, caption; footnote 5",
)
def _saturated(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        for model, suffix in _MODELS.items():
            below, late = _at_the_end(curves, model)
            holds = all_hold_jointly(partial(_stays, curves, model))
            worst = max(one.mean for one in below)
            note = f"from the mean over the last fifth {100 * max(abs(one.mean) for one in late):.1f} points at most"
            why, meaning = _other(numbers, net, curves), "largest distance from the best accuracy in training"
            yield judged(net + suffix, holds, worst, meaning, note, unless=why)


def _at_the_end(curves: Numbers, model: str, of: int = 1) -> tuple[list[Interval], list[Interval]]:
    """How far the last accuracies are below the best, and above the mean over the last fifth."""
    below, late = curves[f"{model}_below_best"], curves[f"{model}_from_late"]
    return [student_interval(values, of=of) for values in below], [student_interval(values, of=of) for values in late]


def _stays(curves: Numbers, model: str, of: int) -> list[bool | None]:
    below, late = _at_the_end(curves, model, of)
    near = [one.within(-SIGNIFICANT_LEAD, SIGNIFICANT_LEAD) for one in late]
    return [*(one.below(SIGNIFICANT_LEAD) for one in below), *near]


@claim(
    "network and linearization reach their best test accuracy in roughly the same number of epochs, whatever the "
    "training-set size (to 1.7 points of it, within a factor of 2)",
    place="footnote 5",
)
def _best_in_the_same_epochs(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        ratios = _log_ratios(curves)
        holds = all_hold_jointly(partial(_roughly_the_same, curves))
        worst = max(ratios, key=lambda ratio: abs(ratio.mean))
        means = [math.exp(ratio.mean) for ratio in ratios]
        note = f"{', '.join(f'{mean:.2g}' for mean in means)} at {', '.join(f'{n:,}' for n in curves['size'])} images"
        why, meaning = _other(numbers, net, curves), "epochs of the linearization over the network's, furthest from 1"
        yield judged(net, holds, math.exp(worst.mean), meaning, note, unless=why)


def _roughly_the_same(curves: Numbers, of: int) -> list[bool | None]:
    return [ratio.within(-TIMES, TIMES) for ratio in _log_ratios(curves, of)]


def _log_ratios(curves: Numbers, of: int = 1) -> list[Interval]:
    network, linearized = (np.maximum(np.array(curves[f"{model}_epochs_to_best"], float), 1.0) for model in _MODELS)
    return [student_interval(ratios, of=of) for ratios in np.log(linearized / network)]


@claim(
    f"the linearization takes significantly more epochs to fit the training data (twice as many to a loss of "
    f"{NEAR_ZERO_LOSS:g}, at every size whose epochs can be compared)",
    place="footnote 5",
)
def _loss_is_slower(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        rows = zip(*(curves[f"{model}_epochs_to_loss"] for model in _MODELS), strict=True)
        trainings = {f"{size:,} images": row for size, row in zip(curves["size"], rows, strict=True)}
        yield network_is_much_faster(net, trainings, curves["epochs"], _other(numbers, net, curves))


@claim(
    "after 200 epochs on CIFAR2 networks are significantly better than their linearizations (by 1.7 points or more)",
    place="appendix A",
)
def _significantly_better(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        lead, why = _leads(curves)[-1], _other_on_all(numbers, net, curves)
        meaning = f"lead in accuracy at {curves['size'][-1]:,} images"
        yield judged(net, lead.above(SIGNIFICANT_LEAD), lead.mean, meaning, points(lead), unless=why)


@claim(
    "the gap depends heavily on the architecture (leads at the largest common size differ by 5 points or more)",
    place="abstract; section 4; section 5",
)
def _depends_on_the_architecture(numbers: Numbers) -> Iterator[Verdict]:
    nets = numbers["nets"]
    reasons = {net: _other(numbers, net, curves) for net, curves in nets.items()}
    known = {net: curves for net, curves in nets.items() if not reasons[net]} or nets
    common = set.intersection(*(set(curves["size"]) for curves in known.values()))
    why = not_judged(reasons) or ("one network" if len(known) < 2 else "" if common else "no common size")
    size, pairs = max(common, default=0), max(1, len(known) * (len(known) - 1) // 2)
    leads = {net: _leads(curves, pairs)[list(curves["size"]).index(size)] for net, curves in known.items() if common}
    spread = _difference([*leads.values()])
    # Another network may differ from these more.
    holds = any_holds(spread.above(LARGE_LEAD), False if len(leads) == len(NETWORKS) else None)
    notes = (f"{net}: {points(lead)}" for net, lead in leads.items())
    meaning = f"largest less smallest lead at {size:,} images"
    yield judged("all networks", holds, spread.mean, meaning, *notes, unless=why)


def _difference(leads: Sequence[Interval]) -> Interval:
    """The largest of independent means less the smallest, of intervals that allow for the choice of the pair."""
    known = [lead for lead in leads if math.isfinite(lead.mean)]
    if len(known) < 2:
        return student_interval([])
    most, least = (pick(known, key=lambda lead: lead.mean) for pick in (max, min))
    half = math.hypot(most.high - most.mean, least.high - least.mean)
    mean = most.mean - least.mean
    return Interval(mean, mean - half, mean + half, min(most.seeds, least.seeds))


FIGURES = (
    PAPER.figure(
        "fig5", "accuracy and weight distance on CIFAR2 against training-set size, networks and linearizations",
        "rotation.cifar2",
        _some_large_advantage, _mostly_on_larger_sets, _no_gap_on_small_sets, _distance_grows, _error_grows, _saturated,
        _best_in_the_same_epochs, _loss_is_slower, _significantly_better, _depends_on_the_architecture,
    ),
)  # fmt: skip
