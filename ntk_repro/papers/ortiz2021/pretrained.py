"""Figures 8 and 9: linearizations taken in the course of training."""

import math
from collections.abc import Iterator, Mapping, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import (
    LARGE_LEAD,
    SIGNIFICANT_LEAD,
    SIGNIFICANT_POINTS,
    TIMES,
    epochs_note,
    largest_judged,
    not_judged,
    other_settings,
    points,
    some_network,
    statistics_note,
    times_the_epochs,
)
from ntk_repro.papers.statistics import Interval, all_hold, any_holds, number, signed_sum
from ntk_repro.papers.thresholds import FEW_EPOCHS, MOST, MUCH

_INDEX = 400  # of the eigenfunction of Figures 8 and 9
_GUESSING = math.log(2)  # the cross-entropy of guessing between two classes
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


def _other(numbers: Numbers, task: Numbers) -> str:
    """Why a statement about trainings on eigenfunctions cannot be judged."""
    return other_settings("eigenfunctions", task["net"], task, data=numbers["data"])


def _other_in_figure_8(numbers: Numbers, task: Numbers) -> str:
    name, paper = _task_name(task), f"resnet18, phi_{_INDEX}"
    return _other(numbers, task) or ("" if name == paper else f"{name}, not {paper}")


def _untrained_models(task: Numbers, *models: str) -> str:
    return _untrained({f"the {_MODELS[model]}": number(task[f"{model}_loss"][-1]) for model in models})


def _faster(numbers: Numbers, model: str) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        ours, initial = (task[f"{name}_epochs_to_loss"] for name in (model, "initial"))
        ratio = times_the_epochs(ours, initial, task["epochs"])
        why = _other_in_figure_8(numbers, task)
        rate = f"eta / eta_critical {task[f'{model}_eta_over_critical']:.3g}" if model == "pretrained" else ""
        if not why and not math.isfinite(ratio.mean):
            why = f"neither reaches the loss in {task['epochs']} epochs"
        meaning = f"epochs of the {_MODELS[model]} to a loss of 0.01 over those of the initial one"
        notes = (epochs_note(ours, initial), rate, _statistics(task) if model == "pretrained" else "")
        yield judged(_task_name(task), ratio.below(-TIMES), math.exp(ratio.mean), meaning, *notes, unless=why)


def _statistics(task: Numbers) -> str:
    return statistics_note(task["net"], task)


@claim(
    "the linearization with the pretrained kernel has a much lower test accuracy than the initial one (by 5 points or "
    "more)",
    place="section 4.3; Figure 8, right",
)
def _pretrained_worse(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        lost = _sum(task, initial=1, pretrained=-1)
        why = _other_in_figure_8(numbers, task) or _untrained_models(task, "initial", "pretrained")
        meaning, notes = "accuracy of the initial less that of the pretrained one", (points(lost), _statistics(task))
        yield judged(_task_name(task), lost.above(LARGE_LEAD), lost.mean, meaning, *notes, unless=why)


@claim(
    f"with the pretrained kernel the accuracy is comparable to the network's (within {SIGNIFICANT_POINTS})",
    place="section 4.3",
)
def _pretrained_like_the_network(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        lead = _sum(task, pretrained=1, network=-1)
        why = _other_in_figure_8(numbers, task) or _untrained_models(task, "network", "pretrained")
        holds = lead.within(-SIGNIFICANT_LEAD, SIGNIFICANT_LEAD)
        notes = (points(lead), _statistics(task))
        yield judged(_task_name(task), holds, lead.mean, "its accuracy less the network's", *notes, unless=why)


@claim(
    "networks overfit to these tasks mostly because their kernel evolves (that explains more than half of how far the "
    "network is behind the initial linearization)",
    place="abstract; section 1",
)
def _overfits_by_the_kernel(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        if task["index"] is None:
            continue
        lost, behind = _sum(task, initial=1, pretrained=-1), _sum(task, initial=1, network=-1)
        # initial - pretrained - (initial - network) / 2
        excess = _sum(task, initial=1 - MOST, pretrained=-1, network=MOST)
        why = _other(numbers, task) or _untrained_models(task, *_MODELS)
        if not why and not behind.above(SIGNIFICANT_LEAD):
            why = "the network is not significantly behind"
        note = f"the network is {points(behind)} behind, the pretrained linearization {points(lost)}"
        meaning = "how far the pretrained linearization is behind, over how far the network is"
        notes = (note, _statistics(task))
        yield judged(_task_name(task), excess.above(), lost.mean / behind.mean, meaning, *notes, unless=why)


# Figure 9: accuracies of linearizations, by the epoch that they are taken after


def _kind(at: int, usual: bool) -> str:
    """Those of Figure 9 are unbiased (section 4.3, model iii), but at the start the usual one, of Eq. (1)."""
    return "biased" if usual or at == 0 else "unbiased"


def _accuracies(
    task: Numbers, terms: Sequence[tuple[int, float]], network: float = 0.0, of: int = 1, usual: bool = False
) -> Interval:
    """A weighted sum of the linearizations' accuracies at places of the epochs, and of the network's."""
    by_seed = [dict(enumerate(row[at] for row in task[f"{_kind(at, usual)}_accuracy_by_seed"])) for at, _ in terms]
    by_seed.append(dict(enumerate(task["network_accuracy_by_seed"])))
    return signed_sum(by_seed, [*(weight for _, weight in terms), network], task["n_test"], of=of)


def _untrained_at(task: Numbers, *places: int, usual: bool = False) -> str:
    losses = {at: number(task[f"{_kind(at, usual)}_loss"][at]) for at in places}
    return _untrained({f"the linearization after epoch {task['epochs'][at]}": loss for at, loss in losses.items()})


def _course(task: Numbers) -> str:
    """Both kinds' accuracies in a note."""
    kinds = (
        f"{kind} " + ", ".join(_percent(one) for one in task[f"{kind}_accuracy"]) for kind in ("unbiased", "biased")
    )
    after = f"after epochs {', '.join(f'{epoch}' for epoch in task['epochs'])}"
    return joined(f"{'; '.join(kinds)} {after}", _statistics(task))


def _percent(accuracy: float | None) -> str:
    return "none" if accuracy is None else f"{accuracy:.1%}"


def _other_task(numbers: Numbers, task: Numbers) -> str:
    """Why a statement about trainings on eigenfunctions, or about those on CIFAR2, cannot be judged."""
    setup = "cifar2" if task["index"] is None else "eigenfunctions"
    return other_settings(setup, task["net"], task, data=numbers["data"], epochs=task["epochs"][-1])


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
        why = why or _other_on_phi_400(numbers, task) or _untrained_at(task, 0, at, last)
        fall = _accuracies(task, [(0, 1), (at, -1)])
        excess = _accuracies(task, [(0, 1 - MOST), (at, -1), (last, MOST)])
        holds = all_hold(fall.above(LARGE_LEAD), excess.above())
        meaning = f"fall of the accuracy after {task['epochs'][at]} epochs"
        yield judged(_task_name(task), holds, fall.mean, meaning, points(fall), _course(task), unless=why)


def _other_on_phi_400(numbers: Numbers, task: Numbers) -> str:
    index = task["index"]
    return _other_task(numbers, task) or ("" if index == _INDEX else f"phi_{index}, not phi_{_INDEX}")


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
    reasons, parts, notes, rises = {}, {}, [], {}
    for task in tasks:
        net, rise = task["net"], _accuracies(task, [(-1, 1), (0, -1)], of=len(tasks))
        reasons[net] = _other_task(numbers, task) or _untrained_at(task, 0, -1)
        parts[net] = None if reasons[net] else rise.above(LARGE_LEAD)
        notes.append(f"{net}: {points(rise)}" + (f" ({reasons[net]})" if reasons[net] else ""))
        rises[net] = rise
    meaning, why = "largest rise of the accuracy to the end", not_judged(reasons)
    most = largest_judged(rises, reasons)
    yield judged("some network", some_network(parts), most, meaning, *notes, unless=why)


@claim(
    "linearizing later greatly reduces the non-linear advantage (on CIFAR2, to half or less at the end)",
    place="section 1",
)
def _later_is_closer(numbers: Numbers) -> Iterator[Verdict]:
    for task in _class_tasks(numbers):
        before, after = (_accuracies(task, [(at, -1)], network=1.0, usual=True) for at in (0, -1))
        # (network - last) - (network - first) / 2
        excess = _accuracies(task, [(-1, -1), (0, MOST)], network=1 - MOST, usual=True)
        why = _other_task(numbers, task) or _untrained_at(task, 0, -1, usual=True)
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
    reasons, parts, notes, falls = {}, {}, [], {}
    for task in tasks:
        name = _task_name(task)
        relative = [number(a) / number(b) for a, b in zip(task["label_alignment"], task["gradient_norm"], strict=True)]
        growth, fall = relative[-1] / relative[0], _accuracies(task, [(0, 1), (-1, -1)], of=len(tasks))
        reasons[name] = _other_task(numbers, task) or _untrained_at(task, 0, -1)
        parts[name] = None if reasons[name] else all_hold(growth >= MUCH, fall.above(SIGNIFICANT_LEAD))
        why = f" ({reasons[name]})" if reasons[name] else ""
        notes.append(f"{name}: alignment {growth:.2g} times, accuracy falls by {points(fall)}{why}")
        falls[name] = fall
    # One task is enough. The paper's example, which all three networks would have to contradict, is phi_400.
    example = some_network({net: parts.get(f"{net}, phi_{_INDEX}") for net in {task["net"] for task in tasks}})
    classes = [f"{_task_name(task)}: {_course(task)}" for task in _class_tasks(numbers)]
    meaning, why = "largest fall of the accuracy to the end", not_judged(reasons)
    holds, most = any_holds(*parts.values(), example), largest_judged(falls, reasons)
    yield judged("some eigenfunction", holds, most, meaning, *notes, *classes, unless=why)


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
