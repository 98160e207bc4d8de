"""Figures 1 to 5 and A2, Tables A1 and A2: networks and their linearizations as they grow wider."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Claim, Verdict, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022.intervals import Interval, student_interval
from ntk_repro.papers.samarin2022.printed import printed_for

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]
Panel = Mapping[str, Any]
Line = Mapping[str, Any]
Seeds = Mapping[int, float | None]
"""The accuracies of some seeds."""

_SMALL_MARGIN = 0.02  # what "a small margin" over logistic regression is taken to be
_FLUCTUATION = 0.01
_LEARNT = 0.02  # above the rate of the largest class; less is nothing learnt (ours)
_NOT_CLOSE = 0.5  # of the outputs' own standard deviation (ours; equal statistics without any relation give 1.4)


def _line(panel: Panel, kind: str, best: bool = False) -> Line | None:
    """The first line of a kind; with `best` that of the best test accuracy at its least width."""
    lines = [line for line in panel["lines"] if line["kind"] == kind]
    if best and lines:
        return max(lines, key=lambda line: np.nan_to_num(_mean(line["test"][0]), nan=-1.0) if line["test"] else -1.0)
    return lines[0] if lines else None


def _seeds(line: Line, at: int, part: str = "test") -> Seeds:
    return dict(zip(line["seeds"][at], line[part][at], strict=True))


def _pairs(panel: Panel, best: bool = False) -> list[tuple[float, Seeds, Seeds]]:
    """Width by width the test accuracies of the network's and of the linearization's seeds."""
    network, linearized = _line(panel, "network"), _line(panel, "linearized", best)
    if network is None or linearized is None:
        return []
    there = {width: _seeds(linearized, at) for at, width in enumerate(linearized["widths"])}
    return [(w, _seeds(network, at), there[w]) for at, w in enumerate(network["widths"]) if w in there]


def _difference(first: Seeds, second: Seeds) -> Interval:
    """The first less the second, of the seeds that both have; of the means, with no interval, where there are none."""
    return _sum_over_seeds([first, second], [1, -1])


def _change(before: tuple[Seeds, Seeds], after: tuple[Seeds, Seeds]) -> Interval:
    """A gap (the first less the second) after less that before, of the seeds that all four have."""
    return _sum_over_seeds([*after, *before], [1, -1, -1, 1])


def _sum_over_seeds(terms: Sequence[Seeds], signs: Sequence[int]) -> Interval:
    common = sorted(set.intersection(*(set(term) for term in terms)))
    if not common:
        means = [_mean(list(term.values())) for term in terms]
        return Interval(float(np.dot(signs, means)), math.nan, math.nan, 0)
    rows = np.array([[_number(term[seed]) for seed in common] for term in terms])
    return student_interval(np.dot(signs, rows))


def _mean(values: Sequence[float | None]) -> float:
    return student_interval(values).mean


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _decided(holds: bool, interval: Interval, limit: float = 0.0) -> bool | None:
    """The verdict by the mean of several seeds; None where their interval holds the limit, so they do not decide."""
    return None if interval.low <= limit <= interval.high else holds


def _unlearnt(panel: Panel, pairs: Sequence[tuple[float, Seeds, Seeds]]) -> str:
    """What to say of the widths at which the network does no better than naming one class; else ""."""
    rate = panel.get("majority_rate")
    if rate is None:
        return ""
    at = [f"x{width:g}" for width, network, _ in pairs if _mean(list(network.values())) <= rate + _LEARNT]
    return (
        f"not judged: the network stays at the rate of the largest class ({rate:.1%}) at {', '.join(at)}" if at else ""
    )


def _points(interval: Interval) -> str:
    """ "12.34 points (95 % interval 10.10 to 14.58, 0 outside, 3 seeds)"."""
    return f"{100 * interval.mean:.2f} points{_certainty(interval, 100)}"


def _certainty(interval: Interval, scale: float = 1.0) -> str:
    if not math.isfinite(interval.low):
        return " (1 seed)" if interval.seeds == 1 else " (no seed in common)" if interval.seeds == 0 else ""
    zero = "0 inside: these seeds do not decide" if interval.low <= 0 <= interval.high else "0 outside"
    ends = f"{scale * interval.low:.2f} to {scale * interval.high:.2f}"
    return f" (95 % interval {ends}, {zero}, {interval.seeds} seeds)"


def _subject(panel: Panel, width: float | None = None) -> str:
    said = f"{display_name(panel['net'])} on {panel['data']}" + (
        f", shifted by up to {panel['shift']}" if panel["shift"] else ""
    )
    if panel["decay_epochs"] is not None:
        said += f", rate / 10 every {panel['decay_epochs']} epochs"
    return said + ("" if width is None else f", x{width:g}")


def _printed_gap(figure: str | None, panel: Panel, width: float) -> float | None:
    if figure is None or (figure == "fig3" and panel["shift"] != 7) or (figure == "fig2" and panel["shift"]):
        return None
    block = printed_for(figure, panel["data"])
    return None if block is None else block["test_gap"].get(f"{width:g}")


def _judged(
    panel: Panel,
    pairs: Sequence[tuple[float, Seeds, Seeds]],
    gap: Interval,
    limit: float,
    meaning: str,
    paper: float | None,
    width: float,
    note: str = "",
) -> Verdict:
    """Whether a gap at one width is above a limit; not judged where the network has learnt nothing."""
    why = _unlearnt(panel, pairs)
    holds = None if why else _decided(gap.mean > limit, gap, limit)
    said = "; ".join(part for part in (_points(gap), note, why) if part)
    return Verdict(_subject(panel, width), holds, gap.mean, meaning, paper, said)


def _network_ahead(figure: str | None, best: bool = False):
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for panel in numbers["panels"]:
            for width, network, linearized in _pairs(panel, best):
                gap = _difference(network, linearized)
                paper = _printed_gap(figure, panel, width)
                yield _judged(panel, [(width, network, linearized)], gap, 0.0, "gap in test accuracy", paper, width)

    return predicate


def _gap_shrinks(figure: str | None, best: bool = False):
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for panel in numbers["panels"]:
            pairs = _pairs(panel, best)
            if len(pairs) < 2:
                continue
            (narrow, *first), (wide, *last) = pairs[0], pairs[-1]
            change = _change((first[0], first[1]), (last[0], last[1]))
            before, after = _difference(*first), _difference(*last)
            note = f"from {_points(before)} at x{narrow:g} to {_points(after)} at x{wide:g}"
            note += f"; change {_points(change)}"
            printed = [_printed_gap(figure, panel, width) for width in (narrow, wide)]
            paper = None if None in printed else _number(printed[1]) - _number(printed[0])
            why = _unlearnt(panel, [pairs[0], pairs[-1]])
            # A linearization that is farther ahead than it was behind is no more like the network.
            shrinks = change.mean < 0 and abs(after.mean) < abs(before.mean)
            holds = None if why else _decided(shrinks, change)
            note += f"; {why}" if why else ""
            yield Verdict(_subject(panel), holds, change.mean, "change of the gap", paper, note)

    return predicate


def _linearization_grows(numbers: Numbers) -> Iterator[Verdict]:
    """By what it gains itself: less what the network gains would be the change of the gap, which is judged already."""
    for panel in numbers["panels"]:
        for line in panel["lines"]:
            if line["kind"] == "linearized" and len(line["widths"]) > 1:
                rise = _difference(_seeds(line, -1), _seeds(line, 0))
                rho = spearman(line["widths"], [_mean(values) for values in line["test"]])
                note = _points(rise)
                note += f", Spearman correlation with the width {rho:.2f}" if math.isfinite(rho) else ""
                subject = f"{_subject(panel)}, {line['name']}"
                meaning = "test accuracy at the widest less at the narrowest"
                yield Verdict(subject, _decided(rise.mean > 0, rise), rise.mean, meaning, note=note)


def _above_logistic(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        linearized, logistic = _line(panel, "linearized"), panel["logistic_test"]
        if linearized is None or logistic is None or 1.0 not in linearized["widths"]:
            continue
        ours = _mean(linearized["test"][linearized["widths"].index(1.0)])
        printed = printed_for("fig2", panel["data"])
        margin = ours - logistic
        note = f"linearization {ours:.2%}, logistic regression {logistic:.2%}"
        note += "" if printed is None else f" (the paper's: {printed['logistic']['test']:.0%})"
        yield Verdict(_subject(panel, 1), 0 < margin <= _SMALL_MARGIN, margin, "its lead in test accuracy", note=note)


def _gap_grows_with_shift(numbers: Numbers) -> Iterator[Verdict]:
    panels = sorted(numbers["panels"], key=lambda panel: panel["shift"])
    by_panel = [(panel, {width: seeds for width, *seeds in _pairs(panel)}) for panel in panels]
    for width in sorted({width for _, pairs in by_panel for width in pairs}):
        there = [(panel, pairs[width]) for panel, pairs in by_panel if width in pairs]
        if len({panel["shift"] for panel, _ in there}) < 2:
            continue
        (least, first), (most, last) = there[0], there[-1]
        rise = _change((first[0], first[1]), (last[0], last[1]))
        printed = [_printed_gap("fig2", least, width), _printed_gap("fig3", most, width)]
        paper = None if None in printed else _number(printed[1]) - _number(printed[0])
        note = "; ".join(f"up to {panel['shift']} pixels: {_points(_difference(*seeds))}" for panel, seeds in there)
        note += f"; rise {_points(rise)}"
        why = "; ".join(filter(None, (_unlearnt(p, [(width, both[0], both[1])]) for p, both in (there[0], there[-1]))))
        note += f"; {why}" if why else ""
        holds = None if why else _decided(rise.mean > 0, rise)
        meaning = "gap at the largest shift less that at the smallest"
        yield Verdict(f"x{width:g}", holds, rise.mean, meaning, paper, note)


def _wide_linearization_beats_narrow_network(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        network, linearized = _line(panel, "network"), _line(panel, "linearized")
        if network is None or linearized is None:
            continue
        why = _unlearnt(panel, [(network["widths"][0], _seeds(network, 0), {})])
        for part in ("train", "test"):
            lead = _difference(_seeds(linearized, -1, part), _seeds(network, 0, part))
            ends = f"linearization x{linearized['widths'][-1]:g} against network x{network['widths'][0]:g}"
            meaning, note = f"lead in {part} accuracy", f"{ends}: {_points(lead)}" + (f"; {why}" if why else "")
            holds = None if why else _decided(lead.mean > 0, lead)
            yield Verdict(f"{_subject(panel)}, {part}", holds, lead.mean, meaning, note=note)


def _large_gap(numbers: Numbers) -> Iterator[Verdict]:
    least = printed_numbers("samarin2022")["fig5"]["least_gap"]
    for panel in numbers["panels"]:
        for width, network, linearized in _pairs(panel):
            gap, pairs = _difference(network, linearized), [(width, network, linearized)]
            paper = least if printed_for("fig5", panel["data"]) else None
            note = f"limit {100 * least:g} points"
            yield _judged(panel, pairs, gap, least, "gap in test accuracy", paper, width, note)


def _seeds_agree(numbers: Numbers) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        network = _line(panel, "network")
        spreads = [] if network is None else [_std(values) for values in network["test"]]
        spreads = [spread for spread in spreads if math.isfinite(spread)]
        largest = max(spreads, default=math.nan)
        meaning = "largest standard deviation of the network's test accuracy over seeds"
        pairs = [] if network is None else [(w, _seeds(network, at), {}) for at, w in enumerate(network["widths"])]
        # One that always names the same class depends on no seed.
        why = _unlearnt(panel, pairs)
        note = "; ".join(filter(None, ("" if spreads else "one seed", why)))
        yield Verdict(_subject(panel), None if why else largest <= _FLUCTUATION, largest, meaning, note=note)


def _std(values: Sequence[float | None]) -> float:
    there = np.array([v for v in values if v is not None], float)
    return float(there.std(ddof=1)) if len(there) > 1 else math.nan


def _statistics_become_alike(numbers: Numbers) -> Iterator[Verdict]:
    curves = numbers["widths"]
    for name in ("mean", "std"):
        by_seed = [dict(zip(curve["seeds"], curve[f"{name}_apart_by_seed"], strict=True)) for curve in curves]
        note = ", ".join(f"x{c['width']:g}: {_number(c[f'{name}_apart']):.3f}" for c in curves)
        change = _difference(by_seed[-1], by_seed[0])
        note = f"root mean square difference, {note}; change {change.mean:.3f}{_certainty(change)}"
        meaning = "its change from the narrowest to the widest"
        subject = {"mean": "mean of the outputs", "std": "standard deviation of the outputs"}[name]
        yield Verdict(subject, _decided(change.mean < 0, change), change.mean, meaning, note=note)


def _not_alike_path_by_path(numbers: Numbers) -> Iterator[Verdict]:
    for curve in numbers["widths"]:
        apart, spread = _number(curve["outputs_apart"]), _number(curve["outputs_std"])
        note = f"{apart:.3f} output by output; outputs of one model spread by {spread:.3f} about their mean"
        meaning = "difference of outputs over their standard deviation"
        ratio = apart / spread if spread else math.nan
        yield Verdict(f"x{curve['width']:g}", ratio >= _NOT_CLOSE, ratio, meaning, note=note)


_SHRINKS = "the gap shrinks as the width grows"
_AHEAD = "the network is ahead of its linearization at every width"
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
        Claim("networks and linearizations become more alike with width", _gap_shrinks(None)), _GROWS,
    ),
    _figure(
        "fig2", "accuracy against width, LeNet and its linearization on MNIST", "Figure 2", "fig2",
        Claim(_AHEAD, _network_ahead("fig2")), Claim(_SHRINKS, _gap_shrinks("fig2")), _GROWS,
        Claim("at x1 the linearization is just above logistic regression (by at most 2 points)", _above_logistic),
    ),
    _figure(
        "fig3", "accuracy against width, LeNet and its linearization on shifted MNIST", "Figure 3", "fig3",
        Claim(_AHEAD, _network_ahead("fig3")), Claim(_SHRINKS, _gap_shrinks("fig3")), _GROWS,
        Claim("the gap grows with the shift", _gap_grows_with_shift),
    ),
    _figure(
        "fig4", "accuracy against width, LeNet and its linearization on CIFAR-10", "Figure 4", "fig4",
        Claim(_AHEAD, _network_ahead("fig4")), Claim(_SHRINKS, _gap_shrinks("fig4")), _GROWS,
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
        Claim(
            "output by output the two are not close (apart by half their standard deviation or more; limit ours)",
            _not_alike_path_by_path,
        ),
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
