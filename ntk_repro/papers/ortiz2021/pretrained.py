"""Figures 8 and 9: linearizations taken in the course of training."""

import math
from collections.abc import Iterator, Mapping, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import (
    LARGE_LEAD,
    SIGNIFICANT_LEAD,
    TIMES,
    epochs_note,
    other_data,
    other_task,
    points,
    times_the_epochs,
)
from ntk_repro.papers.statistics import Interval, all_hold, any_holds, number, signed_sum
from ntk_repro.papers.thresholds import FEW_EPOCHS, MOST, MUCH

_GUESSING = math.log(2)  # the cross-entropy of guessing between two classes
# Heavy ball of momentum 0.9 on the logistic loss, whose curvature is at most a quarter of the squared one's, is stable
# up to 1.9 * 4 times the critical rate of gradient descent on the squared loss, in which eta is given.
_STABLE = 1.9 * 4
_EPOCHS = 200  # of CIFAR2, appendix A
_MODELS = {"network": "network", "initial": "initial linearization", "pretrained": "pretrained linearization"}


def _task_name(task: Numbers) -> str:
    return f"{task['net']}, " + ("classes" if task["index"] is None else f"phi_{task['index']}")


def _untrained(losses: Mapping[str, float]) -> str:
    """Names the models that end at the loss of guessing or above; "" where all have learnt."""
    ends = [f"{model} ends at a training loss of {loss:.3g}" for model, loss in losses.items() if not loss < _GUESSING]
    return f"{', '.join(ends)} (guessing: {_GUESSING:.2f})" if ends else ""


# Figure 8


def _sum(task: Numbers, **weights: float) -> Interval:
    """A weighted sum of the models' accuracies, with the interval of the seeds or else of the test images."""
    by_seed = [dict(enumerate(task[f"{model}_accuracy_by_seed"])) for model in weights]
    return signed_sum(by_seed, [*weights.values()], task["n_test"])


def _conditions(numbers: Numbers, task: Numbers, *models: str) -> str:
    """Why a statement about an eigenfunction cannot be judged by these models."""
    ends = {f"the {_MODELS[model]}": number(task[f"{model}_loss"][-1]) for model in models}
    return other_task(numbers, task["net"], task["width"]) or _untrained(ends)


def _faster(numbers: Numbers, model: str) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        epochs = len(task["network_loss"])
        ours, initial = (task[f"{name}_epochs_to_loss"] for name in (model, "initial"))
        ratio = times_the_epochs(ours, initial, epochs)
        less = ratio.below(-TIMES)
        why = other_task(numbers, task["net"], task["width"])
        rate = f"eta / eta_critical {task[f'{model}_eta_over_critical']:.3g}" if model == "pretrained" else ""
        if not why and model == "pretrained" and not less and task["pretrained_eta_over_critical"] > _STABLE:
            # Such a training may still be fast; where it is not, the rate and not the kernel may be why.
            why = f"its learning rate is unstable (eta / eta_critical above {_STABLE:.2g})"
        if not why and not math.isfinite(ratio.mean):
            why = f"neither reaches the loss in {epochs} epochs"
        meaning = f"epochs of the {_MODELS[model]} to a loss of 0.01 over those of the initial one"
        note = epochs_note(ours, initial)
        yield judged(_task_name(task), less, math.exp(ratio.mean), meaning, note, rate, unless=why)


@claim(
    "the linearization with the pretrained kernel has a much lower test accuracy than the initial one (by 5 points or "
    "more)",
    place="section 4.3; Figure 8, right",
)
def _pretrained_worse(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        lost, why = _sum(task, initial=1, pretrained=-1), _conditions(numbers, task, "initial", "pretrained")
        meaning = "accuracy of the initial less that of the pretrained linearization"
        yield judged(_task_name(task), lost.above(LARGE_LEAD), lost.mean, meaning, points(lost), unless=why)


@claim("with the pretrained kernel the accuracy is comparable to the network's (within 5 points)", place="section 4.3")
def _pretrained_like_the_network(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        lead, why = _sum(task, pretrained=1, network=-1), _conditions(numbers, task, "network", "pretrained")
        holds = lead.within(-LARGE_LEAD, LARGE_LEAD)
        yield judged(_task_name(task), holds, lead.mean, "its accuracy less the network's", points(lead), unless=why)


@claim(
    "networks overfit to these tasks mostly because their kernel evolves (that explains more than half of how far the "
    "network is behind the initial linearization)",
    place="abstract; section 1",
)
def _overfits_by_the_kernel(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        lost, behind = _sum(task, initial=1, pretrained=-1), _sum(task, initial=1, network=-1)
        # initial - pretrained - (initial - network) / 2
        excess = _sum(task, initial=1 - MOST, pretrained=-1, network=MOST)
        why = _conditions(numbers, task, *_MODELS)
        if not why and not behind.above(SIGNIFICANT_LEAD):
            why = "the network is not significantly behind"
        note = f"the network is {points(behind)} behind, the pretrained linearization {points(lost)}"
        meaning = "how far the pretrained linearization is behind, over how far the network is"
        yield judged(_task_name(task), excess.above(), lost.mean / behind.mean, meaning, note, unless=why)


# Figure 9: accuracies of the unbiased linearization (section 4.3, model iii), by the epoch that it is taken after


def _accuracies(task: Numbers, terms: Sequence[tuple[int, float]], network: float = 0.0, of: int = 1) -> Interval:
    """A weighted sum of the unbiased linearization's accuracies at places of the epochs, and of the network's."""
    rows = task["unbiased_accuracy_by_seed"]
    by_seed = [dict(enumerate(row[at] for row in rows)) for at, _ in terms]
    by_seed.append(dict(enumerate(task["network_accuracy_by_seed"])))
    return signed_sum(by_seed, [*(weight for _, weight in terms), network], task["n_test"], of=of)


def _untrained_at(task: Numbers, *places: int) -> str:
    losses = task["unbiased_loss"]
    return _untrained({f"the linearization after epoch {task['epochs'][at]}": number(losses[at]) for at in places})


def _course(task: Numbers) -> str:
    """Both kinds' accuracies in a note."""
    kinds = (
        f"{kind} " + ", ".join(_percent(one) for one in task[f"{kind}_accuracy"]) for kind in ("unbiased", "biased")
    )
    return f"{'; '.join(kinds)} after epochs {', '.join(f'{epoch}' for epoch in task['epochs'])}"


def _percent(accuracy: float | None) -> str:
    return "none" if accuracy is None else f"{accuracy:.1%}"


def _class_conditions(numbers: Numbers, task: Numbers) -> str:
    """Why a statement about CIFAR2 cannot be judged."""
    if why := other_data(numbers):
        return why
    if task["width"] != 1:
        return f"width {task['width']:g}"
    last = task["epochs"][-1]
    return f"{last} epochs, not {_EPOCHS}" if last < _EPOCHS else _untrained_at(task, 0, -1)


@claim(
    "on an eigenfunction linearizations taken a few epochs later have a much lower accuracy, which decays very rapidly "
    "(by 5 points and half of the whole fall within 5 epochs)",
    place="section 4.3; Figure 9",
)
def _decays_rapidly(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        if task["index"] is None:
            continue
        # The last of the first epochs: the worst of several would be a fall by their noise alone.
        early = [i for i, epoch in enumerate(task["epochs"]) if 0 < epoch <= FEW_EPOCHS][-1:]
        at, last = early[0] if early else 0, len(task["epochs"]) - 1
        why = "" if early else f"no linearization within {FEW_EPOCHS:.0f} epochs"
        why = why or other_task(numbers, task["net"], task["width"]) or _untrained_at(task, 0, at, last)
        fall = _accuracies(task, [(0, 1), (at, -1)])
        excess = _accuracies(task, [(0, 1 - MOST), (at, -1), (last, MOST)])
        holds = all_hold(fall.above(LARGE_LEAD), excess.above())
        meaning = f"fall of the accuracy after {task['epochs'][at]} epochs"
        yield judged(_task_name(task), holds, fall.mean, meaning, points(fall), _course(task), unless=why)


def _class_tasks(numbers: Numbers) -> list[Numbers]:
    return [task for task in numbers["tasks"] if task["index"] is None]


@claim(
    "on CIFAR2 the kernel's rotation greatly improves the test accuracy for some models (by 5 points or more)",
    place="section 4.3",
)
def _improves_on_classes(numbers: Numbers) -> Iterator[Verdict]:
    tasks = _class_tasks(numbers)
    if not tasks:
        return
    reasons = [_class_conditions(numbers, task) for task in tasks]
    rises = [_accuracies(task, [(-1, 1), (0, -1)], of=len(tasks)) for task in tasks]
    holds = any_holds(*(None if why else rise.above(LARGE_LEAD) for why, rise in zip(reasons, rises, strict=True)))
    why = "" if any(not reason for reason in reasons) else reasons[0]
    notes = [
        f"{task['net']}: {points(rise)}" + (f" (not judged: {reason})" if reason and not why else "")
        for task, rise, reason in zip(tasks, rises, reasons, strict=True)
    ]
    largest = max((rise.mean for rise in rises if math.isfinite(rise.mean)), default=math.nan)
    meaning = "largest rise of the accuracy to the end"
    yield judged("some network", holds, largest, meaning, *notes, unless=why)


@claim(
    "linearizing later greatly reduces the non-linear advantage (on CIFAR2, to half or less at the end)",
    place="section 4.2; section 1",
)
def _later_is_closer(numbers: Numbers) -> Iterator[Verdict]:
    for task in _class_tasks(numbers):
        before, after = (_accuracies(task, [(at, -1)], network=1.0) for at in (0, -1))
        # (network - last) - (network - first) / 2
        excess = _accuracies(task, [(-1, -1), (0, MOST)], network=1 - MOST)
        why = _class_conditions(numbers, task)
        if not why and not before.above(SIGNIFICANT_LEAD):
            why = "no significant advantage at the start"
        meaning = "the network's lead over the last linearization, as a share of that over the first"
        note = f"{points(before)} at the start, {points(after)} at the end"
        yield judged(
            _task_name(task), excess.below(), after.mean / before.mean, meaning, note, _course(task), unless=why
        )


@claim(
    "a higher alignment with the target can hurt generalization (on some eigenfunction the alignment over the mean "
    "squared gradient norm doubles and the accuracy falls by 1.7 points or more)",
    place="section 1; section 4.3",
)
def _alignment_can_hurt(numbers: Numbers) -> Iterator[Verdict]:
    tasks = [task for task in numbers["tasks"] if task["index"] is not None]
    if not tasks:
        return
    parts, reasons, notes, falls = [], [], [], []
    for task in tasks:
        relative = [number(a) / number(b) for a, b in zip(task["label_alignment"], task["gradient_norm"], strict=True)]
        growth, fall = relative[-1] / relative[0], _accuracies(task, [(0, 1), (-1, -1)], of=len(tasks))
        reasons.append(other_task(numbers, task["net"], task["width"]) or _untrained_at(task, 0, -1))
        parts.append(None if reasons[-1] else all_hold(growth >= MUCH, fall.above(SIGNIFICANT_LEAD)))
        notes.append(f"{_task_name(task)}: alignment {growth:.2g} times, accuracy falls by {points(fall)}")
        falls.append(fall.mean)
    holds = any_holds(*parts)
    judged_falls = [fall for fall, part in zip(falls, parts, strict=True) if part] or falls
    classes = [f"{_task_name(task)}: {_course(task)}" for task in _class_tasks(numbers)]
    why = "" if any(not reason for reason in reasons) else reasons[0]
    meaning = "largest fall of the accuracy to the end"
    yield judged("some eigenfunction", holds, max(judged_falls), meaning, *notes, *classes, unless=why)


FIGURES = (
    PAPER.figure(
        "fig8", "training loss and test accuracy of a network, its initial and its pretrained linearization",
        "rotation.pretrained",
        Claim(
            "the network converges much faster than its linearization at initialization (to a loss of 0.01 in half the "
            "epochs)", _faster, ("network",), place="section 4.3; Figure 8, left",
        ),
        Claim(
            "with the pretrained kernel alone, a linearization converges much faster than the initial one (to a loss "
            "of 0.01 in half the epochs)",
            _faster, ("pretrained",), place="section 4.3; Figure 8, left",
        ),
        _pretrained_worse, _pretrained_like_the_network, _overfits_by_the_kernel,
    ),
    PAPER.figure(
        "fig9", "test accuracy of linearizations against the epoch that they are taken after", "rotation.pretrained",
        _decays_rapidly, _improves_on_classes, _later_is_closer, _alignment_can_hurt,
    ),
)  # fmt: skip
