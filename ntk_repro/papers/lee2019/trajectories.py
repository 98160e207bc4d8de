"""Figures 3, 4, S2, S3 and S8: a network and its linearization through training."""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.lee2019.captions import Caption
from ntk_repro.papers.statistics import Interval, number, student_interval
from ntk_repro.papers.thresholds import (
    CONVERGED,
    LOSSES_AGREE,
    NEARLY_IDENTICAL,
    SIGNIFICANT,
    SIMILAR,
)

MODELS = ("network", "linearized")
_IMAGES = {"train": "training images", "test": "test images"}
_NETS = {"fcn": "fully connected", "cnn": "convolutional", "wide_resnet": "wide ResNet"}
_LOSSES = {"half_mean_squared_error": "squared loss", "cross_entropy": "cross-entropy"}


_FIG3, _FIGS8 = Caption("cifar10", 2048, 256, 0.01), Caption("cifar10", 2048, 256, 0.005)
_FIG4 = Caption("cifar10", 1024, 50_000, 1.0, batch_size=8, momentum=0.9)
_FIGS3 = Caption("mnist", 2048, 50_000, 1.0, batch_size=64, momentum=0.9)
_FIGS2 = Caption("cifar10", 512, 128, 0.1, momentum=0.9)


def _runs(numbers: Numbers, caption: Caption) -> list[Numbers]:
    """The seeds of the widest network that is trained on minibatches, or on the full batch, as the caption says."""
    full = caption.batch_size is None
    runs = [run for run in numbers["trajectories"] if (run["batch_size"] is None) == full]
    widest = max((run["width"] for run in runs), default=0)
    return [run for run in runs if run["width"] == widest]


def _subject(run: Numbers, *more: str) -> str:
    batches = "full batch" if run["batch_size"] is None else f"batches of {run['batch_size']}"
    momentum = f"momentum {run['momentum']:g}" if run["momentum"] else ""
    parts = (_NETS[run["net"]], f"width {run['width']:,}", _LOSSES[run["loss"]], batches, momentum, *more)
    return ", ".join(filter(None, parts))


def curve(run: Numbers, name: str) -> np.ndarray:
    """A curve of a run, nan where the training diverged."""
    return np.array(run[name], float)


def after_share(run: Numbers, name: str, share: float) -> np.ndarray:
    """A curve, or curves (S, k), after this share of the steps."""
    steps, values = np.asarray(run["steps"], float), curve(run, name)
    columns = values.reshape(len(steps), -1).T
    return np.array([np.interp(share * steps[-1], steps, column) for column in columns])


def seeds_interval(values: Iterable[float], *, of: int = 1) -> Interval:
    """Of the seeds' values, `of` as for `student_interval`; without ends where a training diverged."""
    return student_interval(list(values), of=of, complete=True)


def range_note(interval: Interval) -> str:
    """The interval of the seeds as a note."""
    if interval.seeds < 2:
        return "one seed" if interval.seeds else ""
    return f"{interval.ends()}, {interval.seeds} seeds"


def _at_most(
    numbers: Numbers,
    caption: Caption,
    subject: str,
    runs: list[Numbers],
    values: Iterable[float],
    most: float,
    meaning: str,
    *notes: str,
) -> Verdict:
    """The verdict on whether values, one for each seed, are at most a threshold."""
    interval, run = seeds_interval(values), runs[0]
    holds = interval.below(most)
    # What does not keep the verdict from standing is shown, too.
    allowed = joined("" if holds is False else caption.harder(run), "" if holds else caption.easier(run))
    unless = caption.unless(numbers, run, holds)
    return judged(subject, holds, interval.mean, meaning, *notes, range_note(interval), allowed, unless=unless)


def _largest_share(run: Numbers, name: str, part: str) -> float:
    """The largest value of a curve, over how far the network's outputs move by the end (root mean squares)."""
    return float(curve(run, name).max() / curve(run, f"network_{part}_rms_change")[-1])


def _outputs_agree(numbers: Numbers, caption: Caption, kind: str, most: float) -> Iterator[Verdict]:
    meaning = "largest RMSE of the outputs over how far the network's move (RMS)"
    for part, name in (("train", "train_rmse"), ("test", "rmse")):
        if runs := _runs(numbers, caption):
            values = [_largest_share(run, f"{kind}_{name}", part) for run in runs]
            yield _at_most(numbers, caption, _subject(runs[0], _IMAGES[part]), runs, values, most, meaning)


def _weights_agree(numbers: Numbers, caption: Caption, most: float) -> Iterator[Verdict]:
    meaning = (
        "distance of the weights over how far the network's move (norms): all at the end, or the single ones shown"
    )
    if runs := _runs(numbers, caption):
        values = [np.max([number(run["weights_apart"]), _single_weights_apart(run)]) for run in runs]
        yield _at_most(numbers, caption, _subject(runs[0]), runs, values, most, meaning)


def _single_weights_apart(run: Numbers) -> float:
    """The largest distance of the weights shown, at any step, over how far the network's move by the end (norms)."""
    network, linearized = (curve(run, f"{kind}_weights") for kind in MODELS)
    return float(np.linalg.norm(network - linearized, axis=1).max() / np.linalg.norm(network[-1]))


def _losses_agree(numbers: Numbers, caption: Caption) -> Iterator[Verdict]:
    meaning = "largest difference of the losses over the loss at the start"
    for part in _IMAGES:
        if not (runs := _runs(numbers, caption)):
            return
        pairs = [[curve(run, f"{kind}_{part}_loss") for kind in MODELS] for run in runs]
        values = [np.abs(network - linearized).max() / network[0] for network, linearized in pairs]
        logarithms = [np.abs(np.log(network / linearized)).max() for network, linearized in pairs]
        note = f"the two differ by a factor of {math.exp(max(logarithms)):.3g} at most"
        subject = _subject(runs[0], _IMAGES[part])
        yield _at_most(numbers, caption, subject, runs, values, LOSSES_AGREE, meaning, note)


def _accuracies_agree(numbers: Numbers, caption: Caption) -> Iterator[Verdict]:
    meaning = "difference of the accuracies, mean over the steps shown"
    for part in _IMAGES:
        if not (runs := _runs(numbers, caption)):
            return
        pairs = [[curve(run, f"{kind}_{part}_accuracy") for kind in MODELS] for run in runs]
        values = [np.abs(network - linearized).mean() for network, linearized in pairs]
        most = SIGNIFICANT * (1 - 1 / runs[0]["classes"])
        ends = ", linearization ".join(f"{np.mean([pair[i][-1] for pair in pairs]):.1%}" for i in range(2))
        subject = _subject(runs[0], _IMAGES[part])
        yield _at_most(
            numbers, caption, subject, runs, values, most, meaning, f"limit {most:.3g}, at the end network {ends}"
        )


def _empirical_is_better(numbers: Numbers, caption: Caption) -> Iterator[Verdict]:
    meaning = "RMSE with the empirical kernel over that with the analytic one, means over the steps shown"
    runs = _runs(numbers, caption)
    if runs and "analytic" in runs[0]["kinds"]:
        pairs = [[curve(run, f"{kind}_rmse")[1:] for kind in ("empirical", "analytic")] for run in runs]
        interval = seeds_interval(empirical.mean() / analytic.mean() for empirical, analytic in pairs)
        share = np.mean([(empirical < analytic).mean() for empirical, analytic in pairs])
        notes = (range_note(interval), f"smaller at {share:.0%} of the steps shown")
        yield judged(_subject(runs[0]), interval.below(1), interval.mean, meaning, *notes)


def _outputs_converge(numbers: Numbers, caption: Caption) -> Iterator[Verdict]:
    meaning = "distance of the training outputs from the targets at the end over that at the start (RMS)"
    if runs := _runs(numbers, caption):
        losses = [curve(run, "network_train_loss") for run in runs]
        interval = seeds_interval(math.sqrt(loss[-1] / loss[0]) for loss in losses)
        holds = interval.below(CONVERGED)
        falls = any(
            loss[-1] < 0.9 * after_share(run, "network_train_loss", 0.5) for run, loss in zip(runs, losses, strict=True)
        )
        unless = "the loss still falls" if falls and not holds else ""
        yield judged(_subject(runs[0]), holds, interval.mean, meaning, range_note(interval), unless=unless)


def _flow_holds(numbers: Numbers, caption: Caption) -> Iterator[Verdict]:
    meaning = "largest RMSE between steps and flow over how far the network's test outputs move (RMS)"
    if runs := _runs(numbers, caption):
        run = runs[0]
        interval = seeds_interval(_largest_share(run, "flow_apart", "test") for run in runs)
        rate = run["flow_rate"]
        unless = caption.unlike(numbers, run, rate)
        subject = _subject(run, f"learning rate {rate:.3g}")
        yield judged(subject, interval.below(SIMILAR), interval.mean, meaning, range_note(interval), unless=unless)


def _ode_holds(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "largest RMSE between the ODE and the trained linearization over how far the network's outputs move (RMS)"
    solved = [run for run in numbers["trajectories"] if "empirical" in run["kinds"] and run["batch_size"] is None]
    for part, images in _IMAGES.items():
        if solved:
            interval = seeds_interval(_largest_share(run, f"empirical_{part}_apart", part) for run in solved)
            holds = interval.below(NEARLY_IDENTICAL)
            yield judged(_subject(solved[0], images), holds, interval.mean, meaning, range_note(interval))


def by_width(numbers: Numbers) -> dict[int, list[Numbers]]:
    """The runs of each width, narrowest first, by seed."""
    runs = sorted(numbers["trajectories"], key=lambda run: (run["width"], run["seed"]))
    return {width: list(group) for width, group in itertools.groupby(runs, key=lambda run: run["width"])}


@claim(
    "in standard parameterization, too, the distance falls with the width (widest over narrowest below 1)",
    place="section 1; section 2.1; appendix F",
)
def _falls_with_width(numbers: Numbers) -> Iterator[Verdict]:
    groups = by_width(numbers)
    if len(groups) > 1:
        (narrow, first), *_, (wide, last) = groups.items()
        ends = [{run["seed"]: _largest_share(run, "linearized_rmse", "test") for run in runs} for runs in (first, last)]
        interval = seeds_interval(ends[1][seed] / ends[0][seed] for seed in ends[0].keys() & ends[1].keys())
        meaning = "share of the test outputs' movement that the linearization is off by, widest over narrowest"
        subject = f"width {narrow:,} to {wide:,}"
        yield judged(subject, interval.below(1), interval.mean, meaning, range_note(interval))


def _similar(caption: Caption, place: str, kind: str = "linearized") -> Claim:
    statement = "network and linearization behave similarly: outputs (RMSE <= 20% of how far the network's move)"
    return Claim(statement, _outputs_agree, (caption, kind, SIMILAR), place=place)


def _excellent(caption: Caption, place: str, kind: str = "linearized") -> Claim:
    statement = "network and linearization agree excellently (outputs: RMSE <= 10% of how far the network's move)"
    return Claim(statement, _outputs_agree, (caption, kind, NEARLY_IDENTICAL), place=place)


def _weights(caption: Caption, place: str) -> Claim:
    statement = "network and linearization behave similarly: weights (distance <= 20% of how far the network's move)"
    return Claim(statement, _weights_agree, (caption, SIMILAR), place=place)


def _all_weights(caption: Caption) -> Claim:
    statement = "in all cases weights agree remarkably well, too (distance <= 10% of how far the network's move)"
    return Claim(statement, _weights_agree, (caption, NEARLY_IDENTICAL), place="section 3")


def _losses(caption: Caption, place: str) -> Claim:
    statement = "training and test loss agree well (within 5% of the loss at the start, on a linear scale)"
    return Claim(statement, _losses_agree, (caption,), place=place)


def _accuracies(caption: Caption, place: str) -> Claim:
    statement = (
        "training and test accuracy agree well (within a thirtieth of the error of guessing, mean over the steps)"
    )
    return Claim(statement, _accuracies_agree, (caption,), place=place)


def _kernel(caption: Caption, place: str) -> Claim:
    statement = (
        "the empirical kernel predicts the test outputs better than the analytic one (ratio of the RMSE below 1)"
    )
    return Claim(statement, _empirical_is_better, (caption,), place=place)


def _flow(caption: Caption) -> Claim:
    statement = "the learning rate is small enough that continuous time holds well (outputs within 20% of their change)"
    return Claim(statement, _flow_holds, (caption,), place="section 3")


_ODE = Claim(
    "the ODE's solution is what training the linearization on the full batch gives (within 10% of the change)",
    _ode_holds,
    place="appendix B.2, S10 and S11",
)
_ABSTRACT = "abstract; section 1; section 3; section 4"


def trajectory_figure(name: str, title: str, *claims: Claim) -> Figure:
    """A figure of this study."""
    return PAPER.figure(name, title, "wide_limit.trajectories", *claims)


FIGURES = (
    trajectory_figure(
        "fig3",
        "outputs, weights and loss through training, against the closed form, fully connected network",
        _kernel(_FIG3, "section 3; caption of Figure 3"),
        _excellent(_FIG3, _ABSTRACT),
        _similar(_FIG3, "title of Figure 3", kind="empirical"),
        _weights(_FIG3, "title of Figure 3"),
        _all_weights(_FIG3),
        _losses(_FIG3, "caption of Figure 3"),
        Claim(
            "with the squared loss the outputs converge to the targets (5% of the distance at the start)",
            _outputs_converge,
            (_FIG3,),
            place="section 3",
        ),
        _flow(_FIG3),
    ),
    trajectory_figure(
        "fig4",
        "a wide residual network and its linearization, SGD with momentum on the squared loss",
        _excellent(_FIG4, _ABSTRACT),
        _similar(_FIG4, "title and caption of Figure 4"),
        _all_weights(_FIG4),
        _losses(_FIG4, "caption of Figure 4"),
        _accuracies(_FIG4, "caption of Figure 4"),
    ),
    trajectory_figure(
        "figS2",
        "a convolutional network and its linearization, full batch with momentum",
        _excellent(_FIGS2, _ABSTRACT),
        _similar(_FIGS2, "title of Figure S2"),
        _weights(_FIGS2, "caption of Figure S2"),
        _all_weights(_FIGS2),
        _losses(_FIGS2, "caption of Figure S2"),
        _flow(_FIGS2),
    ),
    trajectory_figure(
        "figS3",
        "a network and its linearization, SGD with momentum on cross-entropy",
        _excellent(_FIGS3, _ABSTRACT),
        _similar(_FIGS3, "title of Figure S3"),
        _weights(_FIGS3, "caption of Figure S3"),
        _all_weights(_FIGS3),
        _losses(_FIGS3, "caption of Figure S3"),
        _ODE,
    ),
    trajectory_figure(
        "figS8",
        "the trajectories of Figure 3 in standard parameterization",
        _kernel(_FIGS8, "section 3"),
        _excellent(_FIGS8, "title of Figure S8", kind="empirical"),
        _weights(_FIGS8, "title of Figure S8"),
        _losses(_FIGS8, "caption of Figure S8"),
        _accuracies(_FIGS8, "caption of Figure S8"),
        _falls_with_width,
        _flow(_FIGS8),
    ),
)
