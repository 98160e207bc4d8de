"""Figures 6, 7, 15 and 16 and Table 1: how the kernel rotates towards its task."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, as_printed, claim, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import TIMES, copy_note, other_settings, statistics_note
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import (
    Interval,
    Number,
    all_hold,
    interval_from_moments,
    number,
    spearman,
    student_interval,
)
from ntk_repro.papers.thresholds import ALL_OTHERS, ENERGY_GROWS, FEW_EPOCHS, MOST

# Twice the largest standard deviation over seeds that was measured of an energy (LeNet before training 1.6 points, MLP
# after training 1.5; Table 1 at laptop): the half-width of an energy of which there is one seed.
_ONE_SEED = 0.04
# Of Table 1: how many seeds a prediction interval needs, and the widest that can still contradict a printed number.
_LEAST_SEEDS = {"energy_init": 10, "energy_end": 3, "test_accuracy": 3}
_HALF_DIGIT = 0.0005  # of a printed share
_WIDEST = {"energy_init": 0.05, "energy_end": 0.10, "test_accuracy": 0.03}


# Figure 6 and Table 1


def _energy(mean: Number, std: Number, seeds: int) -> Interval:
    """An energy from its mean and standard deviation over seeds; of one seed with the spread that others have."""
    value = number(mean)
    if seeds < 2 or std is None:
        return Interval(value, value - _ONE_SEED, value + _ONE_SEED, 1)
    return interval_from_moments(value, std, seeds)


def _gain(before: Interval, after: Interval) -> Interval:
    """The energy gained, as a share of what was missing to 1."""
    half = math.hypot(before.high - before.mean, after.high - after.mean)
    missing, gain = 1 - before.mean, after.mean - before.mean
    return Interval(gain / missing, (gain - half) / missing, (gain + half) / missing, min(before.seeds, after.seeds))


def _energy_verdict(subject: str, before: Interval, after: Interval, *notes: str, unless: str = "") -> Verdict:
    gain = _gain(before, after)
    note = f"{before.mean:.1%} before, {after.mean:.1%} after training"
    spread = f"share from {gain.low:.0%} to {gain.high:.0%}"
    meaning = "energy gained as a share of what is missing"
    return judged(subject, gain.above(ENERGY_GROWS), gain.mean, meaning, note, spread, *notes, unless=unless)


def _energies(curves: Numbers, at: int) -> Interval:
    spread = curves.get("energy_concentration_std")
    return _energy(curves["energy_concentration"][at], spread and spread[at], len(curves["seeds"]))


@claim(
    "the energy of the CIFAR2 labels on the top eigenvectors significantly grows in training (by a third of what is "
    "missing to 100% or more)",
    place="section 4.2; Figure 6",
)
def _energy_grows(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        before, after = _energies(curves, 0), _energies(curves, -1)
        notes = (copy_note(numbers), statistics_note(net, curves))
        yield _energy_verdict(net, before, after, *notes, unless=_other(numbers, net, curves))


def _other(numbers: Numbers, net: str, curves: Numbers) -> str:
    return other_settings("energy_end", net, curves, data=numbers["data"], epochs=curves["epochs"][-1])


@claim(
    f"the kernel rotates very fast (half of all the energy gained is there within {FEW_EPOCHS:.0f} epochs, the few "
    "iterations of the text)",
    place="section 4.3",
)
def _rotates_fast(numbers: Numbers) -> Iterator[Verdict]:
    for net, curves in numbers["nets"].items():
        early = [i for i, epoch in enumerate(curves["epochs"]) if 0 < epoch <= FEW_EPOCHS][-1:]
        last, why = curves["epochs"][-1], "" if early else f"no measurement within {FEW_EPOCHS:.0f} epochs"
        why = why or _other(numbers, net, curves)
        before, then, after = (_energies(curves, at) for at in (0, early[0] if early else 0, -1))
        gain = after.mean - before.mean
        # Of (then - before) - (after - before) / 2, as if the three were independent: those of a seed vary together, so
        # that it is too wide rather than too narrow.
        half = math.hypot(*(w * (one.high - one.mean) for w, one in ((1, then), (MOST, before), (MOST, after))))
        excess = then.mean - before.mean - MOST * gain
        found = Interval(excess, excess - half, excess + half, then.seeds)
        note = f"{before.mean:.1%}, {then.mean:.1%} after epoch {curves['epochs'][early[0]] if early else 0}"
        meaning = "share of the gain in energy that is there within the first epochs"
        share = (then.mean - before.mean) / gain if gain > 0 else math.nan
        notes = (f"{note}, {after.mean:.1%} after {last}", statistics_note(net, curves))
        yield judged(net, found.above(), share, meaning, *notes, unless=why)


@claim(
    "training greatly increases the energy of the CIFAR2 labels on the top eigenvectors, for all three networks (by a "
    "third of what is missing to 100% or more)",
    place="appendix E.2; Table 1",
)
def _energy_increases(numbers: Numbers) -> Iterator[Verdict]:
    for column in numbers["columns"]:
        subject = _column_name(column)
        why = "not trained" if column["energy_end"] is None else _other_column(numbers, column, "energy_end")
        before = _energy(column["energy_init"], column["energy_init_std"], column["init_seeds"])
        after = _energy(column["energy_end"], column.get("energy_end_std"), column["end_seeds"])
        if column["energy_end"] is None:
            yield judged(subject, None, math.nan, "energy gained as a share of what is missing", unless=why)
            continue
        seeds = f"{before.seeds} and {after.seeds} seeds"
        notes = (seeds, copy_note(numbers), statistics_note(column["net"], column))
        yield _energy_verdict(subject, before, after, *notes, unless=why)


def _other_column(numbers: Numbers, column: Numbers, setup: str) -> str:
    return other_settings(setup, column["net"], column, data=numbers["data"], n_train=column["train_images"])


def _as_printed(numbers: Numbers, row: str, meaning: str, setup: str) -> Iterator[Verdict]:
    """Verdicts on a row of Table 1: whether the printed number, of one run, is where a further run of ours would be."""
    printed = printed_numbers("ortiz2021")["table1"]
    for column in numbers["columns"]:
        ours, paper = column[row], printed[row].get(column["net"])
        if paper is None or ours is None:
            continue
        seeds, std = column["init_seeds" if row == "energy_init" else "end_seeds"], column[f"{row}_std"]
        trained = statistics_note(column["net"], column) if row == "energy_end" else ""
        yield as_printed(
            _column_name(column),
            interval_from_moments(ours, std, seeds, further=1),
            paper,
            _WIDEST[row],
            meaning,
            *(_fewer_images(column, row), copy_note(numbers), trained),
            rounding=_HALF_DIGIT,
            seeds=_LEAST_SEEDS[row],
            unless=_other_column(numbers, column, setup),
        )


def _fewer_images(column: Numbers, row: str) -> str:
    if row != "energy_init" or column["images"] == printed_numbers("ortiz2021")["setups"]["energy_init"]["images"]:
        return ""
    fewer = zip(column["trend_images"], column["trend_energy"], strict=True)
    return "on " + ", ".join(f"{n:,}: {energy:.1%}" for n, energy in fewer) + " images"


def _column_name(column: Numbers) -> str:
    scale = column["residual_scale_init"]
    return f"{column['net']}, residual scale {scale:g}" if column["net"].startswith("resnet") else column["net"]


# Figures 7, 15 and 16: growth of alignments in training on one eigenfunction, of each seed


class _Task(NamedTuple):
    """A training on one eigenfunction.

    Attributes:
        subject: its name.
        panel: its numbers.
        at: place of the eigenfunction among all.
        own: growth of its alignment (seeds,).
        others: growth of the others' (seeds, others).
        why: why it cannot be judged; "" where it can.
        note: of its BatchNorm statistics, where it has such.
    """

    subject: str
    panel: Numbers
    at: int
    own: np.ndarray
    others: np.ndarray
    why: str
    note: str


def _tasks(numbers: Numbers) -> Iterator[_Task]:
    for net, tasks in numbers["nets"].items():
        for index, panel in tasks.items():
            growth, at = np.array(panel["growth"], float), int(index) - 1
            why, others = _other_task(numbers, net, panel), np.delete(growth, at, axis=1)
            note = statistics_note(net, panel)
            yield _Task(f"{net}, phi_{index}", panel, at, growth[:, at], others, why, note)


def _other_task(numbers: Numbers, net: str, panel: Numbers) -> str:
    return other_settings("eigenfunctions", net, panel, data=numbers["data"])


def _times(values: Sequence[float] | np.ndarray) -> tuple[Interval, str]:
    """The logarithm of a factor over seeds, and the factor with its interval as a note."""
    found = student_interval(np.log(np.array(values, float)))
    if found.seeds < 2:
        return found, "one seed"
    return found, f"{math.exp(found.low):.3g} to {math.exp(found.high):.3g} of {found.seeds} seeds"


@claim(
    "the alignment of the eigenfunction trained on grows much more than any other's (twice as much)",
    place="section 4.2; Figures 7, 15, 16; appendix E.3",
)
def _own_alignment_grows_most(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        ratio, note = _times(task.own / task.others.max(axis=1))
        grew = f"grew {task.own.mean():.3g} times, the others' median {np.median(task.others):.3g}"
        meaning, notes = "its growth over the largest of the others'", (note, grew, task.note)
        yield judged(task.subject, ratio.above(TIMES), math.exp(ratio.mean), meaning, *notes, unless=task.why)


@claim(
    "the alignment of the target itself, the sign of that eigenfunction, grows significantly more than any other's "
    "(twice as much)",
    place="section 4.2; section 1",
)
def _target_grows_most(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        ratio, note = _times(np.array(task.panel["label_growth"], float) / task.others.max(axis=1))
        notes = (note, "the target's on the images of the kernel, the others' on all", task.note)
        meaning = "growth of the target's alignment over the largest of the other eigenfunctions'"
        yield judged(task.subject, ratio.above(TIMES), math.exp(ratio.mean), meaning, *notes, unless=task.why)


@claim(
    "the relative alignment of all other eigenfunctions does not change much (95% of them grow to within a factor of "
    "2 of their median)",
    place="section 4.2; footnote 6; appendix E.3",
)
def _others_keep(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        relative = np.log(task.others / np.median(task.others, axis=1, keepdims=True))
        share = student_interval((np.abs(relative) <= TIMES).mean(axis=1))
        note = f"{share.low:.1%} to {share.high:.1%} of {share.seeds} seeds" if share.seeds > 1 else "one seed"
        before, after = (np.delete(task.panel[f"alignment_{when}"], task.at).tolist() for when in ("before", "after"))
        rank = f"rank correlation of before and after {spearman(before, after):.2f}"
        meaning = "share of the others that grow to within a factor of 2 of their median"
        notes = (note, rank, task.note)
        yield judged(task.subject, share.above(ALL_OTHERS), share.mean, meaning, *notes, unless=task.why)


@claim("the absolute values of all alignments grow", place="section 4.2; footnote 6; appendix E.3")
def _all_grow(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        smallest, note = _times(np.minimum(task.own, task.others.min(axis=1)))
        growth, notes = math.exp(smallest.mean), (note, task.note)
        yield judged(task.subject, smallest.above(), growth, "smallest growth", *notes, unless=task.why)


@claim(
    "the growth of all alignments is due to an increase of the Jacobian's norm (it grows, and their median growth is "
    "within a factor of 2 of that)",
    place="section 4.2",
)
def _grow_with_the_jacobian(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        median, norm = np.median(task.others, axis=1), np.array(task.panel["gradient_norm_growth"], float)
        (ratio, note), (increase, _) = _times(median / norm), _times(norm)
        grew = f"the median alignment grew {median.mean():.3g} times, the mean squared gradient norm {norm.mean():.3g}"
        meaning = "median growth of the alignments over that of the mean squared gradient norm"
        holds, notes = all_hold(ratio.within(-TIMES, TIMES), increase.above()), (note, grew, task.note)
        yield judged(task.subject, holds, math.exp(ratio.mean), meaning, *notes, unless=task.why)


@claim(
    "the kernel rotates towards other tasks, too (the energy of the labels on the top eigenvectors grows by a third of "
    "what is missing to 100% or more)",
    place="section 4.2",
)
def _energy_of_tasks_grows(numbers: Numbers) -> Iterator[Verdict]:
    for task in _tasks(numbers):
        before, after = (np.array(task.panel[f"energy_{when}"], float) for when in ("before", "after"))
        gain = student_interval((after - before) / (1 - before))
        note = f"{before.mean():.1%} before, {after.mean():.1%} after training; {gain.ends('.0%')}, {gain.seeds} seeds"
        meaning = "energy gained as a share of what is missing"
        yield judged(task.subject, gain.above(ENERGY_GROWS), gain.mean, meaning, note, task.note, unless=task.why)


@claim(
    "LeNet's alignments after training, read as v^T K v of unit eigenvectors v, are in the paper's range (smallest and "
    "largest within a factor of 10 of the outer tick labels, 10^7 and 10^9 for phi_20, 10^6 and 10^8 for phi_100 and "
    "phi_800)",
    place="Figure 16, tick labels",
)
def _range_as_printed(numbers: Numbers) -> Iterator[Verdict]:
    ticks = printed_numbers("ortiz2021")["fig16"]["ticks"]
    for index, panel in numbers["nets"].get("lenet", {}).items():
        if index not in ticks:
            continue
        low, high = ticks[index]
        ends = [
            student_interval(np.log10(np.array(panel[name], float))) for name in ("smallest_after", "largest_after")
        ]
        away = [
            Interval(end.mean - math.log10(tick), end.low - math.log10(tick), end.high - math.log10(tick), end.seeds)
            for end, tick in zip(ends, (low, high), strict=True)
        ]
        holds, worst = all_hold(*(one.within(-1, 1) for one in away)), max(abs(one.mean) for one in away)
        notes = (f"from {10 ** ends[0].mean:.2g} to {10 ** ends[1].mean:.2g}", copy_note(numbers))
        why, meaning = _other_task(numbers, "lenet", panel), "decades from the outer tick labels"
        yield judged(f"lenet, phi_{index}", holds, worst, meaning, *notes, unless=why)


def _alignments(name: str, nets: str, *claims: Claim) -> Figure:
    title = f"alignments of eigenfunctions before and after training on one of them, {nets}"
    shared = (_own_alignment_grows_most, _target_grows_most, _others_keep, _all_grow, _grow_with_the_jacobian)
    return PAPER.figure(name, title, "rotation.tracking", *shared, _energy_of_tasks_grows, *claims)


def _printed_row(row: str, quantity: str, setup: str) -> Claim:
    interval = f"from {_LEAST_SEEDS[row]} seeds or more and at most {100 * _WIDEST[row]:g} points wide"
    statement = f"the {quantity} is the printed one (in the 95% prediction interval of ours, {interval})"
    return Claim(statement, _as_printed, (row, quantity, setup), place="Table 1")


FIGURES = (
    PAPER.figure(
        "fig6", "energy concentration of the labels on the kernel's top eigenvectors in training", "rotation.tracking",
        _energy_grows, _rotates_fast,
    ),
    PAPER.figure(
        "table1", "energy concentration before and after training on CIFAR2, and test accuracy", "rotation.tracking",
        _energy_increases,
        _printed_row("energy_init", "energy before training", "energy_init"),
        _printed_row("energy_end", "energy after training", "energy_end"),
        _printed_row("test_accuracy", "test accuracy on CIFAR2", "cifar2"),
    ),
    _alignments("fig7", "one network"),
    _alignments("fig15", "MLP"),
    _alignments("fig16", "LeNet", _range_as_printed),
)  # fmt: skip
