"""Figures 1 to 5 and A2, Tables A1 and A2: networks and their linearizations as they grow wider."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ntk_repro.papers.claims import Claim, Verdict, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022.intervals import Interval, student_interval

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]
Panel = Mapping[str, Any]
Line = Mapping[str, Any]

_ROUNDING = 1e-9
_SMALL_MARGIN = 0.02  # what "a small margin" over logistic regression is taken to be
_FLUCTUATION = 0.01


def _line(panel: Panel, kind: str, best: bool = False) -> Line | None:
    """The first line of a kind; with `best` that of the best test accuracy at its least width."""
    lines = [line for line in panel["lines"] if line["kind"] == kind]
    if best and lines:
        return max(lines, key=lambda line: _mean(line["test"][0]) if line["test"] else -math.inf)
    return lines[0] if lines else None


def _pairs(panel: Panel, best: bool = False) -> list[tuple[float, list[float | None], list[float | None]]]:
    """Width by width the test accuracies of the network's and of the linearization's seeds."""
    network, linearized = _line(panel, "network"), _line(panel, "linearized", best)
    if network is None or linearized is None:
        return []
    there = dict(zip(linearized["widths"], linearized["test"], strict=True))
    return [(w, of, there[w]) for w, of in zip(network["widths"], network["test"], strict=True) if w in there]


def _gaps(panel: Panel, best: bool = False) -> list[tuple[float, Interval]]:
    """Width by width the gap in test accuracy, seed by seed where both have the same number of them."""
    return [(width, _difference(network, linearized)) for width, network, linearized in _pairs(panel, best)]


def _difference(first: Sequence[float | None], second: Sequence[float | None]) -> Interval:
    if len(first) != len(second):
        return Interval(_mean(first) - _mean(second), math.nan, math.nan, 0)
    return student_interval([_number(a) - _number(b) for a, b in zip(first, second, strict=True)])


def _mean(values: Sequence[float | None]) -> float:
    return student_interval(values).mean


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _points(interval: Interval) -> str:
    """ "12.34 points (95 % interval 10.10 to 14.58)"."""
    said = f"{100 * interval.mean:.2f} points"
    if math.isfinite(interval.low):
        said += f" (95 % interval {100 * interval.low:.2f} to {100 * interval.high:.2f}, {interval.seeds} seeds)"
    return said


def _subject(panel: Panel, width: float | None = None) -> str:
    shift = f", shifted by up to {panel['shift']}" if panel["shift"] else ""
    return f"{panel['net']} on {panel['data']}{shift}" + ("" if width is None else f", x{width:g}")


def _printed_gap(figure: str | None, panel: Panel, width: float) -> float | None:
    if figure is None or (figure == "fig3" and panel["shift"] != 7) or (figure == "fig2" and panel["shift"]):
        return None
    return printed_numbers("samarin2022")[figure]["test_gap"].get(f"{width:g}")


def _network_ahead(figure: str | None, best: bool = False):
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for panel in numbers["panels"]:
            for width, gap in _gaps(panel, best):
                paper = _printed_gap(figure, panel, width)
                meaning = "gap in test accuracy"
                yield Verdict(_subject(panel, width), gap.mean > 0, gap.mean, meaning, paper, _points(gap))

    return predicate


def _gap_shrinks(figure: str | None, best: bool = False):
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for panel in numbers["panels"]:
            pairs = _pairs(panel, best)
            if len(pairs) < 2:
                continue
            (narrow, *_), (wide, *_) = pairs[0], pairs[-1]
            gaps = [_difference(*pair[1:]) for pair in pairs]
            change = _change([pairs[0][1:], pairs[-1][1:]])
            note = f"from {_points(gaps[0])} at x{narrow:g} to {_points(gaps[-1])} at x{wide:g}"
            if math.isfinite(change.low):
                note += f"; change {_points(change)}"
            printed = [_printed_gap(figure, panel, width) for width in (narrow, wide)]
            paper = None if None in printed else _number(printed[1]) - _number(printed[0])
            yield Verdict(_subject(panel), change.mean < 0, change.mean, "change of the gap", paper, note)

    return predicate


def _change(ends: Sequence[tuple[Sequence[float | None], Sequence[float | None]]]) -> Interval:
    """The gap at the second of two widths less that at the first, seed by seed where there are as many."""
    (a, b), (c, d) = ends
    if len({len(a), len(b), len(c), len(d)}) > 1:
        return Interval(_mean(c) - _mean(d) - _mean(a) + _mean(b), math.nan, math.nan, 0)
    rows = np.array([[_number(v) for v in values] for values in (a, b, c, d)])
    return student_interval(rows[2] - rows[3] - rows[0] + rows[1])


def _linearization_gains_more(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        pairs = _pairs(panel)
        if len(pairs) < 2:
            continue
        (narrow, *first), (wide, *last) = pairs[0], pairs[-1]
        network, linearized = (_mean(last[i]) - _mean(first[i]) for i in range(2))
        note = f"from x{narrow:g} to x{wide:g} the network gains {100 * network:.2f} points, "
        note += f"the linearization {100 * linearized:.2f}"
        meaning = "gain of the linearization less that of the network"
        yield Verdict(_subject(panel), linearized > max(network, 0.0), linearized - network, meaning, note=note)


def _linearization_grows(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        for line in panel["lines"]:
            if line["kind"] == "linearized" and len(line["widths"]) > 1:
                means = [_mean(values) for values in line["test"]]
                rise = means[-1] - means[0]
                rho = spearman(line["widths"], means)
                note = f"Spearman correlation with the width {rho:.2f}" if math.isfinite(rho) else ""
                subject = f"{_subject(panel)}, {line['name']}"
                yield Verdict(subject, rise > 0, rise, "test accuracy at the widest less at the narrowest", note=note)


def _above_logistic(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        linearized, logistic = _line(panel, "linearized"), panel["logistic_test"]
        if linearized is None or logistic is None or 1.0 not in linearized["widths"]:
            continue
        ours = _mean(linearized["test"][linearized["widths"].index(1.0)])
        printed = printed_numbers("samarin2022")["fig2"]["logistic"]["test"]
        margin = ours - logistic
        note = f"linearization {ours:.2%}, logistic regression {logistic:.2%} (the paper's: {printed:.0%})"
        yield Verdict(_subject(panel, 1), 0 < margin <= _SMALL_MARGIN, margin, "its lead in test accuracy", note=note)


def _gap_grows_with_shift(numbers: Numbers) -> Iterator[Verdict]:
    panels = sorted(numbers["panels"], key=lambda panel: panel["shift"])
    widths = sorted({width for panel in panels for width, _ in _gaps(panel)})
    for width in widths:
        gaps = [(panel["shift"], dict(_gaps(panel))[width]) for panel in panels if width in dict(_gaps(panel))]
        if len(gaps) < 2:
            continue
        rise = gaps[-1][1].mean - gaps[0][1].mean
        printed = [printed_numbers("samarin2022")[f]["test_gap"].get(f"{width:g}") for f in ("fig2", "fig3")]
        paper = None if None in printed or gaps[-1][0] != 7 else _number(printed[1]) - _number(printed[0])
        note = "; ".join(f"up to {shift} pixels: {_points(gap)}" for shift, gap in gaps)
        yield Verdict(f"x{width:g}", rise > 0, rise, "gap at the largest shift less that at the smallest", paper, note)


def _wide_linearization_beats_narrow_network(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        network, linearized = _line(panel, "network"), _line(panel, "linearized")
        if network is None or linearized is None:
            continue
        for part in ("train", "test"):
            lead = _difference(linearized[part][-1], network[part][0])
            ends = f"linearization x{linearized['widths'][-1]:g} against network x{network['widths'][0]:g}"
            meaning = f"lead in {part} accuracy"
            yield Verdict(f"{_subject(panel)}, {part}", lead.mean > 0, lead.mean, meaning, note=ends)


def _large_gap(numbers: Numbers) -> Iterator[Verdict]:
    least = printed_numbers("samarin2022")["fig5"]["least_gap"]
    for panel in numbers["panels"]:
        for width, gap in _gaps(panel):
            yield Verdict(
                _subject(panel, width), gap.mean > least, gap.mean, "gap in test accuracy", least, _points(gap)
            )


def _seeds_agree(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        network = _line(panel, "network")
        spreads = [] if network is None else [_std(values) for values in network["test"]]
        spreads = [spread for spread in spreads if math.isfinite(spread)]
        largest = max(spreads, default=math.nan)
        meaning = "largest standard deviation of the network's test accuracy over seeds"
        note = "" if spreads else "one seed"
        yield Verdict(_subject(panel), largest <= _FLUCTUATION, largest, meaning, note=note)


def _std(values: Sequence[float | None]) -> float:
    there = np.array([v for v in values if v is not None], float)
    return float(there.std(ddof=1)) if len(there) > 1 else math.nan


def _statistics_become_alike(numbers: Numbers) -> Iterator[Verdict]:
    for name in ("mean", "std"):
        apart = [curve[f"{name}_apart"] for curve in numbers["widths"]]
        note = ", ".join(f"x{c['width']:g}: {_number(a):.3f}" for c, a in zip(numbers["widths"], apart, strict=True))
        change = _number(apart[-1]) - _number(apart[0])
        meaning = "its change from the narrowest to the widest"
        subject = {"mean": "mean of the outputs", "std": "standard deviation of the outputs"}[name]
        yield Verdict(subject, change < 0, change, meaning, note=f"root mean square difference, {note}")


def _not_alike_path_by_path(numbers: Numbers) -> Iterator[Verdict]:
    for curve in numbers["widths"]:
        outputs, mean = _number(curve["outputs_apart"]), _number(curve["mean_apart"])
        note = f"{outputs:.3f} output by output, {mean:.3f} between their means"
        meaning = "difference of outputs over difference of their means"
        yield Verdict(f"x{curve['width']:g}", outputs > mean, outputs / mean if mean else math.nan, meaning, note=note)


_SHRINKS = "the gap shrinks as the width grows"
_AHEAD = "the network is ahead of its linearization at every width"
_GAINS = Claim("the linearization gains more from width than the network", _linearization_gains_more)
_GROWS = Claim("the linearization's test accuracy grows with the width", _linearization_grows)


def _figure(name: str, title: str, number: str, script: str, *claims: Claim) -> Figure:
    return Figure(
        id=f"samarin2022/{name}",
        title=title,
        source=f"Samarin et al. 2022, {number}",
        study="widths.training",
        script=f"samarin2022/{script}.py",
        claims=claims,
    )


FIGURES = (
    _figure(
        "fig1", "four regimes: usual and wide, networks and linearizations", "Figure 1", "fig1",
        Claim("networks and linearizations become more alike with width", _gap_shrinks(None)), _GAINS,
    ),
    _figure(
        "fig2", "accuracy against width, LeNet and its linearization on MNIST", "Figure 2", "fig2",
        Claim(_AHEAD, _network_ahead("fig2")), Claim(_SHRINKS, _gap_shrinks("fig2")), _GAINS, _GROWS,
        Claim("at x1 the linearization is just above logistic regression (by at most 2 points)", _above_logistic),
    ),
    _figure(
        "fig3", "accuracy against width, LeNet and its linearization on shifted MNIST", "Figure 3", "fig3",
        Claim(_AHEAD, _network_ahead("fig3")), Claim(_SHRINKS, _gap_shrinks("fig3")), _GAINS, _GROWS,
        Claim("the gap grows with the shift", _gap_grows_with_shift),
    ),
    _figure(
        "fig4", "accuracy against width, LeNet and its linearization on CIFAR-10", "Figure 4", "fig4",
        Claim(_AHEAD, _network_ahead("fig4")), Claim(_SHRINKS, _gap_shrinks("fig4")), _GAINS, _GROWS,
        Claim(
            "the widest linearization is ahead of the narrowest network, in training and test accuracy",
            _wide_linearization_beats_narrow_network,
        ),
    ),
    _figure(
        "fig5", "accuracy against width, AlexNet and its linearization on ten classes of snakes", "Figure 5", "fig5",
        Claim("at the network's learning rate the gap is above 20 points at every width", _large_gap),
        Claim(f"at the best settings of each {_SHRINKS}", _gap_shrinks("fig5", best=True)), _GROWS,
    ),
    _figure(
        "figA2", "statistics of the outputs through training, network and linearization", "Figure A2", "figA2",
        Claim("the statistics of the outputs become more alike with width", _statistics_become_alike),
        Claim("output by output the two are less alike than in their means", _not_alike_path_by_path),
    ),
    _figure(
        "tableA1", "accuracies of AlexNet and its linearization, all widths and settings", "Table A1", "tableA1",
        Claim("at the best settings of each the network is ahead at every width", _network_ahead("fig5", best=True)),
        _GROWS,
    ),
    _figure(
        "tableA2", "accuracies of LeNet and its linearization, all data sets and widths", "Table A2", "tableA2",
        Claim(_AHEAD, _network_ahead(None)), Claim(_SHRINKS, _gap_shrinks(None)),
        Claim("the network's accuracy hardly depends on the seed (standard deviation up to 1 point)", _seeds_agree),
    ),
)  # fmt: skip
