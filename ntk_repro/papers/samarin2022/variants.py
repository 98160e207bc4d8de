"""Other losses and precisions: the squared error against cross-entropy, single against double precision."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ntk_repro.network_names import width_text
from ntk_repro.papers.claims import Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import (
    NAMES,
    NEARLY_100,
    PART_NAMES,
    THREE_POINTS,
    beyond_widths,
    mean,
    points,
    subject,
    unlike_experiment,
)
from ntk_repro.papers.statistics import Interval, Number, signed_sum, student_interval
from ntk_repro.papers.thresholds import SECOND_DECIMAL

_SQUARED, _CROSS = "squared_error", "cross_entropy"
_SEARCHED = 3  # settings of each loss from which the best is one of a search
_OF_LOSS = ("loss", "learning_rate", "weight_decay")  # each loss has its own best


def _seeds(line: Numbers, name: str) -> dict[int, Number]:
    return dict(zip(line["seeds"], line[name], strict=True))


def _difference(first: Numbers, second: Numbers, part: str) -> Interval:
    images = first["test_images" if part == "test" else "train_images"]
    return signed_sum([_seeds(first, part), _seeds(second, part)], [1, -1], images)


def _groups(numbers: Numbers, *free: str) -> list[list[Numbers]]:
    """The lines that differ in these settings alone."""
    settings = printed_numbers(PAPER.name)["fig2"]["settings"]
    equal = [name for name in ("kind", "width", "test_images", *settings) if name not in free]
    found = defaultdict(list)
    for line in numbers["lines"]:
        found[tuple(line[name] for name in equal)].append(line)
    return list(found.values())


def _of(lines: Sequence[Numbers], name: str, value: str) -> list[Numbers]:
    return [line for line in lines if line[name] == value]


def _best(lines: Sequence[Numbers]) -> Numbers | None:
    """The settings of the best mean test accuracy."""
    means = {at: mean(line["test"]) for at, line in enumerate(lines)}
    known = {at: value for at, value in means.items() if math.isfinite(value)}
    return lines[max(known, key=lambda at: known[at])] if known else None


def _unlike_paper(line: Numbers, *free: str) -> str:
    """Why a line, and with it those of its group, cannot show what the paper says, whatever `free` settings are."""
    return unlike_experiment(line, *free) or beyond_widths(line["net"], line["width"])


def _limit(line: Numbers, part: str) -> float:
    """How far accuracies may lie apart: 3 points, or what is left to 100% where that is less."""
    return min(THREE_POINTS, max(1 - mean(line[part]), SECOND_DECIMAL))


def _pairs(numbers: Numbers) -> Iterator[tuple[str, Numbers, Numbers, str]]:
    """Networks at the best settings of squared error and cross-entropy; a name, and why these may not be the best."""
    for lines in _groups(numbers, *_OF_LOSS):
        of_loss = [_of(_of(lines, "kind", "network"), "loss", loss) for loss in (_SQUARED, _CROSS)]
        squared, cross = map(_best, of_loss)
        if squared is not None and cross is not None:
            few = min(map(len, of_loss)) < _SEARCHED
            yield _name(squared), squared, cross, "settings were not searched for" if few else ""


def _name(line: Numbers) -> str:
    return subject(line, f"x{width_text(line['width'])}")


@claim(
    "squared error and cross-entropy reach similar training and test accuracies, each at its best settings (within 3 "
    "points, within the error of squared error where that is less, but 0.1 points at least)",
    place="section 3",
)
def _losses_are_alike(numbers: Numbers) -> Iterator[Verdict]:
    for name, squared, cross, unsearched in _pairs(numbers):
        why = joined(_unlike_paper(squared, *_OF_LOSS), unsearched)
        for part, of_part in PART_NAMES.items():
            lead, limit = _difference(squared, cross, part), _limit(squared, part)
            holds = lead.within(-limit, limit)
            rates = f"learning rates {squared['learning_rate']:g} and {cross['learning_rate']:g}"
            meaning = f"{of_part} with squared error less that with cross-entropy"
            yield judged(f"{name}, {of_part}", holds, lead.mean, meaning, points(lead), rates, unless=why)


@claim(
    "with cross-entropy the weights go on leaving the initialization (over the second half of training their distance "
    "grows by more than with squared error)",
    place="section 3",
)
def _cross_entropy_goes_on(numbers: Numbers) -> Iterator[Verdict]:
    for name, squared, cross, _ in _pairs(numbers):
        growths = [_growth(line) for line in (cross, squared)]
        seeds = growths[0].keys() & growths[1].keys()
        more = student_interval([growths[0][seed] - growths[1][seed] for seed in seeds])
        # Before a fit what is left of the loss moves the weights.
        fits = [mean(line["train"]) for line in (squared, cross)]
        below = f"training accuracies of {fits[0]:.1%} and {fits[1]:.1%}, not both {NEARLY_100:.0%} or more"
        unfitted = "" if all(fit >= NEARLY_100 for fit in fits) else below
        why = _unlike_paper(squared, *_OF_LOSS) or unfitted
        means = [mean(growth.values()) for growth in growths]
        note = f"{means[0]:.1%} with cross-entropy, {means[1]:.1%} with squared error, {len(seeds)} seeds"
        meaning = "relative growth with cross-entropy less that with squared error"
        yield judged(name, more.above(), more.mean, meaning, note, unless=why)


def _growth(line: Numbers) -> dict[int, float]:
    """How far the weights' distance grows from half of the epochs to the end, relative to it, by seed."""
    epochs = line["followed_epochs"]
    half = max(at for at, epoch in enumerate(epochs) if epoch <= epochs[-1] / 2)
    found = zip(line["seeds"], line["distance"], strict=True)
    return {seed: moved[-1] / moved[half] - 1 for seed, moved in found if moved[half] and moved[-1]}


@claim(
    "double precision changes no accuracy significantly (by less than 3 points, than the error in single precision "
    "where that is less, but 0.1 points at least)",
    place="section 4",
)
def _precision_does_not_matter(numbers: Numbers) -> Iterator[Verdict]:
    for lines in _groups(numbers, "precision"):
        single, double = ([*_of(lines, "precision", precision), None][0] for precision in ("float32", "float64"))
        if single is None or double is None:
            continue
        why = _unlike_paper(single)
        for part, of_part in PART_NAMES.items():
            change, limit = _difference(double, single, part), _limit(single, part)
            name = f"{NAMES[single['kind']]}, {_name(single)}, {of_part}"
            meaning, holds = "double less single precision", change.within(-limit, limit)
            yield judged(name, holds, change.mean, meaning, points(change), unless=why)


FIGURES = (
    PAPER.figure(
        "variants", "accuracy with cross-entropy and in double precision", "finite_width.training",
        _losses_are_alike, _cross_entropy_goes_on, _precision_does_not_matter, label="Loss and precision",
    ),
)  # fmt: skip
