"""Figures 1 to 5 and A2, Tables A1 and A2: networks and their linearizations as they grow wider."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER, printed_for
from ntk_repro.papers.statistics import Interval, difference, number, spearman, student_interval

Seeds = Mapping[int, float | None]
"""The accuracies of some seeds."""

_SMALL_MARGIN = 0.02  # our reading of "a small margin" over logistic regression
_FLUCTUATION = 0.01
_LEARNT = 0.02  # above the rate of the largest class; less is nothing learnt (ours)
_NOT_CLOSE = 0.5  # of the standard deviation of the outputs (ours; equal statistics without any relation give 1.4)


def _line(panel: Numbers, kind: str, best: bool = False) -> Numbers | None:
    """The first line of a kind; with `best` that of the best test accuracy at its least width."""
    lines = [line for line in panel["lines"] if line["kind"] == kind]
    if best:
        lines.sort(key=lambda line: np.nan_to_num(_mean(line["test"][0]), nan=-1.0), reverse=True)
    return next(iter(lines), None)


def _seeds(line: Numbers, at: int, part: str = "test") -> Seeds:
    return dict(zip(line["seeds"][at], line[part][at], strict=True))


class Pair(NamedTuple):
    """The test accuracies of the network's and of the linearization's seeds at one width."""

    width: float
    network: Seeds
    linearized: Seeds

    @property
    def gap(self) -> Interval:
        """The network's less the linearization's."""
        return _difference(self.network, self.linearized)

    def change_to(self, other: "Pair") -> Interval:
        """The gap of another pair less this one's, of the seeds that all four have."""
        terms = [other.network, other.linearized, self.network, self.linearized]
        return _sum_over_seeds(terms, [1, -1, -1, 1])


def _pairs(panel: Numbers, best: bool = False) -> list[Pair]:
    network, linearized = _line(panel, "network"), _line(panel, "linearized", best)
    if network is None or linearized is None:
        return []
    by_width = {width: _seeds(linearized, at) for at, width in enumerate(linearized["widths"])}
    return [Pair(w, _seeds(network, at), by_width[w]) for at, w in enumerate(network["widths"]) if w in by_width]


def _difference(first: Seeds, second: Seeds) -> Interval:
    """The first less the second, of the seeds that both have; of the means, with no interval, where there are none."""
    return _sum_over_seeds([first, second], [1, -1])


def _sum_over_seeds(terms: Sequence[Seeds], signs: Sequence[int]) -> Interval:
    common = sorted(set.intersection(*(set(term) for term in terms)))
    if not common:
        return Interval(float(np.dot(signs, [_mean(term.values()) for term in terms])), math.nan, math.nan, 0)
    return student_interval(np.dot(signs, np.array([[term[seed] for seed in common] for term in terms], float)))


def _mean(values: Iterable[float | None]) -> float:
    return student_interval(list(values)).mean


def _unlearnt(panel: Numbers, networks: Mapping[float, Seeds]) -> str:
    """Names the widths at which the network does no better than always naming one class; "" where there are none."""
    rate = panel.get("majority_rate")
    if rate is None:
        return ""
    at = ", ".join(f"x{width:g}" for width, seeds in networks.items() if _mean(seeds.values()) <= rate + _LEARNT)
    return f"the network stays at the rate of the largest class ({rate:.1%}) at {at}" if at else ""


def _points(interval: Interval) -> str:
    """ "12.34 points (95 % interval 10.10 to 14.58, 0 outside, 3 seeds)"."""
    return f"{100 * interval.mean:.2f} points{_certainty(interval, 100)}"


def _certainty(interval: Interval, scale: float = 1.0) -> str:
    if not math.isfinite(interval.low):
        return {0: " (no seed in common)", 1: " (1 seed)"}.get(interval.seeds, "")
    zero = "0 inside: these seeds do not decide" if interval.low <= 0 <= interval.high else "0 outside"
    ends = f"{scale * interval.low:.2f} to {scale * interval.high:.2f}"
    return f" (95 % interval {ends}, {zero}, {interval.seeds} seeds)"


def _subject(panel: Numbers, width: float | None = None) -> str:
    subject = f"{display_name(panel['net'])} on {panel['data']}"
    subject += f", shifted by up to {panel['shift']}" if panel["shift"] else ""
    subject += f", rate / 10 every {panel['decay_epochs']} epochs" if panel["decay_epochs"] is not None else ""
    return subject if width is None else f"{subject}, x{width:g}"


def _printed_gap(figure: str, panel: Numbers, width: float) -> float | None:
    """The gap that the paper prints; digits of Figure 2 are not shifted, those of Figure 3 by up to 7 pixels."""
    if not figure or panel["shift"] != {"fig2": 0, "fig3": 7}.get(figure, panel["shift"]):
        return None
    return printed_for(figure, panel["data"]).get("test_gap", {}).get(f"{width:g}")


def _gap_above(panel: Numbers, pair: Pair, limit: float, *notes: str, paper: float | None) -> Verdict:
    """Whether a gap at one width is above a limit; not judged where the network has learnt nothing."""
    gap, why = pair.gap, _unlearnt(panel, {pair.width: pair.network})
    holds, notes = gap.above(limit), (_points(gap), *notes)
    return judged(_subject(panel, pair.width), holds, gap.mean, "gap in test accuracy", *notes, unless=why, paper=paper)


def _network_ahead(panel: Numbers, figure: str = "", best: bool = False) -> Iterator[Verdict]:
    for pair in _pairs(panel, best):
        yield _gap_above(panel, pair, 0.0, paper=_printed_gap(figure, panel, pair.width))


def _gap_shrinks(panel: Numbers, figure: str = "", best: bool = False) -> Iterator[Verdict]:
    pairs = _pairs(panel, best)
    if len(pairs) < 2:
        return
    narrow, wide = pairs[0], pairs[-1]
    change, before, after = narrow.change_to(wide), narrow.gap, wide.gap
    notes = (
        f"from {_points(before)} at x{narrow.width:g} to {_points(after)} at x{wide.width:g}",
        f"change {_points(change)}",
    )
    paper = difference(*(_printed_gap(figure, panel, pair.width) for pair in (wide, narrow)))
    why = _unlearnt(panel, {pair.width: pair.network for pair in (narrow, wide)})
    # A linearization that is farther ahead than it was behind is no more like the network.
    holds = change.below() and abs(after.mean) < abs(before.mean)
    yield judged(_subject(panel), holds, change.mean, "change of the gap", *notes, unless=why, paper=paper)


@claim("the linearization's test accuracy grows with the width", over="panels")
def _linearization_grows(panel: Numbers) -> Iterator[Verdict]:
    """By its own gain: minus the network's gain it would be the change of the gap, which another claim is about."""
    meaning = "test accuracy at the widest less at the narrowest"
    for line in panel["lines"]:
        if line["kind"] == "linearized" and len(line["widths"]) > 1:
            rise = _difference(_seeds(line, -1), _seeds(line, 0))
            rho = spearman(line["widths"], [_mean(values) for values in line["test"]])
            note = _points(rise)
            note += f", Spearman correlation with the width {rho:.2f}" if math.isfinite(rho) else ""
            subject = f"{_subject(panel)}, {line['name']}"
            yield judged(subject, rise.above(), rise.mean, meaning, note)


@claim("at x1 the linearization is just above logistic regression (by at most 2 points)", over="panels")
def _above_logistic(panel: Numbers) -> Iterator[Verdict]:
    linearized, logistic = _line(panel, "linearized"), panel["logistic_test"]
    if linearized is None or logistic is None or 1.0 not in linearized["widths"]:
        return
    ours = _mean(linearized["test"][linearized["widths"].index(1.0)])
    printed, lead = printed_for("fig2", panel["data"]), ours - logistic
    note = f"linearization {ours:.2%}, logistic regression {logistic:.2%}"
    note += f" (the paper's: {printed['logistic']['test']:.0%})" if printed else ""
    yield judged(_subject(panel, 1), 0 < lead <= _SMALL_MARGIN, lead, "its lead in test accuracy", note)


@claim("the gap grows with the shift")
def _gap_grows_with_shift(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "gap at the largest shift less that at the smallest"
    panels = sorted(numbers["panels"], key=lambda panel: panel["shift"])
    found = [(panel, pair) for panel in panels for pair in _pairs(panel)]
    for width in sorted({pair.width for _, pair in found}):
        of_width = [(panel, pair) for panel, pair in found if pair.width == width]
        (least, first), (most, last) = ends = of_width[0], of_width[-1]
        if least["shift"] == most["shift"]:
            continue
        rise = first.change_to(last)
        paper = difference(_printed_gap("fig3", most, width), _printed_gap("fig2", least, width))
        notes = [f"up to {panel['shift']} pixels: {_points(pair.gap)}" for panel, pair in of_width]
        notes.append(f"rise {_points(rise)}")
        why = "; ".join(filter(None, (_unlearnt(panel, {width: pair.network}) for panel, pair in ends)))
        holds = rise.above()
        yield judged(f"x{width:g}", holds, rise.mean, meaning, *notes, unless=why, paper=paper)


@claim("the widest linearization is ahead of the narrowest network, in training and test accuracy", over="panels")
def _wide_linearization_beats_narrow_network(panel: Numbers) -> Iterator[Verdict]:
    network, linearized = _line(panel, "network"), _line(panel, "linearized")
    if network is None or linearized is None:
        return
    why = _unlearnt(panel, {network["widths"][0]: _seeds(network, 0)})
    ends = f"linearization x{linearized['widths'][-1]:g} against network x{network['widths'][0]:g}"
    for part in ("train", "test"):
        lead = _difference(_seeds(linearized, -1, part), _seeds(network, 0, part))
        subject, holds, note = f"{_subject(panel)}, {part}", lead.above(), f"{ends}: {_points(lead)}"
        yield judged(subject, holds, lead.mean, f"lead in {part} accuracy", note, unless=why)


@claim("at the network's learning rate the gap is above 20 points at every width", over="panels")
def _large_gap(panel: Numbers) -> Iterator[Verdict]:
    least = printed_numbers("samarin2022")["fig5"]["least_gap"]
    paper = least if printed_for("fig5", panel["data"]) else None
    for pair in _pairs(panel):
        yield _gap_above(panel, pair, least, f"limit {100 * least:g} points", paper=paper)


@claim("the network's accuracy hardly depends on the seed (standard deviation up to 1 point)", over="panels")
def _seeds_agree(panel: Numbers) -> Iterator[Verdict]:
    meaning = "largest standard deviation of the network's test accuracy over seeds"
    network = _line(panel, "network") or {"test": [], "widths": []}
    largest = max(filter(math.isfinite, map(_std, network["test"])), default=math.nan)
    # One that always names the same class depends on no seed.
    why = _unlearnt(panel, {width: _seeds(network, at) for at, width in enumerate(network["widths"])})
    note = "" if math.isfinite(largest) else "one seed"
    yield judged(_subject(panel), largest <= _FLUCTUATION, largest, meaning, note, unless=why)


def _std(values: Sequence[float | None]) -> float:
    finite = np.array([value for value in values if value is not None], float)
    return float(finite.std(ddof=1)) if len(finite) > 1 else math.nan


@claim("the statistics of the outputs become more alike with width")
def _statistics_become_similar(numbers: Numbers) -> Iterator[Verdict]:
    curves = numbers["widths"]
    for name, statistic in (("mean", "mean"), ("std", "standard deviation")):
        by_seed = [dict(zip(curve["seeds"], curve[f"{name}_apart_by_seed"], strict=True)) for curve in curves]
        change = _difference(by_seed[-1], by_seed[0])
        by_width = ", ".join(f"x{c['width']:g}: {number(c[f'{name}_apart']):.3f}" for c in curves)
        notes = (f"root mean square difference, {by_width}", f"change {change.mean:.3f}{_certainty(change)}")
        subject, holds = f"{statistic} of the outputs", change.below()
        yield judged(subject, holds, change.mean, "its change from the narrowest to the widest", *notes)


@claim(
    "output by output the two are not close (apart by half their standard deviation or more; limit ours)", over="widths"
)
def _not_close(curve: Numbers) -> Iterator[Verdict]:
    difference, std = number(curve["outputs_apart"]), number(curve["outputs_std"])
    ratio = difference / std if std else math.nan
    notes = (f"{difference:.3f} output by output", f"outputs of one model spread by {std:.3f} about their mean")
    meaning = "difference of outputs over their standard deviation"
    yield judged(f"x{curve['width']:g}", ratio >= _NOT_CLOSE, ratio, meaning, *notes)


def _about_gap(figure: str) -> tuple[Claim, Claim, Claim]:
    """The claims about each of Figures 2 to 4."""
    return (
        Claim("the network is ahead of its linearization at every width", _network_ahead, (figure,), over="panels"),
        Claim("the gap shrinks as the width grows", _gap_shrinks, (figure,), over="panels"),
        _linearization_grows,
    )


FIGURES = (
    PAPER.figure(
        "fig1", "four regimes: usual and wide, networks and linearizations", "finite_width.training",
        Claim("networks and linearizations become more alike with width", _gap_shrinks, over="panels"),
        _linearization_grows,
    ),
    PAPER.figure(
        "fig2", "accuracy against width, LeNet and its linearization on MNIST", "finite_width.training",
        *_about_gap("fig2"), _above_logistic,
    ),
    PAPER.figure(
        "fig3", "accuracy against width, LeNet and its linearization on shifted MNIST", "finite_width.training",
        *_about_gap("fig3"), _gap_grows_with_shift,
    ),
    PAPER.figure(
        "fig4", "accuracy against width, LeNet and its linearization on CIFAR-10", "finite_width.training",
        *_about_gap("fig4"), _wide_linearization_beats_narrow_network,
    ),
    PAPER.figure(
        "fig5", "accuracy against width, AlexNet and its linearization on ten classes of snakes",
        "finite_width.training",
        _large_gap,
        Claim(
            "at the best settings of each the gap shrinks as the width grows",
            _gap_shrinks, ("fig5", True), over="panels",
        ),
        _linearization_grows,
    ),
    PAPER.figure(
        "figA2", "statistics of the outputs through training, network and linearization", "finite_width.training",
        _statistics_become_similar, _not_close,
    ),
    PAPER.figure(
        "tableA1", "accuracies of AlexNet and its linearization, all widths and settings", "finite_width.training",
        Claim(
            "at the best settings of each the network is ahead at every width",
            _network_ahead, ("fig5", True), over="panels",
        ),
        _linearization_grows,
    ),
    PAPER.figure(
        "tableA2", "accuracies of LeNet and its linearization, all data sets and widths", "finite_width.training",
        *_about_gap("")[:2], _seeds_agree,
    ),
)  # fmt: skip
