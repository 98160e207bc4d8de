"""Accuracies of networks and linearizations over tasks, eigenfunctions or directions: what two figures judge alike.

The plotted numbers of a network, "curves", hold for I tasks and S seeds: `index` (I,), `seeds` (S,), `by_seed`, whose
`network`, `linearized`, `network_train` and `linearized_train` are accuracies (S, I), `majority_rate` (I,), `n_train`
and `n_test`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, in_order, judged
from ntk_repro.papers.ortiz2021.conditions import points
from ntk_repro.papers.statistics import Interval, largest, left_the_majority, mean_and_errors, signed_sum
from ntk_repro.papers.thresholds import ORDERED

_TRAINED = 3  # tasks that an order needs

IN_ORDER = f"({100 * ORDERED:g}% of the pairs beyond noise)"

Why = Callable[[str, Numbers], str]
"""(network, curves) -> why they cannot decide a claim, "" where they can."""


class Means(NamedTuple):
    """Accuracies of all tasks.

    Attributes:
        values: means over seeds (I,).
        errors: their standard errors.
    """

    values: np.ndarray
    errors: np.ndarray


def means(curves: Numbers, model: str) -> Means:
    """Of "network" or "linearized", on the test samples."""
    return Means(*mean_and_errors(curves["by_seed"][model], curves["n_test"]))


def gaps(curves: Numbers, model: str) -> Means:
    """Training less test accuracy; the errors are those of the test accuracies."""
    train, _ = mean_and_errors(curves["by_seed"][f"{model}_train"])
    test = means(curves, model)
    return Means(train - test.values, test.errors)


def lead(curves: Numbers, model: str, other: str, tasks: Sequence[int], of: int = 1) -> Interval:
    """The mean lead in test accuracy over some tasks, by seeds, or by test samples where there is one seed.

    Args:
        curves: the numbers of a network.
        model: the accuracies of `by_seed`, such as "network".
        other: those that they are compared with.
        tasks: their positions.
        of: as for `student_interval`.
    """
    terms = [
        {seed: row[task] for seed, row in zip(curves["seeds"], curves["by_seed"][name], strict=True)}
        for name in (model, other)
        for task in tasks
    ]
    weights = np.repeat([1.0, -1.0], len(tasks)) / len(tasks)
    return signed_sum(terms, [*weights], curves["n_test"], of=of)


def judged_tasks(curves: Numbers) -> list[int]:
    """The tasks of which all seeds have both accuracies, one of which at least is above that of guessing."""
    found = [means(curves, model).values for model in ("network", "linearized")]
    complete = ~np.isnan(np.array([curves["by_seed"][model] for model in ("network", "linearized")], float))
    left = [left_the_majority(values, np.array(curves["majority_rate"]), curves["n_test"] or 1) for values in found]
    return [int(task) for task in np.flatnonzero(complete.all(axis=(0, 1)) & np.any(left, axis=0))]


def hardly_trained(curves: Numbers, model: str) -> str:
    """Why a model cannot be judged: it fits its training samples better than guessing in hardly any task.

    In late tasks that is the finding; in nearly all, the training was too short.
    """
    train, _ = mean_and_errors(curves["by_seed"][f"{model}_train"])
    left = left_the_majority(train, np.array(curves["majority_rate"]), curves["n_train"] or 1)
    if left.sum() >= _TRAINED:
        return ""
    return f"in {int((~left).sum())} of {len(left)} tasks its training accuracy is that of chance"


def _left_out(values: np.ndarray) -> str:
    lost = int(np.isnan(values).sum())
    return f"no number at {lost} of {len(values)}, left out" if lost else ""


def falls(model: str, *, place: str, why: Why, nets: tuple[str, ...] = ()) -> Claim:
    """The claim that the test accuracies of "network" or "linearized" drop along the tasks.

    Args:
        model: which of the two.
        place: as in `Claim`.
        why: as in `Why`.
        nets: the networks that the claim is about; all where there are none.
    """

    @claim(f"{model} accuracy progressively drops with the index {IN_ORDER}", over="nets", place=place)
    def fall(net: str, curves: Numbers) -> Iterator[Verdict]:
        if nets and net not in nets:
            return
        values, errors = means(curves, model)
        known = values[~np.isnan(values)]
        ends = f"from {known[0]:.1%} to {known[-1]:.1%}" if len(known) else "no training converged"
        unless = why(net, curves) or hardly_trained(curves, model)
        notes = (ends, _left_out(values))
        yield in_order(net, curves["index"], values, -1, errors, "with the index", *notes, unless=unless)

    return fall


def agree(tasks: str, *, place: str, why: Why, nets: tuple[str, ...] = ()) -> Claim:
    """The claim that networks and linearizations find the same tasks harder; arguments as in `falls`."""

    @claim(f"network and linearization agree on which {tasks} are harder {IN_ORDER}", over="nets", place=place)
    def both(net: str, curves: Numbers) -> Iterator[Verdict]:
        if nets and net not in nets:
            return
        (ours, errors), (theirs, x_errors) = (means(curves, model) for model in ("network", "linearized"))
        unless = why(net, curves) or hardly_trained(curves, "linearized")
        yield in_order(net, theirs, ours, +1, errors, "of both accuracies", x_errors=x_errors, unless=unless)

    return both


def ahead(statement: str, model: str, least: float, *, place: str, why: Why, nets: tuple[str, ...] = ()) -> Claim:
    """The claim that a model leads the other by some accuracy, on average over the tasks that one of them learns.

    Args:
        statement: without the bound.
        model: "network" or "linearized", the one that is ahead.
        least: the lead.
        place: as in `falls`.
        why: the same.
        nets: the same.
    """
    other = {"network": "linearized", "linearized": "network"}[model]
    bound = f"({100 * least:.2g} points or more on average over the tasks that one of the two learns)"

    @claim(f"{statement} {bound}", over="nets", place=place)
    def leads(net: str, curves: Numbers) -> Iterator[Verdict]:
        if nets and net not in nets:
            return
        unless, tasks = why(net, curves) or hardly_trained(curves, "linearized"), judged_tasks(curves)
        if not tasks:
            yield judged(net, None, math.nan, "mean lead in accuracy", "no task above guessing", unless=unless)
            return
        mean = lead(curves, model, other, tasks)
        each = [lead(curves, model, other, [task]).mean for task in tasks]
        low, high = 100 * min(each), 100 * max(each)
        note = f"from {low:.1f} to {high:.1f} points over {len(tasks)} of {len(curves['index'])} tasks"
        yield judged(net, mean.above(least), mean.mean, "mean lead in accuracy", points(mean), note, unless=unless)

    return leads


def largest_lead(curves: Numbers, model: str, other: str) -> Interval:
    """The largest lead of a model in one task; its interval allows for the choice among all tasks."""
    tasks = judged_tasks(curves)
    return largest([lead(curves, model, other, [task], of=len(tasks)) for task in tasks])
