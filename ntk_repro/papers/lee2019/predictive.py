"""Figures 2 and S1: the distribution of predictions through training."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.lee2019.captions import Caption
from ntk_repro.papers.lee2019.exponents import Decision
from ntk_repro.papers.statistics import Interval, Number, all_hold, resampled_moments
from ntk_repro.papers.thresholds import CONVERGED, GAUSSIAN, NOTICEABLE, SIMILAR

_FIG2 = Caption("cifar10", 8192, 128, 0.5)
_KINDS = {"networks": "networks", "linearizations": "linearizations", "readouts": "readout alone trained"}
_MEAN = "RMS distance of the means over how far the process's mean has moved"
_SPREAD = "RMS distance of the standard deviations over the process's"
_TO_BAYES = "distance to exact inference over how far the NTK-GP's mean has moved"
_SHAPE = "Kolmogorov distance from a Gaussian, mean over directions"


def _subject(ensemble: Numbers, *more: str) -> str:
    parameterization = f"{ensemble['parameterization'].replace('ntk', 'NTK')} parameterization"
    return ", ".join((f"width {ensemble['hidden']:,}", parameterization, *more))


def _intervals(rows: Sequence[Sequence[Number]]) -> list[Interval]:
    """From [value, low, high] of each step; where a network diverged, the numbers are null."""
    return [Interval.read(row) for row in rows]


def _range(interval: Interval) -> str:
    return f"{interval.ends()} over networks" if interval.seeds else ""


def _widest(numbers: Numbers) -> list[Numbers]:
    """The widest ensemble of each parameterization."""
    widest: dict[str, Numbers] = {}
    for ensemble in sorted(numbers["ensembles"], key=lambda ensemble: ensemble["hidden"]):
        widest[ensemble["parameterization"]] = ensemble
    return list(widest.values())


def _run(ensemble: Numbers) -> Numbers:
    """As a caption's conditions read it: all networks of the figure train by plain gradient descent."""
    return {**ensemble, "width": ensemble["hidden"], "batch_size": None, "momentum": 0.0}


def _verdict(
    ensemble: Numbers,
    subject: str,
    rows: Sequence[Sequence[Number]],
    decide: Decision,
    meaning: str,
    *,
    of_figure: Numbers | None = None,
    unless: str = "",
) -> Verdict:
    """The verdict on intervals that all have to pass, one for each step; it shows the one furthest from 0.

    Args:
        ensemble: the networks.
        subject: what is judged of them.
        rows: the intervals.
        decide: what each must be.
        meaning: of the numbers.
        of_figure: the figure's numbers, where it is said of Figure 2 that networks are near the process. Other
            statements are about wide networks: one that is narrower than the paper's may show that they hold, but not
            that they fail.
        unless: as in `judged`.
    """
    intervals, run = [interval.one_of(len(rows)) for interval in _intervals(rows)], _run(ensemble)
    decided = [decide(interval) for interval in intervals]
    holds = all_hold(*decided)
    shown = [interval for interval, one in zip(intervals, decided, strict=True) if one is holds]
    furthest = max(shown, key=lambda interval: abs(interval.mean))
    narrow = _FIG2.harder(run) if holds is False else ""
    unless = unless or (narrow if of_figure is None else _FIG2.unless(of_figure, run, holds))
    return judged(_subject(ensemble, subject), holds, furthest.mean, meaning, _range(furthest), unless=unless)


def _is_similar(interval: Interval) -> bool | None:
    return interval.below(SIMILAR)


def _is_noticeable(interval: Interval) -> bool | None:
    return interval.above(NOTICEABLE)


def _is_gaussian(interval: Interval) -> bool | None:
    return interval.below(GAUSSIAN)


def _mean_and_spread(numbers: Numbers, kind: str, of_figure: bool) -> Iterator[Verdict]:
    for ensemble in _widest(numbers):
        why = _above_critical(ensemble) if kind == "networks" else ""
        about: dict[str, Any] = {"of_figure": numbers if of_figure else None, "unless": why}
        yield _verdict(ensemble, "mean", ensemble[kind]["mean_apart"][1:], _is_similar, _MEAN, **about)
        yield _verdict(ensemble, "standard deviation", ensemble[kind]["std_apart"][1:], _is_similar, _SPREAD, **about)


def _above_critical(*ensembles: Numbers) -> str:
    """Why Theorem 2.2 says nothing about ensembles."""
    rate = max(ensemble["learning_rate_ratio"] for ensemble in ensembles)
    return "" if rate < 1 else f"learning rate {rate:.2g} of the critical one"


_networks_follow = Claim(
    "mean and standard deviation of the networks' outputs follow the NTK-GP's through training (within 20%)",
    _mean_and_spread, ("networks", True),
    place="caption of Figure 2; section 3",
)  # fmt: skip


_wide_networks_follow = Claim(
    "below the critical rate wide networks' outputs get mean and standard deviation of the NTK-GP (within 20%)",
    _mean_and_spread, ("networks", False),
    place="abstract; section 1; Theorem 2.2; section 2.1",
)  # fmt: skip


_linearizations_follow = Claim(
    "mean and standard deviation of the linearizations' outputs follow the NTK-GP's (within 20%)",
    _mean_and_spread, ("linearizations", False),
    place="section 2.3.1, Corollary 1",
)  # fmt: skip


_readouts_follow = Claim(
    "with the readout alone trained mean and standard deviation follow the NNGP's (within 20%)",
    _mean_and_spread, ("readouts", False),
    place="caption of Figure 2; appendix D",
)  # fmt: skip


@claim(
    "at the start the outputs are Gaussian with the NNGP's standard deviation (within 20%)",
    place="section 1; section 2.3",
)
def _start_is_gaussian(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in _widest(numbers):
        found = ensemble["networks"]
        yield _verdict(ensemble, "standard deviation", found["std_apart"][:1], _is_similar, _SPREAD)
        yield _verdict(ensemble, "shape", found["gaussian"][:1], _is_gaussian, _SHAPE)


@claim(
    "the outputs remain Gaussian throughout training (Kolmogorov distance at most 0.1)",
    place="section 3; section 2.3.1, Corollary 1; appendix D",
)
def _outputs_stay_gaussian(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in _widest(numbers):
        for kind, name in _KINDS.items():
            yield _verdict(ensemble, name, ensemble[kind]["gaussian"][1:], _is_gaussian, _SHAPE)


@claim("the distribution comes nearer to the NTK-GP with the width", place="abstract; section 1; Theorem 2.2")
def _nearer_with_width(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "distance to the NTK-GP after training, widest over narrowest"
    for widest in _widest(numbers):
        same = [one for one in numbers["ensembles"] if one["parameterization"] == widest["parameterization"]]
        narrowest = min(same, key=lambda ensemble: ensemble["hidden"])
        if narrowest["hidden"] < widest["hidden"]:
            wide, narrow = (_intervals(one["networks"]["apart"])[-1] for one in (widest, narrowest))
            # Of two independent ensembles.
            half = math.hypot(narrow.mean - narrow.low, wide.high - wide.mean)
            other = math.hypot(narrow.high - narrow.mean, wide.mean - wide.low)
            lead = narrow.mean - wide.mean
            interval = Interval(lead, lead - half, lead + other, 1)
            unless = _above_critical(widest, narrowest)
            note = f"{narrow.mean:.3g} at width {narrowest['hidden']:,}, {wide.mean:.3g} at {widest['hidden']:,}"
            difference = f"difference {interval.low:.3g} to {interval.high:.3g} (95%)"
            ratio = wide.mean / narrow.mean if narrow.mean else math.nan
            yield judged(_subject(widest), interval.above(0), ratio, meaning, note, difference, unless=unless)


def _not_the_end(numbers: Numbers, ensemble: Numbers) -> str:
    """Why it cannot be judged how near the end of training in Figure 2 is to exact inference.

    Which way width, images and learning rate move that distance is not known.
    """
    left = ensemble["ntk_gp_left"]
    unfinished = f"the NTK-GP's mean is still {left:.1%} from its end" if left > CONVERGED else ""
    return joined(unfinished, _FIG2.unlike(numbers, _run(ensemble), ensemble["learning_rate"]))


@claim(
    "exact inference with the NNGP is similar to the end of training (distance at most 20% of how far outputs move)",
    place="section 3",
)
def _bayes_is_similar(numbers: Numbers) -> Iterator[Verdict]:
    for ensemble in _widest(numbers):
        unless = _not_the_end(numbers, ensemble)
        yield _verdict(ensemble, "last step", [ensemble["bayes_apart"]], _is_similar, _TO_BAYES, unless=unless)


@claim(
    "exact inference with the NNGP is noticeably different from the end of training (distance above 5% of how far "
    "outputs move, and at least twice that to the NTK-GP)",
    place="section 2.3.1; section 3",
)
def _bayes_is_different(numbers: Numbers) -> Iterator[Verdict]:
    meaning = f"{_TO_BAYES}, less twice that to the NTK-GP"
    for ensemble in _widest(numbers):
        unless = _not_the_end(numbers, ensemble)
        far, farther = [ensemble["bayes_apart"]], [ensemble["bayes_beyond_ntk_gp"]]
        yield _verdict(ensemble, "distance", far, _is_noticeable, _TO_BAYES, unless=unless)
        yield _verdict(ensemble, "against the NTK-GP", farther, Interval.above, meaning, unless=unless)


@claim(
    "the functions converge to the targets of the two training points (5% of the distance at the start)",
    place="section 3",
)
def _training_points_are_fitted(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "distance to the two targets at the last step over that at the first (RMS)"
    for ensemble in _widest(numbers):
        alpha, fx, targets = (np.array(ensemble[name], float) for name in ("alpha", "functions", "targets"))
        at = [int(np.argmin(np.abs(alpha - end))) for end in (1.0, 0.0)]
        squares = ((fx[:, :, at] - targets) ** 2).mean(axis=2)
        distance, drawn = np.sqrt(squares.mean(axis=0)), np.sqrt(resampled_moments(squares)[0])
        low, high = np.quantile(drawn[:, -1] / drawn[:, 0], (0.025, 0.975))
        interval = Interval(float(distance[-1] / distance[0]), float(low), float(high), len(fx))
        holds = interval.below(CONVERGED)
        unless = "the distance still falls" if not holds and distance[-1] < 0.9 * distance[-2] else ""
        yield judged(_subject(ensemble), holds, interval.mean, meaning, _range(interval), unless=unless)


FIGURES = (
    PAPER.figure(
        "fig2",
        "predictive distributions through training: networks, NTK-GP and NNGP",
        "wide_limit.predictive",
        _networks_follow,
        _wide_networks_follow,
        _linearizations_follow,
        _readouts_follow,
        _start_is_gaussian,
        _outputs_stay_gaussian,
        _nearer_with_width,
        _bayes_is_similar,
        _bayes_is_different,
    ),
    PAPER.figure(
        "figS1",
        "single functions of an ensemble through training",
        "wide_limit.predictive",
        _training_points_are_fitted,
    ),
)
