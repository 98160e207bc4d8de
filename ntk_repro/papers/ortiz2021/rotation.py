"""Figures 5 to 9, 15 and 16 and Table 1: how the kernel turns towards its task, and what that is worth."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Claim, Verdict, monotone, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021.accuracies import left_the_majority, margin
from ntk_repro.papers.ortiz2021.trends import trend
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_FIRST_EPOCHS = 5  # what "a few epochs" of pretraining is taken to be
_MUCH_FASTER = 0.5  # of the epochs
_GUESSING = math.log(2)  # the cross-entropy of two classes told apart by nothing
# Within how much of the paper's Table 1 ours should be; at initialization by network.
_INIT_TOLERANCE, _END_TOLERANCE, _ACCURACY_TOLERANCE = {"mlp": 0.015}, 0.08, 0.03
_OTHER_INIT_TOLERANCE = 0.03


# Figure 5


def _trained(curves: Mapping[str, Any]) -> np.ndarray:
    """At which sizes the linearization has been trained: elsewhere a gap says how short the training was."""
    return left_the_majority(curves["linearized_train_accuracy"], curves["majority_rate"], curves["size"])


def _gap(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        trained = _trained(curves)
        gap = _difference(curves["network_accuracy"], curves["linearized_accuracy"])
        rho = spearman(curves["size"], np.where(trained, gap, np.nan).tolist())
        notes = [f"from {100 * gap[0]:+.1f} to {100 * gap[-1]:+.1f} points"]
        if not trained.all():
            sizes = ", ".join(f"{size:,}" for size in np.array(curves["size"])[~trained])
            notes.append(f"without {sizes} images, which the linearization does not fit")
        note = "; ".join(notes)
        yield Verdict(net, monotone(rho, +1), rho, "Spearman correlation of the gap with the size", note=note)


def _ahead_at_the_largest(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        gap = float(_difference(curves["network_accuracy"], curves["linearized_accuracy"])[-1])
        holds, note = (
            (gap > 0, "") if _trained(curves)[-1] else (None, "not judged: the linearization does not fit them")
        )
        yield Verdict(net, holds, gap, f"lead in accuracy at {curves['size'][-1]:,} images", note=note)


# Figure 6 and Table 1


def _energy_at_the_end(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        energy = curves["energy_concentration"]
        rise = _number(energy[-1]) - _number(energy[0])
        yield Verdict(net, rise > 0, rise, "energy at the end less that before training")


def _energy_grows_in_columns(numbers: Numbers) -> Iterator[Verdict]:
    for column in numbers["columns"]:
        if column["energy_end"] is not None:
            rise = column["energy_end"] - column["energy_init"]
            yield Verdict(_column_name(column), rise > 0, rise, "energy at the end less that before training")


def _as_printed(
    row: str, meaning: str, tolerance: Callable[[str], float], conditions: Sequence[str]
) -> Callable[[Numbers], Iterator[Verdict]]:
    """Of a row of Table 1, judged where a column agrees with the paper's in what moves the number."""

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        if not str(numbers["data"]).startswith("cifar10"):
            return  # the paper's numbers are for CIFAR-10
        printed = printed_numbers("ortiz2021")["table1"]
        for column in numbers["columns"]:
            paper, ours = printed[row].get(column["net"]), column[row]
            if paper is None or ours is None or column["width"] != 1:
                continue
            other = [f"{_CONDITIONS[name]} {column[name]:,}, not {printed[name]:,}" for name in conditions
                     if column[name] != printed[name]]  # fmt: skip
            holds = None if other else abs(ours - paper) <= tolerance(column["net"])
            notes = [_note(column, row), "not judged: " + ", ".join(other) if other else ""]
            yield Verdict(_column_name(column), holds, ours, meaning, paper, "; ".join(filter(None, notes)))

    return predicate


_CONDITIONS = {
    "images": "images of the kernel",
    "top": "eigenvectors",
    "epochs": "epochs",
    "train_images": "training images",
}


def _note(column: Mapping[str, Any], row: str) -> str:
    parts = []
    seeds = column["init_seeds" if row == "energy_init" else "end_seeds"]
    if seeds > 1:
        parts.append(f"mean of {seeds} seeds, standard deviation {100 * column[f'{row}_std']:.1f} points")
    if row == "energy_init" and column["images"] != printed_numbers("ortiz2021")["table1"]["images"]:
        fewer = zip(column["trend_images"], column["trend_energy"], strict=True)
        parts.append("on " + ", ".join(f"{n:,}: {energy:.1%}" for n, energy in fewer) + " images")
    return "; ".join(parts)


def _column_name(column: Mapping[str, Any]) -> str:
    scale = column["residual_scale_init"]
    return f"{column['net']}, residual scale {scale:g}" if column["net"].startswith("resnet") else column["net"]


# Figures 7, 15 and 16


def _tasks(numbers: Numbers) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for net, tasks in numbers["nets"].items():
        for index, panel in tasks.items():
            yield f"{net}, phi_{index}", int(index), panel


def _spike(numbers: Numbers) -> Iterator[Verdict]:
    for subject, index, panel in _tasks(numbers):
        growth = _growth(panel)
        others = np.delete(growth, index - 1)
        number = float(growth[index - 1] / others.max())
        above = int((others >= growth[index - 1]).sum())
        note = f"grew {growth[index - 1]:.3g} times, the others' median {np.median(others):.3g}"
        note += f"; {above} of {len(others)} grew more" if above else ""
        yield Verdict(subject, number > 1, number, "its growth over the largest of the others'", note=note)


def _shape(numbers: Numbers) -> Iterator[Verdict]:
    for subject, index, panel in _tasks(numbers):
        before, after = (np.delete(np.asarray(panel[f"alignment_{when}"], float), index - 1) for when in _WHEN)
        rho = spearman(list(before), list(after))
        yield Verdict(subject, monotone(rho, +1), rho, "Spearman correlation of the others, before and after")


def _all_grow(numbers: Numbers) -> Iterator[Verdict]:
    for subject, _, panel in _tasks(numbers):
        growth = _growth(panel)
        norm = _number(panel["gradient_norm_after"]) / _number(panel["gradient_norm_before"])
        share = float(np.mean(growth > 1))
        note = (
            f"the median alignment grew {np.median(growth):.3g} times, the mean squared gradient norm {norm:.3g} times"
        )
        yield Verdict(subject, share >= 0.99 and norm > 1, share, "share of the alignments that grew", note=note)


_WHEN = ("before", "after")


def _growth(panel: Mapping[str, Any]) -> np.ndarray:
    before, after = (np.array([_number(value) for value in panel[f"alignment_{when}"]]) for when in _WHEN)
    return after / before


# Figures 8 and 9


def _faster(model: str) -> Callable[[Numbers], Iterator[Verdict]]:
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for task in numbers["tasks"]:
            ours, initial = (np.array([_number(v) for v in task[f"{m}_loss"]]) for m in (model, "initial"))
            epochs, reached = len(ours), np.flatnonzero(ours <= initial[-1])
            why = _untrained({"the initial linearization": initial[-1]}) if np.isfinite(initial[-1]) else ""
            if not np.isfinite([ours[-1], initial[-1]]).all():
                number, when = math.nan, "a training diverged"
            elif len(reached):
                number, when = float(reached[0] + 1) / epochs, f"reached after {reached[0] + 1} of {epochs} epochs"
            else:
                number, when = (epochs + 1) / epochs, f"not reached in {epochs} epochs"
            note = "; ".join(filter(None, (f"the loss of {initial[-1]:.2g}: {when}", why)))
            meaning = "share of the epochs until the loss at which the initial linearization ends, above 1: never"
            yield Verdict(_task_name(task), None if why else number <= _MUCH_FASTER, number, meaning, note=note)

    return predicate


def _pretrained_worse(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        pretrained, initial = (_number(task[f"{m}_accuracy"]) for m in ("pretrained", "initial"))
        lead, noise = pretrained - initial, margin(pretrained, initial, task["n_test"])
        why = _untrained_of(task, _LINEARIZATIONS)
        meaning = "accuracy of the pretrained less that of the initial kernel"
        note = "; ".join(filter(None, (_said(noise, task), why)))
        yield Verdict(_task_name(task), None if why else lead < -noise, lead, meaning, note=note)


def _pretrained_like_the_network(numbers: Numbers) -> Iterator[Verdict]:
    for task in numbers["tasks"]:
        network, initial, pretrained = (_number(task[f"{m}_accuracy"]) for m in ("network", "initial", "pretrained"))
        why = _untrained_of(task, {"network": "the network", **_LINEARIZATIONS})
        holds = None if why else abs(pretrained - network) < abs(pretrained - initial)
        yield Verdict(_task_name(task), holds, pretrained - network, "its accuracy less the network's", note=why)


_LINEARIZATIONS = {"initial": "the initial linearization", "pretrained": "the pretrained linearization"}


def _untrained_of(task: Mapping[str, Any], models: Mapping[str, str]) -> str:
    return _untrained({said: _number(task[f"{model}_loss"][-1]) for model, said in models.items()})


def _untrained(losses: Mapping[str, float]) -> str:
    """What to say of models that end at the loss of guessing or above; "" where all have learnt."""
    at = [f"{said} ends at a training loss of {loss:.3g}" for said, loss in losses.items() if not loss < _GUESSING]
    return f"not judged: {', '.join(at)} (guessing: {_GUESSING:.2f})" if at else ""


def _said(noise: float, task: Mapping[str, Any]) -> str:
    return f"2 standard errors of {task['n_test']:,} test images are {100 * noise:.1f} points"


def _falls_within_the_first_epochs(numbers: Numbers) -> Iterator[Verdict]:
    for task, kind, accuracies, losses in _kinds(numbers):
        if task["index"] is None:
            continue
        # The last of the first epochs: the worst of several would be a fall by their noise alone.
        early = [i for i, epoch in enumerate(task["epochs"]) if 0 < epoch <= _FIRST_EPOCHS][-1:]
        before, after = accuracies[0], accuracies[early[0]] if early else math.nan
        noise, why = margin(before, after, task["n_test"]), _untrained_at(task, losses, [0, *early])
        when = f"after {task['epochs'][early[0]]} epochs" if early else f"within {_FIRST_EPOCHS} epochs"
        note = f"from {before:.1%}; at the end {accuracies[-1]:.1%}; {_said(noise, task)}" + (f"; {why}" if why else "")
        holds, meaning = None if why else before - after > noise, f"fall of the accuracy {when}"
        yield Verdict(f"{_task_name(task)}, {kind}", holds, before - after, meaning, note=note)


def _rises_on_classes(numbers: Numbers) -> Iterator[Verdict]:
    """Of one model at least: the paper says it of some."""
    rises = []
    for task, kind, accuracies, losses in _kinds(numbers):
        if task["index"] is None:
            before, after = accuracies[0], accuracies[-1]
            noise, why = margin(before, after, task["n_test"]), _untrained_at(task, losses, [0, -1])
            said = f"{display_name(task['net'])}, {kind}: {before:.1%} to {after:.1%}" + (f" ({why})" if why else "")
            rises.append((not why, after - before - noise, after - before, said))
    if rises:
        # A linearization that diverged or has learnt nothing says nothing of the others.
        judged, beyond, rise, _ = max((row for row in rises if math.isfinite(row[1])), default=rises[0])
        note = "; ".join(row[-1] for row in rises)
        holds = beyond > 0 if judged else None
        yield Verdict("some network", holds, rise, "largest rise of the accuracy to the end", note=note)


def _kinds(numbers: Numbers) -> Iterator[tuple[Mapping[str, Any], str, list[float], list[float]]]:
    for task in numbers["tasks"]:
        for kind in ("biased", "unbiased"):
            accuracies, losses = ([_number(v) for v in task[f"{kind}_{of}"]] for of in ("accuracy", "loss"))
            yield task, kind, accuracies, losses


def _untrained_at(task: Mapping[str, Any], losses: Sequence[float], places: Sequence[int]) -> str:
    return _untrained({f"the linearization after epoch {task['epochs'][at]}": losses[at] for at in places})


def _task_name(task: Mapping[str, Any]) -> str:
    return f"{task['net']}, " + ("classes" if task["index"] is None else f"phi_{task['index']}")


def _difference(first: Sequence[float | None], second: Sequence[float | None]) -> np.ndarray:
    return np.array([_number(a) - _number(b) for a, b in zip(first, second, strict=True)])


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _alignments(name: str, what: str, number: int) -> Figure:
    return Figure(
        id=f"ortiz2021/{name}",
        title=f"alignments of eigenfunctions before and after training on one of them, {what}",
        source=f"Ortiz-Jimenez et al. 2021, Figure {number}",
        study="rotation.tracking",
        script=f"ortiz2021/{name}.py",
        claims=(
            Claim("the alignment of the eigenfunction trained on grows more than any other's", _spike),
            Claim("the others keep their order (Spearman >= 0.8)", _shape),
            Claim("all alignments grow (at least 99 %), and so does the mean squared gradient norm", _all_grow),
        ),
    )


FIGURES = (
    Figure(
        id="ortiz2021/fig5",
        title="accuracy and weight distance on CIFAR2 against training-set size, networks and linearizations",
        source="Ortiz-Jimenez et al. 2021, Figure 5",
        study="rotation.cifar2",
        script="ortiz2021/fig5.py",
        claims=(
            Claim("the gap between network and linearization grows with the training set (Spearman >= 0.8)", _gap),
            Claim("the network is ahead at the largest training set", _ahead_at_the_largest),
            trend("the network's weights move farther the larger the training set", "network_distance", "size", +1),
        ),
    ),
    Figure(
        id="ortiz2021/fig6",
        title="energy concentration of the labels on the kernel's top eigenvectors in training",
        source="Ortiz-Jimenez et al. 2021, Figure 6",
        study="rotation.tracking",
        script="ortiz2021/fig6.py",
        claims=(
            trend("the energy on the top eigenvectors grows in training", "energy_concentration", "epochs", +1),
            Claim("it is larger after training than before", _energy_at_the_end),
        ),
    ),
    Figure(
        id="ortiz2021/table1",
        title="energy concentration before and after training on CIFAR2, and test accuracy",
        source="Ortiz-Jimenez et al. 2021, Table 1",
        study="rotation.tracking",
        script="ortiz2021/table1.py",
        claims=(
            Claim("the energy on the top eigenvectors is larger after training", _energy_grows_in_columns),
            Claim(
                "before training it is the paper's (MLP within 1.5 points, others within 3)",
                _as_printed(
                    "energy_init",
                    "energy before training",
                    lambda net: _INIT_TOLERANCE.get(net, _OTHER_INIT_TOLERANCE),
                    ("images", "top"),
                ),
            ),
            Claim(
                "after training it is the paper's (within 8 points)",
                _as_printed(
                    "energy_end",
                    "energy after training",
                    lambda net: _END_TOLERANCE,
                    ("images", "top", "epochs", "train_images"),
                ),
            ),
            Claim(
                "the test accuracy is the paper's (within 3 points)",
                _as_printed(
                    "test_accuracy",
                    "test accuracy on CIFAR2",
                    lambda net: _ACCURACY_TOLERANCE,
                    ("epochs", "train_images"),
                ),
            ),
        ),
    ),
    _alignments("fig7", "one network", 7),
    Figure(
        id="ortiz2021/fig8",
        title="training loss and test accuracy of a network, its initial and its pretrained linearization",
        source="Ortiz-Jimenez et al. 2021, Figure 8",
        study="rotation.pretrained",
        script="ortiz2021/fig8.py",
        claims=(
            Claim(
                "the network converges much faster than its linearization at initialization (to its last loss in half "
                "the epochs)",
                _faster("network"),
            ),
            Claim("so does the pretrained linearization", _faster("pretrained")),
            Claim(
                "the pretrained linearization generalizes worse than the initial one (by more than 2 standard errors)",
                _pretrained_worse,
            ),
            Claim("its accuracy is nearer to the network's than to the initial one's", _pretrained_like_the_network),
        ),
    ),
    Figure(
        id="ortiz2021/fig9",
        title="test accuracy of linearizations against the epoch that they are taken after",
        source="Ortiz-Jimenez et al. 2021, Figure 9",
        study="rotation.pretrained",
        script="ortiz2021/fig9.py",
        claims=(
            Claim(
                "on an eigenfunction, accuracy falls within the first 5 epochs of pretraining (by more than 2 standard "
                "errors)",
                _falls_within_the_first_epochs,
            ),
            Claim("on the classes it rises for some models (by more than 2 standard errors)", _rises_on_classes),
        ),
    ),
    _alignments("fig15", "MLP", 15),
    _alignments("fig16", "LeNet", 16),
)
