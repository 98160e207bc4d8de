"""Figures 2, 3 and 11 to 14: eigenfunctions of the NTK as tasks."""

import math
from collections.abc import Iterator

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged, trend_of_nets
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Lead, ahead_until_crossing, margin

_AROUND = 2.0  # "around" an index: within this factor of it
_BASELINE = 0.03  # accuracy
# The one curve whose missing values mean something: never reached is later than everything.
_NEVER_IS_LAST = "epochs_to_target_loss"


def _monotone(curve: str, sign: int) -> Claim:
    """The claim that a curve falls (sign -1) or grows (sign +1) with the index."""
    statement = f"{curve.replace('_', ' ')} {'falls' if sign < 0 else 'grows'} with the eigenfunction's index"
    return trend_of_nets(statement, curve, "index", sign, missing="last" if curve == _NEVER_IS_LAST else "drop")


def _lead(curves: Numbers) -> Lead:
    return ahead_until_crossing(curves["index"], curves["linearized_accuracy"], curves["network_accuracy"])


def _linearization_ahead(net: str, curves: Numbers, without: str = "") -> Iterator[Verdict]:
    if net == without:
        return
    lead, count = _lead(curves), len(curves["index"])
    note = ""
    if lead.share == 1.0:
        note = "no crossing"
    elif lead.crossing is not None:
        note = f"behind beyond index {lead.crossing:.0f}"
    elif lead.compared:
        note = "ahead at the last index, behind before"
    left_out = count - lead.compared
    missing = f"no number at {left_out} of {count} indices, left out" if left_out else ""
    holds, why = lead.share == 1.0, _behind_by_noise(curves)
    yield judged(net, holds, lead.share, "share of indices at which it is ahead", note, missing, unless=why)


def _behind_by_noise(curves: Numbers) -> str:
    """Why a linearization cannot be judged that is behind somewhere, but nowhere by more than the noise; else ""."""
    samples, accuracies = curves["n_test"], zip(curves["linearized_accuracy"], curves["network_accuracy"], strict=True)
    pairs = [pair for pair in accuracies if None not in pair]
    behind = [(two - one, margin(one, two, samples)) for one, two in pairs if one <= two and samples]
    if not behind or any(gap > noise for gap, noise in behind):
        return ""
    gap, noise = max(behind)
    errors = f"2 standard errors of {samples:,} test images are {100 * noise:.1f}"
    return f"{100 * gap:.1f} points behind at most, {errors}"


@claim("LeNet's linearization is ahead up to a crossing around phi_500 (on all of MNIST between 250 and 1,000)")
def _crossing_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig12"]
    for net, curves in numbers["nets"].items():
        paper = printed["crossing_index"].get(net)
        if paper is None:
            continue
        lead, why = _lead(curves), ""
        images = (curves["n_train"] or 0) + (curves["n_test"] or 0)
        if numbers["data"] != "mnist" or images != printed["images"]:
            # The spectrum, and with it where the curves meet, depends on the images.
            why = f"{images:,} images of {numbers['data']}, not all of MNIST"
        crossing, note = lead.crossing, f"ahead at {lead.below:.0%} of the indices below it"
        if crossing is None:
            last = max(curves["index"])
            if why or not lead.compared:
                crossing, note = math.nan, f"no crossing up to index {last:,}"
            else:
                crossing, note = last, "no crossing up to this index"
        near = paper / _AROUND <= crossing <= paper * _AROUND
        holds = lead.crossing is not None and lead.below == 1.0 and near
        yield judged(net, holds, crossing, "index of the crossing", note, unless=why, paper=paper)


@claim("the network's accuracy on CIFAR2 is the paper's (within 3 points)")
def _baseline_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    if not str(numbers["data"]).startswith("cifar10"):
        return  # the paper's numbers are for CIFAR-10
    printed = printed_numbers("ortiz2021")["fig2"]
    images, epochs = printed["baseline_train_images"], printed["baseline_epochs"]
    for net, curves in numbers["nets"].items():
        ours, paper = curves["baseline_accuracy"], printed["baseline_accuracy"].get(net)
        if ours is None or paper is None or curves["width"] != 1:
            continue
        note, why = f"{curves['n_train'] or 0:,} training images, {curves['epochs']} epochs", ""
        if (curves["n_train"], curves["epochs"]) != (images, epochs):
            note, why = "", f"{note}; the paper's {images:,} and {epochs}"
        yield judged(net, abs(ours - paper) <= _BASELINE, ours, "accuracy on CIFAR2", note, unless=why, paper=paper)


def _training_metrics(name: str, net: str) -> Figure:
    claims = (_monotone(curve, +1) for curve in (_NEVER_IS_LAST, "l2_distance", "cosine_distance"))
    return PAPER.figure(name, f"training metrics against eigenfunction index, {net}", "eigentasks", *claims)


def _accuracies(name: str, setting: str, *claims: Claim) -> Figure:
    title = f"test accuracy against eigenfunction index, networks and their linearizations{setting}"
    falls = (_monotone(f"{model}_accuracy", -1) for model in ("network", "linearized"))
    return PAPER.figure(name, title, "eigentasks", *falls, *claims)


_AHEAD = Claim("the linearization is ahead at every index", _linearization_ahead, over="nets")

FIGURES = (
    _accuracies("fig2", "", _AHEAD, _baseline_as_printed),
    _training_metrics("fig3", "ResNet18"),
    _accuracies("fig11", ", with Adam", _AHEAD),
    _accuracies(
        "fig12",
        ", on MNIST",
        Claim("the linearization is ahead at every index (but LeNet's)", _linearization_ahead, ("lenet",), over="nets"),
        _crossing_as_printed,
    ),
    _training_metrics("fig13", "MLP"),
    _training_metrics("fig14", "LeNet"),
)
