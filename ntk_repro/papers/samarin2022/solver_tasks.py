"""Tables 1 and 2, one task against another: centred and shifted digits, ten classes and one against the others."""

import math
from collections.abc import Iterator

from ntk_repro.network_names import width_text
from ntk_repro.papers.claims import Numbers, Verdict, joined, judged
from ntk_repro.papers.samarin2022.gaps import (
    PART_NAMES,
    most,
    points,
    share_of,
    unlike_experiment,
)
from ntk_repro.papers.samarin2022.solver_columns import (
    MODEL_NAMES,
    Runs,
    by_width,
    cut_off,
    departure,
    fits_all,
    gap_of,
    lacking_widths,
    lead_of,
    no_column,
    of_table,
    overfits,
    significant,
    solved_all,
    sum_of,
)
from ntk_repro.papers.thresholds import MUCH

_BARELY = 2.0  # parameters per row (image and output) up to which they are "barely as many"; the paper's x1 has 1.02


def _shared(numbers: Numbers) -> dict[float, tuple[Runs, Runs]]:
    """The centred and the shifted columns of each width from x1 up that has both."""
    shifted, centred = (by_width(numbers[name], 1.0) for name in ("columns", "centred"))
    return {width: (centred[width], runs) for width, runs in shifted.items() if width in centred}


def _both_depart(table: str, *pairs: tuple[Runs, Runs]) -> str:
    """Where centred or shifted columns depart from the paper's."""
    departs = ((departure("table1", centred), departure(table, shifted)) for centred, shifted in pairs)
    return joined(*(reason for both in departs for reason in both))


@of_table("with shifted digits the accuracies drop (on average over the widths)", "section 4.3; Tables 1 and 2")
def _drops_with_shifts(numbers: Numbers, table: str) -> Iterator[Verdict]:
    pairs = _shared(numbers)
    for model in ("linearized", "network"):
        for part, name in PART_NAMES.items():
            subject, meaning = f"{MODEL_NAMES[model]}, {name}", "centred less shifted, mean over the widths"
            if not pairs:
                yield judged(subject, None, math.nan, meaning, unless="no width with centred and shifted digits")
                continue
            share = 1 / len(pairs)
            terms = [term for c, s in pairs.values() for term in ((share, c, model), (-share, s, model))]
            drop = sum_of(part, *terms)
            why = joined(lacking_widths(pairs), _both_depart(table, *pairs.values()))
            yield judged(subject, drop.above(), drop.mean, meaning, points(drop), unless=why)


@of_table(
    "this drop is particularly pronounced for the linearization (twice the network's, in test accuracy at most widths)",
    "section 4.3; Tables 1 and 2",
)
def _drops_more(numbers: Numbers, table: str) -> Iterator[Verdict]:
    pairs, notes, more = _shared(numbers), [], []
    for width, (centred, shifted) in pairs.items():
        terms = ((1, centred, "linearized"), (-1, shifted, "linearized"))
        net = ((-MUCH, centred, "network"), (MUCH, shifted, "network"))
        over = sum_of("test", *terms, *net)
        more.append(over.above())
        notes.append(f"its drop less twice the network's at x{width:g}: {points(over)}")
    share, holds = share_of(more, most)
    why = joined(lacking_widths(pairs), _both_depart(table, *pairs.values()))
    yield judged("linearization", holds, share, "share of widths with such a drop", *notes, unless=why)


@of_table("the training gap at x1 is larger on shifted digits (at least twice)", "section 4.3; Tables 1 and 2")
def _gap_larger_when_shifted(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, pair = "training gap on shifted digits less twice that on centred ones", _shared(numbers).get(1.0)
    if pair is None:
        yield judged("x1", None, math.nan, meaning, unless="no centred and shifted digits at x1")
        return
    centred, shifted = pair
    gaps = ((1, shifted, "network"), (-1, shifted, "linearized"), (-MUCH, centred, "network"))
    excess = sum_of("train", *gaps, (MUCH, centred, "linearized"))
    why = _both_depart(table, pair)
    notes = (f"{name} {points(gap_of(runs, 'train'))}" for name, runs in (("shifted", shifted), ("centred", centred)))
    yield judged("x1", excess.above(), excess.mean, meaning, *notes, unless=why)


@of_table(
    "at x1 the solver loses more test accuracy to SGD on shifted digits (at least twice)", "section 4.3; Tables 1 and 2"
)
def _overfits_more_when_shifted(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, pair = "the solver's loss on shifted digits less twice that on centred ones", _shared(numbers).get(1.0)
    if pair is None:
        yield no_column(meaning)
        return
    centred, shifted = pair
    losses = ((1, shifted, "linearized"), (-1, shifted, "solver"), (-MUCH, centred, "linearized"))
    excess = sum_of("test", *losses, (MUCH, centred, "solver"))
    unsolved = "" if all(map(solved_all, pair)) else "not solved on all training images"
    why = joined(_both_depart(table, pair), unsolved, *map(cut_off, pair))
    both = (("shifted", shifted), ("centred", centred))
    notes = (f"{name} {points(lead_of(runs, 'linearized', 'solver'))}" for name, runs in both)
    yield judged("x1", excess.above(), excess.mean, meaning, *notes, unless=why)


def _ten_depart(runs: Runs, *free: str) -> str:
    """Where ten classes are not trained as in section 4.1; the loss and the precision are the same in all columns."""
    entry = {**runs[0], "train_images": runs[0]["images"], "decay_epochs": None}
    return unlike_experiment(entry, "loss", "loss_reduction", "precision", *free)


@of_table(
    "the training gap is greatly reduced compared with that of ten classes in section 4.1 (half of it or less, at x1)",
    "section 4.3",
)
def gap_reduced(numbers: Numbers, table: str) -> Iterator[Verdict]:
    """By the interval of the difference, over the seeds of both."""
    meaning = "training gap of ten classes less twice that of one against the others"
    binary, ten = (by_width(numbers[name]).get(1.0) for name in ("columns", "ten_classes"))
    if binary is None or ten is None:
        yield judged("x1", None, math.nan, meaning, unless="no ten classes at x1")
        return
    gaps = ((1, ten, "network"), (-1, ten, "linearized"), (-MUCH, binary, "network"), (MUCH, binary, "linearized"))
    excess, why = sum_of("train", *gaps), joined(departure(table, binary), _ten_depart(ten))
    both = (("ten classes", ten), ("one against the others", binary))
    notes = (f"{name} {points(gap_of(runs, 'train'))}" for name, runs in both)
    yield judged("x1", excess.above(), excess.mean, meaning, *notes, unless=why)


def _ours(runs: Runs) -> str:
    """The subject of a claim that is ours: the paper could not solve for ten classes."""
    return f"ours: x{width_text(runs[0]['width'])}, {runs[0]['images']:,} images"


def _ten_solved(numbers: Numbers) -> list[Runs]:
    """Ten classes that are solved with barely as many parameters as rows, 1 to 2 for each."""
    solved = [runs for runs in by_width(numbers["ten_classes"]).values() if solved_all(runs)]
    return [r for r in solved if 1 <= r[0]["num_params"] / (r[0]["images"] * r[0]["outputs"]) <= _BARELY]


@of_table(
    "with ten classes, too, a solver that fits all images with barely as many parameters as rows (1 to 2 for each) "
    "generalizes significantly worse than SGD (by a thirtieth of the error of guessing: 3 points)",
    "section 4.3, last paragraph",
)
def _overfits_ten_classes(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for runs in _ten_solved(numbers):
        yield overfits(_ours(runs), runs, _ten_depart(runs, "train_images"))


@of_table(
    "with ten classes a perfect fit does not close the gap: the solver is no closer to the network than SGD (by a "
    "thirtieth of the error of guessing: 3 points)",
    "section 4.3, last paragraph",
)
def _fit_does_not_help(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for runs in _ten_solved(numbers):
        gain, gap, limit = (
            lead_of(runs, "solver", "linearized"),
            gap_of(runs, "test"),
            significant(runs[0]),
        )
        fits = "" if fits_all(runs, "solver") else "the solver does not fit all images"
        why = joined(fits, _ten_depart(runs, "train_images"), "" if gap.above(limit) else "no gap to close")
        notes = (f"gap of SGD {points(gap)}", f"gain {points(gain)}")
        meaning = "test accuracy of the solver less that of SGD"
        yield judged(_ours(runs), gain.below(limit), gain.mean, meaning, *notes, unless=why)


SHIFTED = (_drops_with_shifts, _drops_more, _gap_larger_when_shifted, _overfits_more_when_shifted)
TEN_CLASSES = (_overfits_ten_classes, _fit_does_not_help)
