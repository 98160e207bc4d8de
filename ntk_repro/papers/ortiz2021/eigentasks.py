"""Figures 2, 3 and 11 to 14: eigenfunctions of the NTK as tasks."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, in_order, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import (
    LARGE_LEAD,
    SIGNIFICANT_LEAD,
    both,
    epochs_note,
    other_task,
    times_the_epochs,
)
from ntk_repro.papers.ortiz2021.curves import (
    IN_ORDER,
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
from ntk_repro.papers.statistics import (
    Interval,
    ahead_until_crossing,
    mean_and_errors,
    number,
    signed_sum,
    student_interval,
)
from ntk_repro.papers.thresholds import ABOUT, MUCH, NEAR_ZERO_LOSS, NEARLY_IDENTICAL, PRINTED_SHARE

_SLIGHT = f"{100 * SIGNIFICANT_LEAD:.2g} points"
_LARGE = f"{100 * LARGE_LEAD:.2g} points"
_MULTIPLE = 2  # tasks
_REDRAWN = 2000
# The one metric whose missing values mean something: never reached is later than everything.
_NEVER_IS_LAST = "epochs_to_target_loss"
_METRICS = (_NEVER_IS_LAST, "l2_distance", "cosine_distance")


def _other(net: str, curves: Numbers) -> str:
    return other_task(curves, net, curves["width"])


def _unless_paper(curves: Numbers) -> str:
    """The settings of a figure on CIFAR-10 that are not the paper's, "" where all are."""
    if curves["data"] != "cifar10":
        return f"{curves['data']}, not CIFAR-10"
    printed = printed_numbers("ortiz2021")["eigentasks"]
    wanted = {"width": 1, "n_train": printed["train_images"], "epochs": printed["epochs"]}
    other = [name for name, value in wanted.items() if curves[name] != value]
    return ", ".join(f"{name} {curves[name]}, not {wanted[name]:,}" for name in other)


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
    over="nets", place="final remarks",
)  # fmt: skip
def _overfitting_grows(net: str, curves: Numbers) -> Iterator[Verdict]:
    values, errors = gaps(curves, "network")
    unless = _other(net, curves) or hardly_trained(curves, "network")
    found = in_order(net, curves["index"], values, +1, errors, "of training less test accuracy, with the index")
    worst = _final_loss(curves).mean
    if found.holds is False and not worst <= NEAR_ZERO_LOSS:
        # A training that stopped early overfits less, most of all in later tasks.
        unless = unless or f"mean loss of the last epoch up to {worst:.2g}: not trained to the end"
    note = found.note
    yield judged(net, found.holds, number(found.number), found.meaning, note, unless=unless)


@claim(
    "the alignment of the labels with the NTK at initialization ranks how well they are learned, classes included "
    f"{IN_ORDER}",
    over="nets", place="section 3.1; contributions; introduction; final remarks",
)  # fmt: skip
def _alignment_ranks(net: str, curves: Numbers) -> Iterator[Verdict]:
    classes, meaning = curves["baseline_alignment"], "of alignment and accuracy"
    for model, name in (("network", net), ("linearized", f"{net}, linearized")):
        if classes is None:
            why = "without the classes as a task, or trained in weight space"
            yield judged(name, None, math.nan, meaning, unless=why)
            continue
        values, errors = means(curves, model)
        baseline = mean_and_errors([[one] for one in curves["by_seed"][f"baseline_{model}"]], curves["n_test"])
        values, errors = np.append(values, baseline[0]), np.append(errors, baseline[1])
        unless = _other(net, curves) or hardly_trained(curves, model)
        yield in_order(name, [*curves["alignment"], classes], values, +1, errors, meaning, unless=unless)


@claim(
    f"there are two tasks at least on which networks perform worse than their kernels (by {_SLIGHT} or more)",
    place="abstract; introduction; contributions; section 3.1; final remarks",
)
def _worse_on_some(numbers: Numbers) -> Iterator[Verdict]:
    known = [curves for net, curves in numbers["nets"].items() if not _other(net, curves)]
    count = sum(len(curves["index"]) for curves in known)
    leads = [
        lead(curves, "linearized", "network", [task], of=count)
        for curves in known
        for task in range(len(curves["index"]))
    ]
    beyond = [one.above(SIGNIFICANT_LEAD) for one in leads]
    sure = beyond.count(True)
    holds = True if sure >= _MULTIPLE else False if leads and None not in beyond else None
    unless = "" if known else "no network of the paper on its data"
    meaning = "tasks on which the linearization leads, of all tasks and networks together"
    yield judged("all networks", holds, sure, meaning, f"of {count}", unless=unless)


def _lead_on_classes(curves: Numbers) -> Interval:
    """The network's lead on the classes of the data set."""
    terms = [
        dict(zip(curves["seeds"], curves["by_seed"][f"baseline_{model}"], strict=True))
        for model in ("network", "linearized")
    ]
    return signed_sum(terms, (+1, -1), curves["n_test"])


@claim(
    f"which of the two is ahead depends on the task, and by much: the linearization on an eigenfunction (by "
    f"{_LARGE} or more), the network on the classes (by {_SLIGHT} or more)",
    over="nets", place="abstract; section 3.2; section 4.1; final remarks",
)  # fmt: skip
def _depends_on_the_task(net: str, curves: Numbers) -> Iterator[Verdict]:
    if "baseline_network" not in curves["by_seed"]:
        yield judged(net, None, math.nan, "lead of the network on the classes", unless="without the classes as a task")
        return
    classes, largest = _lead_on_classes(curves), largest_lead(curves, "linearized", "network")
    holds = both(largest.above(LARGE_LEAD), classes.above(SIGNIFICANT_LEAD))
    note = f"on an eigenfunction the linearization leads by {100 * largest.mean:.1f} points"
    meaning = "lead of the network on the classes"
    yield judged(net, holds, classes.mean, meaning, note, unless=_other(net, curves))


@claim(
    f"networks converge much faster than their linearizations to a training loss of {NEAR_ZERO_LOSS:g} (in half the "
    "epochs or fewer, in every task that decides)",
    over="nets", place="section 4.3; section 4; footnote 7",
)  # fmt: skip
def _much_faster(net: str, curves: Numbers) -> Iterator[Verdict]:
    tasks = [
        tuple([row[task] for row in curves[f"{model}_epochs_to_loss"]] for model in ("network", "linearized"))
        for task in range(len(curves["index"]))
    ]
    found = [times_the_epochs(*task, epochs=curves["epochs"]) for task in tasks]
    decided = [less for _, less in found if less is not None]
    ratio = max((interval.mean for interval, _ in found if math.isfinite(interval.mean)), default=math.nan)
    texts = (f"index {index}: {epochs_note(*task)}" for index, task in zip(curves["index"], tasks, strict=True))
    meaning = "epochs of the network over the linearization's, largest"
    holds = all(decided) if decided else None
    yield judged(net, holds, math.exp(ratio), meaning, *texts, unless=_other(net, curves))


@claim(
    f"100 epochs are enough for close-to-zero training losses of the networks (at most {NEAR_ZERO_LOSS:g} in the last "
    "epoch of every task)",
    over="nets", place="appendix A",
)  # fmt: skip
def _close_to_zero(net: str, curves: Numbers) -> Iterator[Verdict]:
    worst = _final_loss(curves)
    holds = worst.below(NEAR_ZERO_LOSS)
    if worst.seeds == 1:  # whose noise is taken to be a factor of 2
        holds = Interval(worst.mean, worst.mean / MUCH, worst.mean * MUCH, 1).below(NEAR_ZERO_LOSS)
    unless = _unless_paper(curves)
    note = f"95 % interval up to {worst.high:.3g}" if worst.seeds > 1 else "one seed"
    yield judged(net, holds, worst.mean, "largest mean loss of the last epoch", note, unless=unless)


def _final_loss(curves: Numbers) -> Interval:
    """The largest over tasks, by seeds."""
    return student_interval(np.array(curves["network_final_loss"], float).max(axis=1))


@claim(
    f"100 epochs are enough for a stable test accuracy of linearizations (within {_SLIGHT} of that after half of them)",
    over="nets", place="appendix A",
)  # fmt: skip
def _stable(net: str, curves: Numbers) -> Iterator[Verdict]:
    if "linearized_halfway" not in curves["by_seed"]:
        yield judged(net, None, math.nan, "", unless="trained in weight space, where no accuracy on the way is kept")
        return
    models = ("linearized_halfway", "linearized")
    halfway, end = (means(curves, model) for model in models)
    parts, moved = [], end.values - halfway.values
    for change, *errors in zip(moved, halfway.errors, end.errors, strict=True):
        half = 2 * math.hypot(*errors)
        parts.append(Interval(change, change - half, change + half, 1).within(-SIGNIFICANT_LEAD, SIGNIFICANT_LEAD))
    largest = np.abs(moved).max()
    meaning = "largest change of a task's accuracy in the second half of the epochs"
    yield judged(net, both(*parts), largest, meaning, unless=_unless_paper(curves))


@claim(
    f"MLP and LeNet are much smaller than ResNet18 (by a factor of {MUCH:g} or more in parameters)",
    place="appendix B",
)
def _smaller(numbers: Numbers) -> Iterator[Verdict]:
    sizes = {net: curves["parameters"] for net, curves in numbers["nets"].items() if curves["width"] == 1}
    others = [size for net, size in sizes.items() if net in ("mlp", "lenet")]
    unless = "" if others and "resnet18" in sizes else "without all of them at full width"
    ratio = math.nan if unless else sizes["resnet18"] / max(others)
    note = ", ".join(f"{net} {size:,}" for net, size in sizes.items())
    yield judged("ResNet18", ratio >= MUCH, ratio, "its parameters over the larger of the two", note, unless=unless)


@claim(
    "BatchNorm is effectively deactivated by its statistics at initialization (outputs as of a network without, "
    f"to {100 * NEARLY_IDENTICAL:g} %)",
    place="appendix B",
)
def _deactivated(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        effect = curves["normalization_effect"]
        if effect is not None:
            yield judged(net, effect <= NEARLY_IDENTICAL, effect, "relative change of the outputs without it (RMS)")


@claim(
    f"an eigenfunction and its sign have an inner product of about 0.78 (within {PRINTED_SHARE:g}; j from 2 to 1,000 "
    "on all 60,000 images)",
    over="nets", place="appendix B",
)  # fmt: skip
def _sign_overlap(net: str, curves: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["appendixB"]
    mean = student_interval(curves["sign_overlap"])  # the eigenfunctions in place of seeds
    images, last = (curves["n_train"] or 0) + (curves["n_test"] or 0), len(curves["sign_overlap"]) + 1
    here, there = (images, last), (printed["images"]["cifar10"], printed["eigenfunctions"])
    as_printed = here == there and curves["data"] == "cifar10"
    why = "" if as_printed else f"{images:,} images of {curves['data']}, j to {last:,}"
    paper = printed["sign_overlap"]
    holds = mean.within(paper - PRINTED_SHARE, paper + PRINTED_SHARE)
    yield judged(net, holds, mean.mean, f"mean inner product, j from 2 to {last:,}", unless=why, paper=paper)


def _sizes(data: str) -> Claim:
    printed = printed_numbers("ortiz2021")["appendixB"]["images"][data]
    title = {"cifar10": "CIFAR-10", "mnist": "MNIST"}[data]
    place = "appendix B" if data == "cifar10" else "footnote 9"

    @claim(f"{title} has {printed:,} samples, training and test together", place=place)
    def size(numbers: Numbers) -> Iterator[Verdict]:
        (curves, *_) = numbers["nets"].values()
        count = (curves["n_train"] or 0) + (curves["n_test"] or 0)
        # A run takes all images where no number is set.
        why = "" if curves["data"] == data and curves["all_images"] else f"{count:,} images of {curves['data']}"
        yield judged(title, count == printed, count, "images", unless=why, paper=printed)

    return size


@claim(
    f"on MNIST the curves of LeNet and its linearization cross around phi_500 (within {100 * ABOUT:g} %)",
    place="appendix E.1",
)
def _crossing_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig12"]["crossing_index"]
    for net in numbers["nets"].keys() & printed.keys():
        curves, paper = numbers["nets"][net], printed[net]
        crossing = _redrawn_crossing(curves)
        note = f"95 % interval {crossing.low:,.0f} to {crossing.high:,.0f}"
        holds = crossing.within((1 - ABOUT) * paper, (1 + ABOUT) * paper)
        # The spectrum, and with it where the curves meet, depends on the images.
        why = _unless_all_of_mnist(curves)
        number, last = crossing.mean, max(curves["index"])
        if number == math.inf:
            number, note = last, f"no crossing up to index {last:,}"
        yield judged(net, holds, number, "index of the crossing", note, unless=why, paper=paper)


def _redrawn_crossing(curves: Numbers) -> Interval:
    """Where the linearization falls behind, and the 95 % interval under the noise of the accuracies.

    Where it is ahead at the last index the crossing is infinite.
    """
    rng = np.random.default_rng(0)
    rows = []
    for model in ("linearized", "network"):
        values, errors = means(curves, model)
        noise = rng.standard_normal((_REDRAWN, len(values))) * errors
        rows.append(np.concatenate([values[None], values + noise]))
    found = (ahead_until_crossing(curves["index"], one, two) for one, two in zip(*rows, strict=True))
    crossings = [math.inf if lead.crossing is None else lead.crossing for lead in found]
    if np.isnan(rows).all(axis=(1, 2)).any():
        return Interval(math.nan, math.nan, math.nan, 0)
    low, high = np.quantile(crossings[1:], (0.025, 0.975), method="inverted_cdf")
    return Interval(crossings[0], float(low), float(high), 1)


def _unless_all_of_mnist(curves: Numbers) -> str:
    images = (curves["n_train"] or 0) + (curves["n_test"] or 0)
    if curves["data"] == "mnist" and images == printed_numbers("ortiz2021")["appendixB"]["images"]["mnist"]:
        epochs = printed_numbers("ortiz2021")["eigentasks"]["epochs"]
        return "" if curves["epochs"] == epochs else f"{curves['epochs']} epochs, not {epochs}"
    return f"{images:,} images of {curves['data']}, not all of MNIST"


@claim(
    "for LeNet on MNIST the target decides whether the linearization or the network has the advantage (each by "
    f"{_SLIGHT} or more at some index)",
    place="appendix E.1",
)
def _both_advantages(numbers: Numbers) -> Iterator[Verdict]:
    curves = numbers["nets"].get("lenet")
    if curves is None:
        return
    one, two = (largest_lead(curves, *models) for models in (("linearized", "network"), ("network", "linearized")))
    holds = both(one.above(SIGNIFICANT_LEAD), two.above(SIGNIFICANT_LEAD))
    note = f"the linearization's is {100 * one.mean:.1f} points"
    why = _unless_all_of_mnist(curves)
    yield judged("lenet", holds, two.mean, "the network's largest lead in accuracy", note, unless=why)


def _grows(curve: str, place: str) -> Claim:
    """The claim that a training metric grows with the index."""

    @claim(f"{curve.replace('_', ' ')} grows with the eigenfunction's index {IN_ORDER}", over="nets", place=place)
    def grow(net: str, curves: Numbers) -> Iterator[Verdict]:
        rows = np.array(curves["by_seed"][curve], float)
        missing = int(np.isnan(rows).sum())
        if curve == _NEVER_IS_LAST:
            rows = np.nan_to_num(rows, nan=np.inf)
        values, errors = mean_and_errors(rows)
        note = f"missing in {missing} of {rows.size} trainings" if missing else ""
        unless = _other(net, curves) or _one_seed(curves)
        yield in_order(net, curves["index"], values, +1, errors, "with the index", note, unless=unless)

    return grow


def _one_seed(curves: Numbers) -> str:
    return "" if len(curves["seeds"]) > 1 else "one seed, whose noise is not known"


@claim(
    "accuracies with Adam span the paper's axes (the lowest within one tick step of the lowest tick: 70 % for the MLP, "
    "80 % for LeNet, 60 % for ResNet18)",
    place="Figure 11, tick labels",
)
def _lowest_tick(numbers: Numbers) -> Iterator[Verdict]:
    printed = printed_numbers("ortiz2021")["fig11"]
    for net in [net for net in printed["lowest_tick"] if net in numbers["nets"]]:
        curves, tick, step = numbers["nets"][net], printed["lowest_tick"][net], printed["tick_step"][net]
        shown = np.array(curves["index"]) <= printed["last_index"]
        values, errors = (
            np.concatenate([found[part][shown] for found in (means(curves, "network"), means(curves, "linearized"))])
            for part in (0, 1)
        )
        lowest = int(np.nanargmin(values)) if np.isfinite(values).any() else 0
        value, half = values[lowest], 2 * errors[lowest]
        holds = Interval(value, value - half, value + half, 1).within(tick - step, tick + step)
        why = _unless_paper(curves)
        yield judged(net, holds, value, "lowest accuracy", f"tick step {step:g}", unless=why, paper=tick)


def _last_tick(curve: str) -> Claim:
    printed = printed_numbers("ortiz2021")["fig14"]
    tick, step = printed["last_tick"][curve], printed["tick_step"][curve]
    name = curve.replace("_", " ")

    @claim(
        f"LeNet's {name} reaches the end of the paper's axis (largest within {step:g} of the last tick, {tick:g})",
        place="Figure 14, tick labels",
    )
    def reaches(numbers: Numbers) -> Iterator[Verdict]:
        curves = numbers["nets"].get("lenet")
        if curves is None:
            return
        largest = student_interval(np.array(curves["by_seed"][curve], float).max(axis=1))
        why = _unless_paper(curves) or _one_seed(curves)
        holds = largest.within(tick - step, tick + step)
        yield judged("lenet", holds, largest.mean, f"largest {name}, mean over seeds", unless=why, paper=tick)

    return reaches


def _metrics(name: str, net: str, place: str, *claims: Claim) -> Figure:
    grow = (_grows(curve, place) for curve in _METRICS)
    title = f"training metrics against eigenfunction index, {net}"
    return PAPER.figure(name, title, "eigentasks", *grow, *claims)


def _accuracies(name: str, setting: str, place: str, *claims: Claim) -> Figure:
    title = f"test accuracy against eigenfunction index, networks and their linearizations{setting}"
    drops = (falls(model, place=place, why=_other) for model in ("network", "linearized"))
    return PAPER.figure(name, title, "eigentasks", *drops, *claims)


FIGURES = (
    _accuracies(
        "fig2", "", "section 3.1; Figure 2",
        agree("eigenfunctions", place="section 3.1; section 3; section 3.2; abstract", why=_other),
        ahead(
            "on eigenfunctions the linearization performs much better", "linearized", LARGE_LEAD,
            place="section 3.1", why=_other,
        ),
        _alignment_ranks, _gap_grows, _overfitting_grows, _worse_on_some, _depends_on_the_task, _much_faster,
        _close_to_zero, _stable, _sign_overlap, _sizes("cifar10"), _smaller, _deactivated,
    ),
    _metrics("fig3", "ResNet18", "section 3.1; Figure 3"),
    _accuracies(
        "fig11", ", with Adam", "appendix E.1; Figure 11",
        ahead(
            "with Adam the linearization has a clear advantage", "linearized", SIGNIFICANT_LEAD,
            place="appendix E.1", why=_other,
        ),
        _lowest_tick,
    ),
    _accuracies(
        "fig12", ", on MNIST", "appendix E.1; Figure 12",
        ahead(
            "on MNIST the MLP's linearization has the advantage, too", "linearized", SIGNIFICANT_LEAD,
            place="appendix E.1", why=_other, nets=("mlp",),
        ),
        _crossing_as_printed, _both_advantages, _sizes("mnist"),
    ),
    _metrics("fig13", "MLP", "appendix E.1.1; Figure 13"),
    _metrics("fig14", "LeNet", "appendix E.1.1; Figure 14", *(_last_tick(curve) for curve in _METRICS)),
)  # fmt: skip
