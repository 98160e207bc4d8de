"""Figures 3, 4, S2, S3, S4 and S8: a network and its linearization through training."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.statistics import Interval, student_interval
from ntk_repro.papers.thresholds import (
    CONVERGED,
    IDENTICAL_IN_FLOAT32,
    LOSSES_AGREE,
    MUCH,
    NEARLY_IDENTICAL,
    SIGNIFICANT,
    SIMILAR,
)

_MODELS = ("network", "linearized")
_IMAGES = {"train": "training images", "test": "test images"}
_NETS = {"fcn": "fully connected", "cnn": "convolutional", "wide_resnet": "wide ResNet"}
_LOSSES = {"half_mean_squared_error": "squared loss", "cross_entropy": "cross-entropy"}


class _Caption(NamedTuple):
    """What a figure's caption says about its runs.

    Attributes:
        width: units or channels of a layer.
        images: training images.
        learning_rate: eta.
        minibatches: whether it trains on minibatches.
    """

    width: int
    images: int
    learning_rate: float
    minibatches: bool = False

    def runs(self, numbers: Numbers) -> list[Numbers]:
        """The seeds of the widest network that is trained on such batches."""
        runs = [run for run in numbers["trajectories"] if (run["batch_size"] is not None) == self.minibatches]
        widest = max((run["width"] for run in runs), default=0)
        return [run for run in runs if run["width"] == widest]

    def smaller(self, run: Numbers) -> str:
        """In what a run is smaller than the paper's."""
        parts = [f"width {run['width']:,} of the paper's {self.width:,}"] if run["width"] < self.width else []
        parts += [f"{run['images']:,} of its {self.images:,} images"] if run["images"] < self.images else []
        return " and ".join(parts)


_FIG3, _FIGS8 = _Caption(2048, 256, 0.01), _Caption(2048, 256, 0.005 / 2048)
_FIG4, _FIGS3 = _Caption(1024, 50_000, 1.0, minibatches=True), _Caption(2048, 50_000, 1.0, minibatches=True)
_FIGS2 = _Caption(512, 128, 0.1)


def _subject(run: Numbers, *more: str) -> str:
    batches = "full batch" if run["batch_size"] is None else f"batches of {run['batch_size']}"
    momentum = f"momentum {run['momentum']:g}" if run["momentum"] else ""
    parts = (_NETS[run["net"]], f"width {run['width']:,}", _LOSSES[run["loss"]], batches, momentum, *more)
    return ", ".join(filter(None, parts))


def _curve(run: Numbers, name: str) -> np.ndarray:
    # Where a training diverged, the numbers are null.
    return np.array(run[name], float)


def _at(run: Numbers, name: str, share: float) -> np.ndarray:
    """A curve, or curves (S, k), after this share of the steps."""
    steps, values = np.asarray(run["steps"], float), _curve(run, name)
    columns = values.reshape(len(steps), -1).T
    return np.array([np.interp(share * steps[-1], steps, column) for column in columns])


def _interval(values: Iterable[float]) -> Interval:
    """Of the seeds' values; without ends where one of them is missing, as a training that diverged is not to be left
    out."""
    values = list(values)
    return student_interval(values if np.isfinite(values).all() else [])


def _range(interval: Interval) -> str:
    if interval.seeds < 2:
        return "one seed" if interval.seeds else ""
    return f"95 % interval {interval.low:.3g} to {interval.high:.3g}, {interval.seeds} seeds"


def _at_most(
    caption: _Caption,
    subject: str,
    runs: list[Numbers],
    values: Iterable[float],
    most: float,
    meaning: str,
    *notes: str,
) -> Verdict:
    """The verdict on whether values, one for each seed, are at most a threshold.

    The distance between network and linearization falls with the width (Figure S5), so a network that is narrower than
    the paper's may show that the statement holds, but not that it fails. Nor may one that is trained on fewer images,
    with which the distance grows: where the statement holds there, the note says so.
    """
    interval = _interval(values)
    holds, smaller = interval.below(most), caption.smaller(runs[0])
    failed = holds is False
    shown = (*notes, _range(interval), "" if failed else smaller)
    return judged(subject, holds, interval.mean, meaning, *shown, unless=smaller if failed else "")


def _largest_share(run: Numbers, name: str, part: str) -> float:
    """The largest value of a curve, over how far the network's outputs move by the end (root mean squares)."""
    return float(_curve(run, name).max() / _curve(run, f"network_{part}_rms_change")[-1])


def _outputs_agree(numbers: Numbers, caption: _Caption, kind: str, most: float) -> Iterator[Verdict]:
    meaning = "largest RMSE of the outputs over how far the network's move (RMS)"
    for part, name in (("train", "train_rmse"), ("test", "rmse")):
        if runs := caption.runs(numbers):
            values = [_largest_share(run, f"{kind}_{name}", part) for run in runs]
            yield _at_most(caption, _subject(runs[0], _IMAGES[part]), runs, values, most, meaning)


def _weights_agree(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "distance of all weights over how far the network's move (norms), at the end"
    if runs := caption.runs(numbers):
        values = [run["weights_apart"] for run in runs]
        yield _at_most(caption, _subject(runs[0]), runs, _known(values), SIMILAR, meaning)


def _known(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _losses_agree(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "largest difference of the losses over the loss at the start"
    for part in _IMAGES:
        if not (runs := caption.runs(numbers)):
            return
        pairs = [[_curve(run, f"{kind}_{part}_loss") for kind in _MODELS] for run in runs]
        values = [np.abs(network - linearized).max() / network[0] for network, linearized in pairs]
        logarithms = [np.abs(np.log(network / linearized)).max() for network, linearized in pairs]
        note = f"the two differ by a factor of {math.exp(max(logarithms)):.3g} at most"
        subject = _subject(runs[0], _IMAGES[part])
        yield _at_most(caption, subject, runs, values, LOSSES_AGREE, meaning, note)


def _accuracies_agree(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "difference of the accuracies, mean over the steps shown"
    for part in _IMAGES:
        if not (runs := caption.runs(numbers)):
            return
        pairs = [[_curve(run, f"{kind}_{part}_accuracy") for kind in _MODELS] for run in runs]
        values = [np.abs(network - linearized).mean() for network, linearized in pairs]
        most = SIGNIFICANT * (1 - 1 / runs[0]["classes"])
        ends = ", linearization ".join(f"{np.mean([pair[i][-1] for pair in pairs]):.1%}" for i in range(2))
        subject = _subject(runs[0], _IMAGES[part])
        yield _at_most(caption, subject, runs, values, most, meaning, f"limit {most:.3g}, at the end network {ends}")


def _empirical_is_better(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "RMSE with the empirical kernel over that with the analytic one, means over the steps shown"
    runs = caption.runs(numbers)
    if runs and "analytic" in runs[0]["kinds"]:
        pairs = [[_curve(run, f"{kind}_rmse")[1:] for kind in ("empirical", "analytic")] for run in runs]
        interval = _interval(empirical.mean() / analytic.mean() for empirical, analytic in pairs)
        share = np.mean([(empirical < analytic).mean() for empirical, analytic in pairs])
        notes = (_range(interval), f"smaller at {share:.0%} of the steps shown")
        yield judged(_subject(runs[0]), interval.below(1), interval.mean, meaning, *notes)


def _closed_form(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "largest RMSE between the two over how far the network's outputs move (RMS)"
    runs = caption.runs(numbers)
    for part, images in _IMAGES.items():
        if runs and "empirical" in runs[0]["kinds"]:
            interval = _interval(_largest_share(run, f"empirical_{part}_apart", part) for run in runs)
            holds = interval.below(IDENTICAL_IN_FLOAT32)
            yield judged(_subject(runs[0], images), holds, interval.mean, meaning, _range(interval))


def _closed_form_weights(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "distance between the two over how far the weights move (norms), at the end"
    if runs := caption.runs(numbers):
        interval = _interval(_known(run["closed_form_weights_apart"] for run in runs))
        holds = interval.below(IDENTICAL_IN_FLOAT32)
        yield judged(_subject(runs[0]), holds, interval.mean, meaning, _range(interval))


def _outputs_converge(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "distance of the training outputs from the targets at the end over that at the start (RMS)"
    if runs := caption.runs(numbers):
        losses = [_curve(run, "network_train_loss") for run in runs]
        interval = _interval(math.sqrt(loss[-1] / loss[0]) for loss in losses)
        holds = interval.below(CONVERGED)
        falls = any(
            loss[-1] < 0.9 * _at(run, "network_train_loss", 0.5) for run, loss in zip(runs, losses, strict=True)
        )
        unless = "the loss still falls" if falls and not holds else ""
        yield judged(_subject(runs[0]), holds, interval.mean, meaning, _range(interval), unless=unless)


def _flow_holds(numbers: Numbers, caption: _Caption) -> Iterator[Verdict]:
    meaning = "largest RMSE between steps and flow over how far the network's test outputs move (RMS)"
    if runs := caption.runs(numbers):
        run = runs[0]
        interval = _interval(_largest_share(run, "flow_apart", "test") for run in runs)
        # In standard parameterization rates are smaller by the width.
        widths = caption.width / run["width"] if run["parameterization"] == "standard" else 1
        rate, own = run["flow_rate"], caption.learning_rate * widths
        unless = f"learning rate {rate:.3g} in place of {own:.3g}" if rate > 1.001 * own else ""
        subject = _subject(run, f"learning rate {rate:.3g}")
        yield judged(subject, interval.below(SIMILAR), interval.mean, meaning, _range(interval), unless=unless)


def _ode_holds(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "largest RMSE between the ODE and the trained linearization over how far the network's outputs move (RMS)"
    solved = [run for run in numbers["trajectories"] if "empirical" in run["kinds"] and run["batch_size"] is None]
    for part, images in _IMAGES.items():
        if solved:
            interval = _interval(_largest_share(run, f"empirical_{part}_apart", part) for run in solved)
            holds = interval.below(NEARLY_IDENTICAL)
            yield judged(_subject(solved[0], images), holds, interval.mean, meaning, _range(interval))


def _by_width(numbers: Numbers) -> dict[int, list[Numbers]]:
    runs = sorted(numbers["trajectories"], key=lambda run: (run["width"], run["seed"]))
    return {width: list(group) for width, group in itertools.groupby(runs, key=lambda run: run["width"])}


@claim(
    "in standard parameterization, too, the distance falls with the width (widest over narrowest below 1)",
    place="section 1; section 2.1; appendix F",
)
def _falls_with_width(numbers: Numbers) -> Iterator[Verdict]:
    by_width = _by_width(numbers)
    if len(by_width) > 1:
        (narrow, first), *_, (wide, last) = by_width.items()
        ends = [{run["seed"]: _largest_share(run, "linearized_rmse", "test") for run in runs} for runs in (first, last)]
        interval = _interval(ends[1][seed] / ends[0][seed] for seed in ends[0].keys() & ends[1].keys())
        meaning = "share of the test outputs' movement that the linearization is off by, widest over narrowest"
        subject = f"width {narrow:,} to {wide:,}"
        yield judged(subject, interval.below(1), interval.mean, meaning, _range(interval))


def _growth(run: Numbers, kind: str) -> float:
    """How much the logit that grows most in the last doubling of the steps grows then, over the doubling before."""
    if min(_at(run, f"{kind}_train_accuracy", share).item() for share in (0.25, 0.5, 1)) < 1:
        return math.nan
    sizes = [np.abs(_at(run, f"{kind}_logits", share)) for share in (0.25, 0.5, 1)]
    before, last = sizes[1] - sizes[0], sizes[2] - sizes[1]
    most = int(np.argmax(last))
    return float(last[most] / before[most]) if before[most] > 0 else math.nan


@claim(
    "at late times some logits keep growing (last doubling of the steps over the one before above a half)",
    place="section 3; caption of Figure S4",
)
def _logits_grow(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "growth of the logit that grows most, over its growth in the doubling of the steps before"
    for width, runs in _by_width(numbers).items():
        for kind in _MODELS:
            interval = _interval(_growth(run, kind) for run in runs)
            note = _range(interval) or "some training images are still misclassified after a quarter of the steps"
            yield judged(f"width {width:,}, {kind}", interval.above(1 / MUCH), interval.mean, meaning, note)


def _fitted(run: Numbers) -> int | None:
    """Where logits enter their late growth: the first observed step with all training images right, None: no such
    step in the first half of the steps."""
    right = np.flatnonzero(_curve(run, "network_train_accuracy") >= 1)
    return int(right[0]) if len(right) and run["steps"][right[0]] <= run["steps"][-1] / 2 else None


def _early(run: Numbers) -> float:
    """The deviation when logits enter their late growth, over how far the network's have moved (RMS)."""
    at = _fitted(run)
    return (
        math.nan
        if at is None
        else float(_curve(run, "linearized_rmse")[at] / _curve(run, "network_test_rms_change")[at])
    )


def _late(run: Numbers) -> float:
    """How much the deviation grows from there to the end."""
    at, deviation = _fitted(run), _curve(run, "linearized_rmse")
    return math.nan if at is None else float(deviation[-1] - deviation[at])


@claim(
    "the narrowest network deviates early by more than 20 % of how far its outputs move, and by more than the widest",
    place="caption of Figure S4",
)
def _narrow_deviates_early(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "deviation of the test outputs over their movement, when all training images are right"
    by_width = _by_width(numbers)
    if len(by_width) > 1:
        (width, narrow), *_, (_, wide) = by_width.items()
        early, widest = ({run["seed"]: _early(run) for run in runs} for runs in (narrow, wide))
        interval = _interval(early.values())
        lead = _interval(early[seed] - widest[seed] for seed in early.keys() & widest.keys())
        decided = (interval.above(SIMILAR), lead.above(0))
        holds = False if False in decided else None if None in decided else True
        notes = (_range(interval), f"more than the widest's by {lead.mean:.3g} ({_range(lead)})")
        yield judged(f"width {width:,}", holds, interval.mean, meaning, *notes)


@claim(
    "the error becomes much worse late where it is significant early (grows by at least twice as much)",
    place="section 3; caption of Figure S4",
)
def _early_makes_late_worse(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "late growth of the RMSE at widths that deviate by more than 20 % early, over that at the others"
    by_width = _by_width(numbers)
    early = {width: _interval(map(_early, runs)) for width, runs in by_width.items()}
    kinds = [[width for width in by_width if early[width].above(SIMILAR) is above] for above in (True, False)]
    names = [" and ".join(f"{width:,}" for width in widths) or "none" for widths in kinds]
    late = [[{run["seed"]: _late(run) for run in by_width[width]} for width in widths] for widths in kinds]
    seeds = set.intersection(*(set(values) for widths in late for values in widths)) if all(kinds) else set()
    ratios = [
        float(np.mean([row[seed] for row in late[0]]) / np.mean([row[seed] for row in late[1]]))
        for seed in sorted(seeds)
    ]
    interval = _interval(ratios)
    subject = f"early deviation above 20 %: widths {names[0]}; below: {names[1]}"
    note = ", ".join(f"width {width:,} {early[width].mean:.0%}" for width in by_width)
    yield judged(subject, interval.above(MUCH), interval.mean, meaning, _range(interval), f"early: {note}")


def _similar(caption: _Caption, place: str, kind: str = "linearized") -> Claim:
    statement = "network and linearization behave similarly: outputs (RMSE <= 20 % of how far the network's move)"
    return Claim(statement, _outputs_agree, (caption, kind, SIMILAR), place=place)


def _excellent(caption: _Caption, place: str, kind: str = "linearized") -> Claim:
    statement = "network and linearization agree excellently (outputs: RMSE <= 10 % of how far the network's move)"
    return Claim(statement, _outputs_agree, (caption, kind, NEARLY_IDENTICAL), place=place)


def _weights(caption: _Caption, place: str) -> Claim:
    statement = "network and linearization behave similarly: weights (distance <= 20 % of how far the network's move)"
    return Claim(statement, _weights_agree, (caption,), place=place)


def _losses(caption: _Caption, place: str) -> Claim:
    statement = "training and test loss agree well (within 5 % of the loss at the start, on a linear scale)"
    return Claim(statement, _losses_agree, (caption,), place=place)


def _accuracies(caption: _Caption, place: str) -> Claim:
    statement = (
        "training and test accuracy agree well (within a thirtieth of the error of guessing, mean over the steps)"
    )
    return Claim(statement, _accuracies_agree, (caption,), place=place)


def _kernel(caption: _Caption, place: str) -> Claim:
    statement = (
        "the empirical kernel predicts the test outputs better than the analytic one (ratio of the RMSE below 1)"
    )
    return Claim(statement, _empirical_is_better, (caption,), place=place)


def _formula(caption: _Caption, place: str) -> Claim:
    statement = "the closed form of the outputs is what training the linearization gives (within 0.1 %)"
    return Claim(statement, _closed_form, (caption,), place=place)


def _flow(caption: _Caption) -> Claim:
    statement = (
        "the learning rate is small enough that continuous time holds well (outputs within 20 % of their change)"
    )
    return Claim(statement, _flow_holds, (caption,), place="section 3")


_ODE = Claim(
    "the ODE's solution is what training the linearization on the full batch gives (within 10 % of the change)",
    _ode_holds,
    place="appendix B.2, S10 and S11",
)
_ABSTRACT = "abstract; section 1; section 3; section 4"


def _figure(name: str, title: str, *claims: Claim) -> Figure:
    return PAPER.figure(name, title, "wide_limit.trajectories", *claims)


FIGURES = (
    _figure(
        "fig3",
        "outputs, weights and loss through training, against the closed form, fully connected network",
        _kernel(_FIG3, "section 3; caption of Figure 3"),
        _excellent(_FIG3, _ABSTRACT),
        _similar(_FIG3, "title of Figure 3", kind="empirical"),
        _weights(_FIG3, "title of Figure 3"),
        _losses(_FIG3, "caption of Figure 3"),
        _formula(_FIG3, "section 2.1, end; section 2.2, Eqs. 9 to 11; section 4"),
        Claim(
            "the closed form of the weights is what training the linearization gives (within 0.1 %)",
            _closed_form_weights,
            (_FIG3,),
            place="section 2.2, Eq. 8",
        ),
        Claim(
            "with the squared loss the outputs converge to the targets (5 % of the distance at the start)",
            _outputs_converge,
            (_FIG3,),
            place="section 3",
        ),
        _flow(_FIG3),
    ),
    _figure(
        "fig4",
        "a wide residual network and its linearization, SGD with momentum on the squared loss",
        _excellent(_FIG4, _ABSTRACT),
        _similar(_FIG4, "title and caption of Figure 4"),
        _losses(_FIG4, "caption of Figure 4"),
        _accuracies(_FIG4, "caption of Figure 4"),
    ),
    _figure(
        "figS2",
        "a convolutional network and its linearization, full batch with momentum",
        _excellent(_FIGS2, _ABSTRACT),
        _similar(_FIGS2, "title of Figure S2"),
        _weights(_FIGS2, "caption of Figure S2"),
        _losses(_FIGS2, "caption of Figure S2"),
        _formula(_FIGS2, "appendix B.1, S2"),
        _flow(_FIGS2),
    ),
    _figure(
        "figS3",
        "a network and its linearization, SGD with momentum on cross-entropy",
        _excellent(_FIGS3, _ABSTRACT),
        _similar(_FIGS3, "title of Figure S3"),
        _weights(_FIGS3, "caption of Figure S3"),
        _losses(_FIGS3, "caption of Figure S3"),
        _ODE,
    ),
    _figure(
        "figS4",
        "deviation of the logits under cross-entropy, narrow to wide",
        _logits_grow,
        _narrow_deviates_early,
        _early_makes_late_worse,
    ),
    _figure(
        "figS8",
        "the trajectories of Figure 3 in standard parameterization",
        _kernel(_FIGS8, "section 3"),
        _excellent(_FIGS8, "title of Figure S8", kind="empirical"),
        _weights(_FIGS8, "title of Figure S8"),
        _losses(_FIGS8, "caption of Figure S8"),
        _accuracies(_FIGS8, "caption of Figure S8"),
        _formula(_FIGS8, "section 2.2, Eqs. 9 to 11"),
        _falls_with_width,
        _flow(_FIGS8),
    ),
)
