"""Figures 5 to 9, 15 and 16 and Table 1: how the kernel rotates towards its task, and how useful that is."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged, trend, trend_of_nets
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import left_the_majority, margin, number

_FIRST_EPOCHS = 5  # our reading of "a few epochs" of pretraining
_MUCH_FASTER = 0.5  # of the epochs
_GUESSING = math.log(2)  # the cross-entropy of guessing between two classes
# How near to the paper's Table 1 ours should be.
_TOLERANCE = {"energy_init": 0.03, "energy_end": 0.08, "test_accuracy": 0.03}
_TOLERANCE_OF_NET = {("energy_init", "mlp"): 0.015}


# Figure 5


def _trained(curves: Numbers) -> np.ndarray:
    """At which sizes the linearization has been trained: elsewhere a gap shows only that the training was short."""
    return left_the_majority(curves["linearized_train_accuracy"], curves["majority_rate"], curves["size"])


def _lead(curves: Numbers) -> np.ndarray:
    return np.array(curves["network_accuracy"], float) - np.array(curves["linearized_accuracy"], float)


@claim("the gap between network and linearization grows with the training set (Spearman >= 0.8)", over="nets")
def _gap_grows(net: str, curves: Numbers) -> Iterator[Verdict]:
    trained, lead = _trained(curves), _lead(curves)
    untrained = ", ".join(f"{size:,}" for size in np.array(curves["size"])[~trained])
    left_out = f"without {untrained} images, which the linearization does not fit" if untrained else ""
    note = f"from {100 * lead[0]:+.1f} to {100 * lead[-1]:+.1f} points"
    judged_leads = np.where(trained, lead, np.nan).tolist()
    yield trend(net, curves["size"], judged_leads, +1, "of the gap with the size", note, left_out)


@claim("the network is ahead at the largest training set", over="nets")
def _ahead_at_the_largest(net: str, curves: Numbers) -> Iterator[Verdict]:
    lead, why = _lead(curves)[-1], "" if _trained(curves)[-1] else "the linearization does not fit them"
    yield judged(net, lead > 0, lead, f"lead in accuracy at {curves['size'][-1]:,} images", unless=why)


# Figure 6 and Table 1


def _energy_grows(subject: str, before: float | None, after: float | None) -> Verdict:
    rise = number(after) - number(before)
    return judged(subject, rise > 0, rise, "energy at the end less that before training")


@claim("it is larger after training than before", over="nets")
def _energy_at_the_end(net: str, curves: Numbers) -> Iterator[Verdict]:
    energy = curves["energy_concentration"]
    yield _energy_grows(net, energy[0], energy[-1])


@claim("the energy on the top eigenvectors is larger after training", over="columns")
def _energy_grows_in_columns(column: Numbers) -> Iterator[Verdict]:
    if column["energy_end"] is not None:
        yield _energy_grows(_column_name(column), column["energy_init"], column["energy_end"])


def _as_printed(numbers: Numbers, row: str, meaning: str, *conditions: str) -> Iterator[Verdict]:
    """Verdicts on a row of Table 1; a column is judged where its settings that move the number are the paper's."""
    if not str(numbers["data"]).startswith("cifar10"):
        return  # the paper's numbers are for CIFAR-10
    printed = printed_numbers("ortiz2021")["table1"]
    for column in numbers["columns"]:
        net, ours = column["net"], column[row]
        paper = printed[row].get(net)
        if paper is None or ours is None or column["width"] != 1:
            continue
        others = [name for name in conditions if column[name] != printed[name]]
        why = ", ".join(f"{_CONDITIONS.get(name, name)} {column[name]:,}, not {printed[name]:,}" for name in others)
        holds = abs(ours - paper) <= _TOLERANCE_OF_NET.get((row, net), _TOLERANCE[row])
        yield judged(_column_name(column), holds, ours, meaning, *_notes(column, row), unless=why, paper=paper)


_CONDITIONS = {"images": "images of the kernel", "top": "eigenvectors", "train_images": "training images"}


def _notes(column: Numbers, row: str) -> Iterator[str]:
    seeds = column["init_seeds" if row == "energy_init" else "end_seeds"]
    if seeds > 1:
        yield f"mean of {seeds} seeds, standard deviation {100 * column[f'{row}_std']:.1f} points"
    if row == "energy_init" and column["images"] != printed_numbers("ortiz2021")["table1"]["images"]:
        fewer = zip(column["trend_images"], column["trend_energy"], strict=True)
        yield "on " + ", ".join(f"{n:,}: {energy:.1%}" for n, energy in fewer) + " images"


def _column_name(column: Numbers) -> str:
    scale = column["residual_scale_init"]
    return f"{column['net']}, residual scale {scale:g}" if column["net"].startswith("resnet") else column["net"]


# Figures 7, 15 and 16


def _tasks(numbers: Numbers) -> Iterator[tuple[str, int, np.ndarray, float]]:
    """Of each eigenfunction trained on: subject, position, all alignments before and after, growth of the gradients."""
    for net, tasks in numbers["nets"].items():
        for index, panel in tasks.items():
            alignments = np.array([panel["alignment_before"], panel["alignment_after"]], float)
            growth = number(panel["gradient_norm_after"]) / number(panel["gradient_norm_before"])
            yield f"{net}, phi_{index}", int(index) - 1, alignments, growth


@claim("the alignment of the eigenfunction trained on grows more than any other's")
def _own_alignment_grows_most(numbers: Numbers) -> Iterator[Verdict]:
    for subject, at, (before, after), _ in _tasks(numbers):
        growth = after / before
        own, others = growth[at], np.delete(growth, at)
        above, ratio = int((others >= own).sum()), own / others.max()
        note = f"grew {own:.3g} times, the others' median {np.median(others):.3g}"
        more = f"{above} of {len(others)} grew more" if above else ""
        yield judged(subject, ratio > 1, ratio, "its growth over the largest of the others'", note, more)


@claim("the others keep their order (Spearman >= 0.8)")
def _others_keep_their_order(numbers: Numbers) -> Iterator[Verdict]:
    for subject, at, alignments, _ in _tasks(numbers):
        before, after = np.delete(alignments, at, axis=1).tolist()
        yield trend(subject, before, after, +1, "of the others, before and after")


@claim("all alignments grow (at least 99 %), and so does the mean squared gradient norm")
def _all_grow(numbers: Numbers) -> Iterator[Verdict]:
    for subject, _, (before, after), norm in _tasks(numbers):
        growth = after / before
        share = float(np.mean(growth > 1))
        note = f"the median alignment grew {np.median(growth):.3g} times"
        note += f", the mean squared gradient norm {norm:.3g} times"
        yield judged(subject, share >= 0.99 and norm > 1, share, "share of the alignments that grew", note)


# Figures 8 and 9


def _faster(task: Numbers, model: str) -> Iterator[Verdict]:
    meaning = "share of the epochs until the loss at which the initial linearization ends, above 1: never"
    ours, initial = (np.array(task[f"{m}_loss"], float) for m in (model, "initial"))
    epochs, reached = len(ours), np.flatnonzero(ours <= initial[-1])
    why = _untrained({"the initial linearization": initial[-1]}) if np.isfinite(initial[-1]) else ""
    if not np.isfinite([ours[-1], initial[-1]]).all():
        share, when = math.nan, "a training diverged"
    elif len(reached):
        share, when = float(reached[0] + 1) / epochs, f"reached after {reached[0] + 1} of {epochs} epochs"
    else:
        share, when = (epochs + 1) / epochs, f"not reached in {epochs} epochs"
    note = f"the loss of {initial[-1]:.2g}: {when}"
    yield judged(_task_name(task), share <= _MUCH_FASTER, share, meaning, note, unless=why)


@claim(
    "the pretrained linearization generalizes worse than the initial one (by more than 2 standard errors)", over="tasks"
)
def _pretrained_worse(task: Numbers) -> Iterator[Verdict]:
    meaning = "accuracy of the pretrained less that of the initial kernel"
    pretrained, initial = (number(task[f"{m}_accuracy"]) for m in ("pretrained", "initial"))
    lead, noise = pretrained - initial, margin(pretrained, initial, task["n_test"])
    why = _untrained_of(task, "initial", "pretrained")
    yield judged(_task_name(task), lead < -noise, lead, meaning, _noise_note(noise, task), unless=why)


@claim("its accuracy is nearer to the network's than to the initial one's", over="tasks")
def _pretrained_like_the_network(task: Numbers) -> Iterator[Verdict]:
    network, initial, pretrained = (number(task[f"{m}_accuracy"]) for m in _MODELS)
    holds, lead = abs(pretrained - network) < abs(pretrained - initial), pretrained - network
    why = _untrained_of(task, *_MODELS)
    yield judged(_task_name(task), holds, lead, "its accuracy less the network's", unless=why)


_MODELS = {"network": "network", "initial": "initial linearization", "pretrained": "pretrained linearization"}


def _untrained_of(task: Numbers, *models: str) -> str:
    return _untrained({f"the {_MODELS[model]}": number(task[f"{model}_loss"][-1]) for model in models})


def _untrained(losses: Mapping[str, float]) -> str:
    """Names the models that end at the loss of guessing or above; "" where all have learnt."""
    ends = [f"{model} ends at a training loss of {loss:.3g}" for model, loss in losses.items() if not loss < _GUESSING]
    return f"{', '.join(ends)} (guessing: {_GUESSING:.2f})" if ends else ""


def _noise_note(noise: float, task: Numbers) -> str:
    return f"2 standard errors of {task['n_test']:,} test images are {100 * noise:.1f} points"


@claim("on an eigenfunction, accuracy falls within the first 5 epochs of pretraining (by more than 2 standard errors)")
def _falls_within_the_first_epochs(numbers: Numbers) -> Iterator[Verdict]:
    for task, kind, accuracies, losses in _kinds(numbers):
        if task["index"] is None:
            continue
        # The last of the first epochs: the worst of several would be a fall by their noise alone.
        early = [i for i, epoch in enumerate(task["epochs"]) if 0 < epoch <= _FIRST_EPOCHS][-1:]
        before, after = accuracies[0], accuracies[early[0]] if early else math.nan
        noise, why = margin(before, after, task["n_test"]), _untrained_at(task, losses, [0, *early])
        when = f"after {task['epochs'][early[0]]} epochs" if early else f"within {_FIRST_EPOCHS} epochs"
        notes = (f"from {before:.1%}; at the end {accuracies[-1]:.1%}", _noise_note(noise, task))
        subject, meaning, fall = f"{_task_name(task)}, {kind}", f"fall of the accuracy {when}", before - after
        yield judged(subject, fall > noise, fall, meaning, *notes, unless=why)


@claim("on the classes it rises for some models (by more than 2 standard errors)")
def _rises_on_classes(numbers: Numbers) -> Iterator[Verdict]:
    """Of one model at least: the paper says it of some."""
    rises = []
    for task, kind, accuracies, losses in _kinds(numbers):
        if task["index"] is None:
            before, after = accuracies[0], accuracies[-1]
            noise, why = margin(before, after, task["n_test"]), _untrained_at(task, losses, [0, -1])
            note = f"{task['net']}, {kind}: {before:.1%} to {after:.1%}"
            note += f" (not judged: {why})" if why else ""
            rises.append((not why, after - before - noise, after - before, note))
    if rises:
        # A linearization that diverged or has learnt nothing says nothing of the others.
        learnt, beyond, rise, _ = max((row for row in rises if math.isfinite(row[1])), default=rises[0])
        holds, notes = beyond > 0 if learnt else None, (row[-1] for row in rises)
        yield judged("some network", holds, rise, "largest rise of the accuracy to the end", *notes)


def _kinds(numbers: Numbers) -> Iterator[tuple[Numbers, str, list[float], list[float]]]:
    for task in numbers["tasks"]:
        for kind in ("biased", "unbiased"):
            accuracies, losses = (list(map(number, task[f"{kind}_{of}"])) for of in ("accuracy", "loss"))
            yield task, kind, accuracies, losses


def _untrained_at(task: Numbers, losses: Sequence[float], places: Sequence[int]) -> str:
    return _untrained({f"the linearization after epoch {task['epochs'][at]}": losses[at] for at in places})


def _task_name(task: Numbers) -> str:
    return f"{task['net']}, " + ("classes" if task["index"] is None else f"phi_{task['index']}")


def _alignments(name: str, nets: str) -> Figure:
    title = f"alignments of eigenfunctions before and after training on one of them, {nets}"
    return PAPER.figure(
        name, title, "rotation.tracking", _own_alignment_grows_most, _others_keep_their_order, _all_grow
    )


FIGURES = (
    PAPER.figure(
        "fig5", "accuracy and weight distance on CIFAR2 against training-set size, networks and linearizations",
        "rotation.cifar2",
        _gap_grows, _ahead_at_the_largest,
        trend_of_nets("the network's weights move farther the larger the training set", "network_distance", "size", +1),
    ),
    PAPER.figure(
        "fig6", "energy concentration of the labels on the kernel's top eigenvectors in training", "rotation.tracking",
        trend_of_nets("the energy on the top eigenvectors grows in training", "energy_concentration", "epochs", +1),
        _energy_at_the_end,
    ),
    PAPER.figure(
        "table1", "energy concentration before and after training on CIFAR2, and test accuracy", "rotation.tracking",
        _energy_grows_in_columns,
        Claim(
            "before training it is the paper's (MLP within 1.5 points, others within 3)",
            _as_printed, ("energy_init", "energy before training", "images", "top"),
        ),
        Claim(
            "after training it is the paper's (within 8 points)",
            _as_printed, ("energy_end", "energy after training", "images", "top", "epochs", "train_images"),
        ),
        Claim(
            "the test accuracy is the paper's (within 3 points)",
            _as_printed, ("test_accuracy", "test accuracy on CIFAR2", "epochs", "train_images"),
        ),
    ),
    _alignments("fig7", "one network"),
    PAPER.figure(
        "fig8", "training loss and test accuracy of a network, its initial and its pretrained linearization",
        "rotation.pretrained",
        Claim(
            "the network converges much faster than its linearization at initialization (to its last loss in half the "
            "epochs)", _faster, ("network",), over="tasks",
        ),
        Claim("so does the pretrained linearization", _faster, ("pretrained",), over="tasks"),
        _pretrained_worse, _pretrained_like_the_network,
    ),
    PAPER.figure(
        "fig9", "test accuracy of linearizations against the epoch that they are taken after", "rotation.pretrained",
        _falls_within_the_first_epochs, _rises_on_classes,
    ),
    _alignments("fig15", "MLP"),
    _alignments("fig16", "LeNet"),
)  # fmt: skip
