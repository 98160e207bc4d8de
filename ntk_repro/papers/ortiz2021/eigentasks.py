"""Figures 2, 11 and 12: eigenfunctions of the NTK as tasks."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, in_order, is_ordered, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.appendix import (
    close_to_zero,
    deactivated,
    sign_overlap,
    smaller,
    stable,
)
from ntk_repro.papers.ortiz2021.conditions import (
    LARGE_LEAD,
    LARGE_POINTS,
    SIGNIFICANT_LEAD,
    SIGNIFICANT_POINTS,
    copy_note,
    network_is_much_faster,
    other_settings,
    some_network,
)
from ntk_repro.papers.ortiz2021.curves import (
    IN_ORDER,
    Means,
    Why,
    agree,
    ahead,
    falls,
    gaps,
    hardly_trained,
    largest_lead,
    lead,
    means,
)
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import Interval, Order, all_hold, last_crossing, mean_and_errors, order, signed_sum
from ntk_repro.papers.thresholds import ABOUT, NEAR_ZERO_LOSS

_MODELS = ("network", "linearized")
_MULTIPLE = 2  # tasks
_REDRAWN = 2000


_other = partial(other_settings, "eigenfunctions")
_other_with_adam = partial(other_settings, "adam")
_other_on_mnist = partial(other_settings, "mnist")


def _other_baseline(curves: Numbers) -> str:
    """Why a statement that has the classes as a task cannot be judged."""
    if "baseline_network" not in curves["by_seed"]:
        return "without the classes as a task"
    epochs, paper = curves["baseline_epochs"], printed_numbers("ortiz2021")["setups"]["cifar2"]["epochs"]
    return "" if epochs == paper else f"{epochs} epochs on the classes, not {paper}"


@claim(
    f"the kernel's generalization gap is smaller for targets of lower norm: it grows with the index {IN_ORDER}",
    over="nets", place="section 2",
)  # fmt: skip
def _gap_grows(net: str, curves: Numbers) -> Iterator[Verdict]:
    values, errors = gaps(curves, "linearized")
    unless = _other(net, curves) or hardly_trained(curves, "linearized")
    meaning = "of training less test accuracy of the linearization, with the index"
    yield in_order(net, curves["index"], values, +1, errors, meaning, unless=unless)


@claim(
    f"the network overfits more to later eigenfunctions: its generalization gap grows with the index {IN_ORDER}",
    over="nets", place="section 5",
)  # fmt: skip
def _overfitting_grows(net: str, curves: Numbers) -> Iterator[Verdict]:
    values, errors = gaps(curves, "network")
    unless = _other(net, curves) or hardly_trained(curves, "network")
    meaning = "of training less test accuracy, with the index"
    yield in_order(net, curves["index"], values, +1, errors, meaning, unless=unless)


@claim(
    "the alignment of the labels with the NTK at initialization ranks how well they are learned, eigenfunctions among "
    f"themselves and the classes among them {IN_ORDER}",
    over="nets", place="section 3.1; section 1; section 5",
)  # fmt: skip
def _alignment_ranks(net: str, curves: Numbers) -> Iterator[Verdict]:
    classes, meaning = curves["baseline_alignment"], "of alignment and accuracy"
    for model, name in (("network", net), ("linearized", f"{net}, linearized")):
        if classes is None:
            why = "without the classes as a task, or trained in weight space"
            yield judged(name, None, math.nan, meaning, unless=why)
            continue
        values, errors = means(curves, model)
        (baseline,), (error,) = mean_and_errors(
            [[one] for one in curves["by_seed"][f"baseline_{model}"]], curves["n_test"]
        )
        unless = _other(net, curves) or _other_baseline(curves) or hardly_trained(curves, model)
        among = order(curves["alignment"], values, +1, errors)
        # Their pairs are few among all, and with them a share of their own.
        tasks = zip(curves["alignment"], values, errors, strict=True)
        pairs = [order([one, classes], [value, baseline], +1, [noise, error]) for one, value, noise in tasks]
        shares = [pair.share for pair in pairs if pair.pairs]
        own = Order(float(np.mean(shares)) if shares else math.nan, len(shares))
        holds = all_hold(is_ordered(among), is_ordered(own))
        notes = (
            f"{own.pairs} of them differ beyond noise",
            f"eigenfunctions: {among.share:.3g} of {among.pairs} that do",
        )
        yield judged(name, holds, own.share, "share of the classes' pairs in order, of both", *notes, unless=unless)


@claim(
    "there are two tasks at least on which networks perform worse than their kernels "
    f"(by {SIGNIFICANT_POINTS} or more)",
    place="abstract; section 1; section 3.1; section 5",
)
def _worse_on_some(numbers: Numbers) -> Iterator[Verdict]:
    known = {net: curves for net, curves in numbers["nets"].items() if not _other(net, curves)}
    count = sum(len(curves["index"]) for curves in known.values())
    beyond = {
        net: [
            lead(curves, "linearized", "network", [task], of=count).above(SIGNIFICANT_LEAD)
            for task in range(len(curves["index"]))
        ]
        for net, curves in known.items()
    }
    sure = sum(tasks.count(True) for tasks in beyond.values())
    # Where there are fewer than two, no further task may be among those that noise can turn.
    none_more = some_network({net: None if None in tasks else False for net, tasks in beyond.items()})
    meaning = "tasks on which the linearization leads, of all tasks and networks together"
    unless = "" if known else "no network of the paper at its settings"
    yield judged("all networks", True if sure >= _MULTIPLE else none_more, sure, meaning, f"of {count}", unless=unless)


def _lead_on_classes(curves: Numbers) -> Interval:
    """The network's lead on the classes of the data set."""
    terms = [dict(zip(curves["seeds"], curves["by_seed"][f"baseline_{model}"], strict=True)) for model in _MODELS]
    return signed_sum(terms, (+1, -1), curves["n_test"])


@claim(
    "which of the two is far ahead depends on the task: the linearization on an eigenfunction, the network on the "
    f"classes (each by {LARGE_POINTS} or more)",
    over="nets", place="abstract; section 4.1; section 5",
)  # fmt: skip
def _depends_on_the_task(net: str, curves: Numbers) -> Iterator[Verdict]:
    meaning = "lead of the network on the classes"
    if unless := _other(net, curves) or _other_baseline(curves):
        yield judged(net, None, math.nan, meaning, unless=unless)
        return
    classes, largest = _lead_on_classes(curves), largest_lead(curves, "linearized", "network")
    holds = all_hold(largest.above(LARGE_LEAD), classes.above(LARGE_LEAD))
    note = f"on an eigenfunction the linearization leads by {100 * largest.mean:.1f} points"
    yield judged(net, holds, classes.mean, meaning, note)


@claim(
    f"networks converge much faster than their linearizations to a training loss of {NEAR_ZERO_LOSS:g} (in half the "
    "epochs or fewer, in every task whose epochs can be compared)",
    over="nets", place="section 4.3; section 4; footnote 7",
)  # fmt: skip
def _much_faster(net: str, curves: Numbers) -> Iterator[Verdict]:
    trainings = {
        f"index {index}": [[row[at] for row in curves[f"{model}_epochs_to_loss"]] for model in _MODELS]
        for at, index in enumerate(curves["index"])
    }
    yield network_is_much_faster(net, trainings, curves["epochs"], _other(net, curves))


@claim(
    f"on MNIST the curves of LeNet and its linearization cross around phi_500 (within {100 * ABOUT:g}%)",
    place="appendix E.1",
)
def _crossing_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig12"]["crossing_index"]
    for net in numbers["nets"].keys() & printed.keys():
        curves, paper = numbers["nets"][net], printed[net]
        crossing = _redrawn_crossing(curves)
        note = crossing.ends(",.0f")
        holds = crossing.within((1 - ABOUT) * paper, (1 + ABOUT) * paper)
        why = _other_on_mnist(net, curves)
        at, last = crossing.mean, max(curves["index"])
        if at == math.inf:
            crossing, note = Interval(last, math.nan, math.nan, 0), f"no crossing up to index {last:,}"
        yield judged(net, holds, crossing, "index of the crossing", note, unless=why, paper=paper)


def _redrawn_crossing(curves: Numbers) -> Interval:
    """Where the curves cross last, and the 95% interval under the noise of the accuracies.

    Where they do not cross it is infinite.
    """
    rng = np.random.default_rng(0)
    rows = []
    for model in ("linearized", "network"):
        values, errors = means(curves, model)
        noise = rng.standard_normal((_REDRAWN, len(values))) * errors
        rows.append(np.concatenate([values[None], values + noise]))
    crossings = [last_crossing(curves["index"], one, two) for one, two in zip(*rows, strict=True)]
    if math.isnan(crossings[0]):
        return Interval(math.nan, math.nan, math.nan, 0)
    low, high = np.quantile(crossings[1:], (0.025, 0.975), method="inverted_cdf")
    return Interval(crossings[0], float(low), float(high), 1)


@claim(
    "for LeNet on MNIST the target decides whether the linearization or the network has the advantage (each by "
    f"{SIGNIFICANT_POINTS} or more at some index)",
    place="appendix E.1",
)
def _both_advantages(numbers: Numbers) -> Iterator[Verdict]:
    curves = numbers["nets"].get("lenet")
    if curves is None:
        return
    one, two = (largest_lead(curves, *models) for models in (("linearized", "network"), ("network", "linearized")))
    holds = all_hold(one.above(SIGNIFICANT_LEAD), two.above(SIGNIFICANT_LEAD))
    note = f"the linearization's is {100 * one.mean:.1f} points"
    why = _other_on_mnist("lenet", curves)
    yield judged("lenet", holds, two.mean, "the network's largest lead in accuracy", note, unless=why)


@claim(
    "accuracies with Adam span the paper's axes (the lowest, the baseline included, within one tick step of the lowest "
    "tick: 70% for the MLP, 80% for LeNet, 60% for ResNet18)",
    place="Figure 11, tick labels",
)
def _lowest_tick(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig11"]
    for net in [net for net in printed["lowest_tick"] if net in numbers["nets"]]:
        curves, tick, step = numbers["nets"][net], printed["lowest_tick"][net], printed["tick_step"][net]
        shown = np.array(curves["index"]) <= printed["last_index"]
        baseline = mean_and_errors([[one] for one in curves["by_seed"].get("baseline_network", [])], curves["n_test"])
        drawn = [Means(*(part[shown] for part in means(curves, model))) for model in _MODELS]
        values, errors = (np.concatenate(parts) for parts in zip(*drawn, baseline, strict=True))
        lowest = int(np.nanargmin(values)) if np.isfinite(values).any() else 0
        value, half = values[lowest], 2 * errors[lowest]
        found = Interval(value, value - half, value + half, 1)
        holds = found.within(tick - step, tick + step)
        why = _other_with_adam(net, curves) or _other_baseline(curves)
        notes = (f"tick step {step:g}", copy_note(numbers))
        yield judged(net, holds, found, "lowest accuracy", *notes, unless=why, paper=tick)


def _accuracies(name: str, setting: str, place: str, agreement: str, why: Why, *claims: Claim) -> Figure:
    title = f"test accuracy against eigenfunction index, networks and their linearizations{setting}"
    drops = (falls(model, place=place, why=why) for model in _MODELS)
    return PAPER.figure(name, title, "eigentasks", *drops, agree("eigenfunctions", place=agreement, why=why), *claims)


FIGURES = (
    _accuracies(
        "fig2", "", "section 3.1; Figure 2", "section 3.1; section 3; section 3.2; abstract", _other,
        ahead(
            "on eigenfunctions the linearization performs much better", "linearized", LARGE_LEAD,
            place="section 3.1", why=_other,
        ),
        _alignment_ranks, _gap_grows, _overfitting_grows, _worse_on_some, _depends_on_the_task, _much_faster,
        close_to_zero, stable, sign_overlap, smaller, deactivated,
    ),
    _accuracies(
        "fig11", ", with Adam", "appendix E.1; Figure 11", "appendix E.1", _other_with_adam,
        ahead(
            "with Adam the linearization has a clear advantage", "linearized", SIGNIFICANT_LEAD,
            place="appendix E.1", why=_other_with_adam,
        ),
        _lowest_tick,
    ),
    _accuracies(
        "fig12", ", on MNIST", "appendix E.1; Figure 12", "appendix E.1", _other_on_mnist,
        ahead(
            "on MNIST the MLP's linearization has the advantage, too", "linearized", SIGNIFICANT_LEAD,
            place="appendix E.1", why=_other_on_mnist, nets=("mlp",),
        ),
        _crossing_as_printed, _both_advantages,
    ),
)  # fmt: skip
