"""Figures 2, 3 and 11 to 14: eigenfunctions of the NTK as tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from ntk_repro.papers.claims import Claim, Verdict, ahead_until_crossing, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_DIGITS = ("mnist", "mnist5k", "digits")
_ROUNDING = 1e-9  # a correlation of 0.8 must not fail by its last digit


# The one curve whose missing values mean something: never reached is later than everything.
_NEVER_IS_LAST = "epochs_to_target_loss"


def _monotone(curve: str, index: str, sign: int) -> Claim:
    """The claim that a curve falls (sign -1) or grows (sign +1) with the index."""
    name = curve.replace("_", " ")

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        last = curve == _NEVER_IS_LAST
        for net, curves in numbers["nets"].items():
            rho = spearman(curves[index], curves[curve], "last" if last else "drop")
            missing = sum(value is None for value in curves[curve])
            where = f"at {missing} of {len(curves[curve])} indices"
            note = (f"not reached {where}" if last else f"no number {where}, left out") if missing else ""
            yield Verdict(net, sign * rho >= 0.8 - _ROUNDING, rho, "Spearman correlation with the index", note=note)

    verb, bound = ("falls", "<= -0.8") if sign < 0 else ("grows", ">= 0.8")
    return Claim(f"{name} {verb} with the eigenfunction's index (Spearman {bound})", predicate)


def _linearization_ahead(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        lead = ahead_until_crossing(curves["index"], curves["linearized_accuracy"], curves["network_accuracy"])
        # Only for LeNet on digits does the paper report that the curves cross (its Figure 12).
        may_cross = numbers["data"] in _DIGITS and net == "lenet"
        paper = printed_numbers("ortiz2021")["fig12"]["crossing_index"][net] if may_cross else None
        left_out = len(curves["index"]) - lead.compared
        notes = [f"no number at {left_out} of {len(curves['index'])} indices, left out"] if left_out else []
        if lead.crossing is not None and may_cross:
            notes.insert(0, f"ahead at {lead.below:.0%} of the indices below it")
            note = "; ".join(notes)
            yield Verdict(net, lead.below == 1.0, lead.crossing, "index of the crossing", paper, note)
            continue
        if lead.share == 1.0:
            notes.insert(0, "no crossing")
        elif lead.crossing is not None:
            notes.insert(0, f"behind beyond index {lead.crossing:.0f}")
        elif lead.compared:
            notes.insert(0, "ahead at the last index, behind before")
        meaning = "share of indices at which it is ahead"
        yield Verdict(net, lead.share == 1.0, lead.share, meaning, note="; ".join(notes))


def _baseline_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    if not str(numbers["data"]).startswith("cifar10"):
        return  # the paper's numbers are for CIFAR-10
    for net, curves in numbers["nets"].items():
        ours, paper = curves["baseline_accuracy"], printed_numbers("ortiz2021")["fig2"]["baseline_accuracy"].get(net)
        if ours is not None and paper is not None:
            yield Verdict(net, abs(ours - paper) <= 0.03, ours, "accuracy on CIFAR2", paper)


def _training_metrics(name: str, net: str, number: int) -> Figure:
    return Figure(
        id=f"ortiz2021/{name}",
        title=f"training metrics against eigenfunction index, {net}",
        source=f"Ortiz-Jimenez et al. 2021, Figure {number}",
        study="eigentasks",
        script=f"ortiz2021/{name}.py",
        claims=(
            _monotone("epochs_to_target_loss", "index", +1),
            _monotone("l2_distance", "index", +1),
            _monotone("cosine_distance", "index", +1),
        ),
    )


def _accuracies(number: int, what: str, *more: Claim) -> Figure:
    return Figure(
        id=f"ortiz2021/fig{number}",
        title=f"test accuracy against eigenfunction index, networks and their linearizations{what}",
        source=f"Ortiz-Jimenez et al. 2021, Figure {number}",
        study="eigentasks",
        script=f"ortiz2021/fig{number}.py",
        claims=(
            _monotone("network_accuracy", "index", -1),
            _monotone("linearized_accuracy", "index", -1),
            Claim("the linearization is ahead (LeNet on digits: below a crossing)", _linearization_ahead),
            *more,
        ),
    )


FIGURES = (
    _accuracies(
        2,
        "",
        Claim("the network's accuracy on CIFAR2 is the paper's (within 3 points)", _baseline_as_printed),
    ),
    _training_metrics("fig3", "ResNet18", 3),
    _accuracies(11, ", with Adam"),
    _accuracies(12, ", on MNIST"),
    _training_metrics("fig13", "MLP", 13),
    _training_metrics("fig14", "LeNet", 14),
)
