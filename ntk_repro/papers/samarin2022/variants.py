"""Other losses and precisions: the squared error against cross-entropy, single against double precision."""

import math
from collections.abc import Iterator, Sequence

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import PART_NAMES, mean, points, unlike_experiment
from ntk_repro.papers.statistics import Interval, Number, signed_sum, student_interval
from ntk_repro.papers.thresholds import SECOND_DECIMAL, SIGNIFICANT

_SQUARED, _CROSS = "squared_error", "cross_entropy"
_SEARCHED = 3  # settings of each loss from which the best is one of a search
_FITTED = 0.99  # training accuracy; what is left of the loss moves the weights (ours)


def _seeds(line: Numbers, name: str) -> dict[int, Number]:
    return dict(zip(line["seeds"], line[name], strict=True))


def _difference(first: Numbers, second: Numbers, part: str) -> Interval:
    images = first["test_images" if part == "test" else "train_images"]
    return signed_sum([_seeds(first, part), _seeds(second, part)], [1, -1], images)


def _lines(numbers: Numbers, **settings: object) -> list[Numbers]:
    return [line for line in numbers["lines"] if all(line[name] == value for name, value in settings.items())]


def _best(lines: Sequence[Numbers]) -> Numbers | None:
    """The settings of the best mean test accuracy."""
    means = {at: mean(line["test"]) for at, line in enumerate(lines)}
    known = {at: value for at, value in means.items() if math.isfinite(value)}
    return lines[max(known, key=lambda at: known[at])] if known else None


def _unlike_paper(line: Numbers) -> str:
    """Why a line cannot show what the paper says; the settings of each loss are those of a search."""
    narrow = f"x{line['width']:g} (the paper: from x1)" if line["width"] < 1 else ""
    return narrow or unlike_experiment(line, "learning_rate", "weight_decay", "loss_reduction")


def _limit(line: Numbers, part: str) -> float:
    """How far accuracies may lie apart: 3 points of ten classes, or what is left to 100 % where that is less."""
    left = 1 - mean(line[part])
    return min(SIGNIFICANT * (1 - line["majority_rate"]), max(left, SECOND_DECIMAL))


def _pairs(numbers: Numbers) -> Iterator[tuple[str, Numbers, Numbers, str]]:
    """Networks at the best settings of squared error and cross-entropy; a name, and why these may not be the best."""
    networks = _lines(numbers, kind="network", precision="float32")
    for net, data in dict.fromkeys((line["net"], line["data"]) for line in networks):
        of_loss = [[line for line in _lines(numbers, kind="network", precision="float32", net=net, data=data)
                    if line["loss"] == loss] for loss in (_SQUARED, _CROSS)]  # fmt: skip
        squared, cross = map(_best, of_loss)
        if squared is not None and cross is not None:
            few = min(map(len, of_loss)) < _SEARCHED
            yield f"{net} on {data}", squared, cross, "settings were not searched for" if few else ""


@claim(
    "squared error and cross-entropy reach similar training and test accuracies, each at its best settings (within 3 "
    "points, within the error of squared error where that is less, but 0.1 points at least)",
    place="section 3",
)
def _losses_are_alike(numbers: Numbers) -> Iterator[Verdict]:
    for subject, squared, cross, unsearched in _pairs(numbers):
        why = "; ".join(filter(None, (_unlike_paper(squared), unsearched)))
        for part, name in PART_NAMES.items():
            lead, limit = _difference(squared, cross, part), _limit(squared, part)
            holds = lead.within(-limit, limit)
            rates = f"learning rates {squared['learning_rate']:g} and {cross['learning_rate']:g}"
            meaning = f"{name} with squared error less that with cross-entropy"
            yield judged(f"{subject}, {name}", holds, lead.mean, meaning, points(lead), rates, unless=why)


@claim(
    "with cross-entropy the weights go on leaving the initialization (over the second half of training their distance "
    "grows by more than with squared error)",
    place="section 3",
)
def _cross_entropy_goes_on(numbers: Numbers) -> Iterator[Verdict]:
    for subject, squared, cross, _ in _pairs(numbers):
        growths = [_growth(line) for line in (cross, squared)]
        seeds = growths[0].keys() & growths[1].keys()
        more = student_interval([growths[0][seed] - growths[1][seed] for seed in seeds])
        least = min(mean(line["train"]) for line in (squared, cross))
        unfitted = "" if least >= _FITTED else f"a training accuracy of {least:.1%} only, below {_FITTED:.0%}"
        why = _unlike_paper(squared) or unfitted
        means = [mean(growth.values()) for growth in growths]
        note = f"{means[0]:.1%} with cross-entropy, {means[1]:.1%} with squared error, {len(seeds)} seeds"
        meaning = "relative growth with cross-entropy less that with squared error"
        yield judged(subject, more.above(), more.mean, meaning, note, unless=why)


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
    same = ("kind", "net", "data", "width", "loss", "learning_rate", "weight_decay")
    for double in _lines(numbers, precision="float64"):
        singles = _lines(numbers, precision="float32", **{name: double[name] for name in same})
        for single, (part, name) in ((single, part) for single in singles for part in PART_NAMES.items()):
            change, limit = _difference(double, single, part), _limit(single, part)
            subject = f"{double['kind']} {double['net']} x{double['width']:g} on {double['data']}, {name}"
            meaning, why = "double less single precision", _unlike_paper(double)
            yield judged(subject, change.within(-limit, limit), change.mean, meaning, points(change), unless=why)


FIGURES = (
    PAPER.figure(
        "variants", "accuracy with cross-entropy and in double precision", "finite_width.training",
        _losses_are_alike, _cross_entropy_goes_on, _precision_does_not_matter, label="Loss and precision",
    ),
)  # fmt: skip
