"""Figures 2, 3 and 11 to 14: eigenfunctions of the NTK as tasks."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ntk_repro.papers.claims import Claim, Verdict, ahead_until_crossing
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021.accuracies import margin
from ntk_repro.papers.ortiz2021.trends import trend
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_AROUND = 2.0  # "around" an index: within this factor of it
# The one curve whose missing values mean something: never reached is later than everything.
_NEVER_IS_LAST = "epochs_to_target_loss"


def _monotone(curve: str, sign: int) -> Claim:
    """The claim that a curve falls (sign -1) or grows (sign +1) with the index."""
    verb = "falls" if sign < 0 else "grows"
    what = f"{curve.replace('_', ' ')} {verb} with the eigenfunction's index"
    return trend(what, curve, "index", sign, missing="last" if curve == _NEVER_IS_LAST else "drop")


def _linearization_ahead(*without: str) -> Callable[[Numbers], Iterator[Verdict]]:
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for net, curves in numbers["nets"].items():
            if net in without:
                continue
            lead = ahead_until_crossing(curves["index"], curves["linearized_accuracy"], curves["network_accuracy"])
            left_out = len(curves["index"]) - lead.compared
            notes = [f"no number at {left_out} of {len(curves['index'])} indices, left out"] if left_out else []
            if lead.share == 1.0:
                notes.insert(0, "no crossing")
            elif lead.crossing is not None:
                notes.insert(0, f"behind beyond index {lead.crossing:.0f}")
            elif lead.compared:
                notes.insert(0, "ahead at the last index, behind before")
            why = _behind_by_noise(curves)
            notes += [why] if why else []
            holds, meaning = None if why else lead.share == 1.0, "share of indices at which it is ahead"
            yield Verdict(net, holds, lead.share, meaning, note="; ".join(notes))

    return predicate


def _behind_by_noise(curves: Mapping[str, Any]) -> str:
    """What to say of a linearization that is behind somewhere, but nowhere by more than the noise; else ""."""
    samples, accuracies = curves["n_test"], zip(curves["linearized_accuracy"], curves["network_accuracy"], strict=True)
    there = [(one, two) for one, two in accuracies if None not in (one, two)]
    behind = [(two - one, margin(one, two, samples)) for one, two in there if one <= two and samples]
    if not behind or any(short > noise for short, noise in behind):
        return ""
    short, noise = max(behind)
    said = f"2 standard errors of {samples:,} test images are {100 * noise:.1f}"
    return f"not judged: {100 * short:.1f} points behind at most, {said}"


def _crossing_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig12"]
    for net, curves in numbers["nets"].items():
        paper = printed["crossing_index"].get(net)
        if paper is None:
            continue
        lead = ahead_until_crossing(curves["index"], curves["linearized_accuracy"], curves["network_accuracy"])
        if lead.crossing is None:
            number, notes = max(curves["index"]), ["no crossing up to this index"]
        else:
            number, notes = lead.crossing, [f"ahead at {lead.below:.0%} of the indices below it"]
        near = paper / _AROUND <= number <= paper * _AROUND
        holds: bool | None = lead.crossing is not None and lead.below == 1.0 and near
        images = (curves["n_train"] or 0) + (curves["n_test"] or 0)
        if numbers["data"] != "mnist" or images != printed["images"]:
            holds = None  # the spectrum, and with it where the curves meet, depends on the images
            if lead.crossing is None:
                number, notes = math.nan, [f"no crossing up to index {max(curves['index']):,}"]
            notes.append(f"not judged: {images:,} images of {numbers['data']}, not all of MNIST")
        yield Verdict(
            net, holds, number if lead.compared else math.nan, "index of the crossing", paper, "; ".join(notes)
        )


def _baseline_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    if not str(numbers["data"]).startswith("cifar10"):
        return  # the paper's numbers are for CIFAR-10
    printed = printed_numbers("ortiz2021")["fig2"]
    theirs = (printed["baseline_train_images"], printed["baseline_epochs"])
    for net, curves in numbers["nets"].items():
        ours, paper = curves["baseline_accuracy"], printed["baseline_accuracy"].get(net)
        if ours is None or paper is None or curves["width"] != 1:
            continue
        note, holds = (
            f"{curves['n_train'] or 0:,} training images, {curves['epochs']} epochs",
            abs(ours - paper) <= 0.03,
        )
        if (curves["n_train"], curves["epochs"]) != theirs:
            holds, note = None, f"not judged: {note}; the paper's {theirs[0]:,} and {theirs[1]}"
        yield Verdict(net, holds, ours, "accuracy on CIFAR2", paper, note)


def _training_metrics(name: str, net: str, number: int) -> Figure:
    return Figure(
        id=f"ortiz2021/{name}",
        title=f"training metrics against eigenfunction index, {net}",
        source=f"Ortiz-Jimenez et al. 2021, Figure {number}",
        study="eigentasks",
        script=f"ortiz2021/{name}.py",
        claims=(
            _monotone("epochs_to_target_loss", +1),
            _monotone("l2_distance", +1),
            _monotone("cosine_distance", +1),
        ),
    )


def _accuracies(number: int, what: str, ahead: Claim, *more: Claim) -> Figure:
    return Figure(
        id=f"ortiz2021/fig{number}",
        title=f"test accuracy against eigenfunction index, networks and their linearizations{what}",
        source=f"Ortiz-Jimenez et al. 2021, Figure {number}",
        study="eigentasks",
        script=f"ortiz2021/fig{number}.py",
        claims=(_monotone("network_accuracy", -1), _monotone("linearized_accuracy", -1), ahead, *more),
    )


_AHEAD = Claim("the linearization is ahead at every index", _linearization_ahead())

FIGURES = (
    _accuracies(
        2,
        "",
        _AHEAD,
        Claim("the network's accuracy on CIFAR2 is the paper's (within 3 points)", _baseline_as_printed),
    ),
    _training_metrics("fig3", "ResNet18", 3),
    _accuracies(11, ", with Adam", _AHEAD),
    _accuracies(
        12,
        ", on MNIST",
        Claim("the linearization is ahead at every index (but LeNet's)", _linearization_ahead("lenet")),
        Claim(
            "LeNet's linearization is ahead up to a crossing around phi_500 (on all of MNIST between 250 and 1,000)",
            _crossing_as_printed,
        ),
    ),
    _training_metrics("fig13", "MLP", 13),
    _training_metrics("fig14", "LeNet", 14),
)
