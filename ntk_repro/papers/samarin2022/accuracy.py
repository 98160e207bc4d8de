"""Figures 2 to 5, Tables A1 and A2: networks and their linearizations as they grow wider."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ntk_repro.network_names import width_text
from ntk_repro.papers.claims import Claim, Numbers, Verdict, as_printed, claim, judged
from ntk_repro.papers.departures import departures
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import (
    ALEXNET_FIGURES,
    KINDS,
    LENET_FIGURES,
    NAMES,
    NINE_POINTS,
    PART_NAMES,
    PARTS,
    THREE_POINTS,
    ends_of,
    figure_of,
    half_digit,
    line_of,
    not_all_widths,
    of_width,
    pairs_of,
    points,
    range_text,
    seeds_of,
    settings_of,
    subject,
    unlike_paper,
)
from ntk_repro.papers.samarin2022.trends import (
    LINEARIZATION_GAINS,
    SIGNIFICANT_RISE,
    Trend,
    gap_shrinks,
    network_gains_little,
    rise,
    unlike_range,
)
from ntk_repro.papers.statistics import all_hold, deviation_interval, signed_sum, student_interval
from ntk_repro.papers.thresholds import ABOUT_PER_CENT, SECOND_DECIMAL

_RUNS = 5  # of the paper, behind each printed mean
_TOO_WIDE = (0.005, 0.2)  # a prediction interval of more than half a point and 20% says nothing (ours)


def _panels(numbers: Numbers, figure: str) -> list[Numbers]:
    """What a figure's claims are about: Figure 3 shows centred digits besides, for comparison."""
    return [panel for panel in numbers["panels"] if figure != "fig3" or panel["shift"]]


def _along_width(
    numbers: Numbers, figure: str, settings: Sequence[bool], trend: Trend, *arguments: Any
) -> Iterator[Verdict]:
    """A trend on the panels of a figure, once for each of `settings` of the linearization: whether its own."""
    for panel in _panels(numbers, figure):
        for own in settings:
            if (ends := ends_of(panel, own)) is not None:
                yield trend(panel, figure, *ends, *arguments)


def _printed_gaps(numbers: Numbers, figure: str) -> Iterator[Verdict]:
    """The paper's mean of five runs against the prediction interval of such a mean, from our seeds."""
    printed = printed_numbers("samarin2022")[figure]["test_gap"]
    for panel in _panels(numbers, figure):
        departs = unlike_paper(panel, figure)
        for pair in pairs_of(panel, own=figure == "fig5"):
            if (paper := printed.get(f"{pair.width:g}")) is not None:
                ours, name = student_interval(pair.gaps(), further=_RUNS), subject(panel, f"x{pair.width:g}")
                share, rounding = float(paper) / 100, half_digit(paper)
                widest = max(_TOO_WIDE[0], _TOO_WIDE[1] * share)
                meaning = "gap in test accuracy"
                yield as_printed(name, ours, share, widest, meaning, rounding=rounding, unless=departs)


@claim(
    "at x1 the linearization is ahead of a logistic regression on the pixels, by less than 3 points in test accuracy",
    over="panels",
    place="section 4.1",
)
def _above_logistic(panel: Numbers) -> Iterator[Verdict]:
    pair, logistic = of_width(panel, 1.0), panel["logistic_test"]
    if pair is not None and logistic is not None:
        lead = student_interval([value - logistic for value in seeds_of(pair.linearized["test"])])
        note = f"logistic regression {logistic:.2%}, the linearization ahead by {points(lead)}"
        why = unlike_paper(panel, "fig2")
        holds, meaning = lead.within(0, THREE_POINTS), "its lead in test accuracy"
        yield judged(subject(panel, "x1"), holds, lead.mean, meaning, note, unless=why)


@claim(
    "a logistic regression on the pixels has the paper's accuracies (about: within 1 point)",
    over="panels",
    place="section 4.1",
)
def _logistic_as_printed(panel: Numbers) -> Iterator[Verdict]:
    """No seed and no sample moves it: the images are the paper's."""
    why = departures(settings_of("logistic"), panel)
    for part in PARTS:
        ours, printed = panel.get(f"logistic_{part}"), printed_numbers("samarin2022")["logistic"][part]
        if ours is not None:
            holds, paper = abs(ours - printed) <= ABOUT_PER_CENT, None if why else printed
            name = f"logistic regression on {panel['data']}"
            yield judged(f"{name}, {part}", holds, ours, PART_NAMES[part], unless=why, paper=paper)


def _gap_grows_with_shift(numbers: Numbers, part: str) -> Iterator[Verdict]:
    panels = sorted(numbers["panels"], key=lambda panel: panel["shift"])
    found = [(panel, pair) for panel in panels for pair in pairs_of(panel)]
    for width in sorted({pair.width for _, pair in found}):
        of_one = [(panel, pair) for panel, pair in found if pair.width == width]
        (least, first), (most, last) = of_one[0], of_one[-1]
        if least["shift"] < most["shift"]:
            rise = first.change_to(last, part)
            notes = [f"up to {panel['shift']} pixels: {points(pair.gap(part))}" for panel, pair in of_one]
            why = unlike_paper(least, "fig2", width) or unlike_paper(most, "fig3", width)
            meaning = f"gap in {PART_NAMES[part]} at the largest shift less that at the smallest"
            notes.append(f"rise {points(rise)}")
            yield judged(f"x{width_text(width)}", rise.above(), rise.mean, meaning, *notes, unless=why)


@claim("at the widest the gap on CIFAR-10 is still 3 points or more", over="panels", place="section 4.1; Figure 4")
def _still_appreciable(panel: Numbers) -> Iterator[Verdict]:
    for pair in pairs_of(panel)[-1:]:
        gap, name = pair.gap(), subject(panel, f"x{width_text(pair.width)}")
        why = unlike_paper(panel, "fig4") or not_all_widths(panel["net"], [one.width for one in pairs_of(panel)])
        yield judged(name, gap.above(THREE_POINTS), gap.mean, "gap in test accuracy", points(gap), unless=why)


@claim(
    "the widest linearization is ahead of the network of standard width, in training and in test accuracy",
    over="panels",
    place="abstract; section 1, second contribution; section 4.1, Figure 4; section 5",
)
def _wide_linearization_beats_narrow_network(panel: Numbers) -> Iterator[Verdict]:
    narrow, pairs = of_width(panel, 1.0), pairs_of(panel)
    if narrow is None:
        return
    for part in PARTS:
        lead = signed_sum([pairs[-1].linearized[part], narrow.network[part]], [1, -1], narrow.images[part])
        why = unlike_range(panel, "fig4", narrow, pairs[-1])
        note = f"linearization x{width_text(pairs[-1].width)} against network x1: {points(lead)}"
        yield judged(subject(panel, part), lead.above(), lead.mean, f"lead in {PART_NAMES[part]}", note, unless=why)


@claim(
    "trained as the network, AlexNet's linearization is more than 20 points behind in test accuracy, at all widths",
    over="panels",
    place="section 4.1; Figure 5",
)
def _twenty_points(panel: Numbers) -> Iterator[Verdict]:
    for pair in pairs_of(panel):
        gap, least = pair.gap(), printed_numbers("samarin2022")["fig5"]["least_gap"]
        name, why = subject(panel, f"x{width_text(pair.width)}"), unlike_paper(panel, "fig5", pair.width)
        yield judged(name, gap.above(least), gap.mean, "gap in test accuracy", points(gap), unless=why)


@claim(
    "its own best settings bring AlexNet's linearization nearer to the network, by less than 3 points in test accuracy",
    over="panels",
    place="section 4.1; Figure 5",
)
def _own_settings_help_slightly(panel: Numbers) -> Iterator[Verdict]:
    own = {pair.width: pair for pair in pairs_of(panel, own=True)}
    for pair in pairs_of(panel):
        if pair.width in own:
            both = [own[pair.width].linearized["test"], pair.linearized["test"]]
            nearer = signed_sum(both, [1, -1], pair.images["test"])
            why = unlike_paper(panel, "fig5", pair.width)
            name, holds = subject(panel, f"x{width_text(pair.width)}"), nearer.within(0, THREE_POINTS)
            yield judged(name, holds, nearer.mean, "test accuracy gained", points(nearer), unless=why)


def _gap_of_width(
    numbers: Numbers, figures: Sequence[str], width: float, parts: Sequence[str], least: float
) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        figure, pair = figure_of(panel), of_width(panel, width)
        for part in parts if figure in figures else ():
            name, meaning = subject(panel, f"x{width_text(width)}", part), f"gap in {PART_NAMES[part]}"
            if pair is None:
                yield judged(name, None, math.nan, meaning, unless=f"no run at x{width_text(width)}")
            else:
                gap, why = pair.gap(part), unlike_paper(panel, figure)
                yield judged(name, gap.above(least), gap.mean, meaning, points(gap), unless=why)


@claim(
    "linearizations of standard width do not fit their training images (3 points or more below 100%), wider ones "
    "fit them better",
    over="panels",
    place="section 1; section 4.1, Figure 2; section 4.2; section 4.3",
)
def _training_accuracy_is_low(panel: Numbers) -> Iterator[Verdict]:
    if (ends := ends_of(panel)) is not None:
        error = student_interval([1 - value for value in seeds_of(ends[0].linearized["train"])])
        gained = ends[0].rise_to(ends[1], "linearized", "train")
        holds = all_hold(error.above(THREE_POINTS), gained.above())
        why = unlike_range(panel, figure_of(panel), *ends)
        notes = (points(error), f"training accuracy rises by {points(gained)}, {range_text(*ends)}")
        meaning = f"training error of the linearization at x{width_text(ends[0].width)}"
        yield judged(subject(panel), holds, error.mean, meaning, *notes, unless=why)


@claim(
    "accuracies on MNIST differ between seeds in the second decimal of per cent (standard deviation below 0.1 points)",
    over="panels",
    place="section 4.3; Table A2",
)
def _seeds_agree(panel: Numbers) -> Iterator[Verdict]:
    lines = {kind: line_of(panel, kind) for kind in KINDS} if figure_of(panel) == "fig2" else {}
    for kind, line in lines.items():
        for width, values in zip(line["widths"], line["test"], strict=True) if line else ():
            found, name = deviation_interval(values), subject(panel, f"x{width_text(width)}")
            holds, why = found.below(SECOND_DECIMAL), unlike_paper(panel, "fig2", width)
            meaning = f"standard deviation of {NAMES[kind]}'s test accuracy"
            yield judged(f"{name}, {NAMES[kind]}", holds, found.mean, meaning, points(found), unless=why)


_EQUAL, _OWN = (False,), (True,)  # settings of the linearization: the network's, its own best


def _shrinks(figure: str, part: str = "test", settings: Sequence[bool] = _EQUAL) -> Claim:
    arguments = (figure, settings, gap_shrinks, part)
    statement = f"the gap in {PART_NAMES[part]} shrinks with width (from x1 to the widest)"
    return Claim(statement, _along_width, arguments, place=f"section 4.1; Figure {figure[3:]}")


def _as_printed(figure: str) -> Claim:
    statement = (
        "the gaps in test accuracy are those that the paper prints (inside the 95% prediction interval of a "
        "mean of five runs)"
    )
    return Claim(statement, _printed_gaps, (figure,), place=f"section 4.1; Figure {figure[3:]}")


def _narrow(figures: Sequence[str], place: str) -> tuple[Claim, Claim]:
    return (
        Claim(
            "at standard width the network is ahead by 3 points or more, in training and in test accuracy",
            _gap_of_width, (figures, 1.0, PARTS, THREE_POINTS),
            place=f"Figure 1, caption; section 4.1, {place}; section 5, first finding",
        ),
        Claim(
            "at a small expansion factor, x2, the network is still ahead by 3 points or more in test accuracy",
            _gap_of_width, (figures, 2.0, ("test",), THREE_POINTS), place="section 4.1, last paragraph",
        ),
    )  # fmt: skip


FIGURES = (
    PAPER.figure(
        "fig2", "accuracy against width, LeNet and its linearization on MNIST", "finite_width.training",
        _as_printed("fig2"),
        Claim(
            "the network does not gain appreciably from width, where the linearization does (it gains less than half "
            "as much in test accuracy)",
            _along_width, ("fig2", _EQUAL, network_gains_little), place="section 4.1; Figure 2",
        ),
        Claim(
            f"the linearization gains appreciably from width ({SIGNIFICANT_RISE})",
            _along_width, ("fig2", _EQUAL, rise, *LINEARIZATION_GAINS), place="section 4.1; Figure 2",
        ),
        _shrinks("fig2"), _above_logistic, _logistic_as_printed,
    ),
    PAPER.figure(
        "fig3", "accuracy against width, LeNet and its linearization on shifted MNIST", "finite_width.training",
        *(
            Claim(
                f"the gap in {PART_NAMES[part]} grows with the shift",
                _gap_grows_with_shift, (part,), place="section 4.1; Figure 3",
            )
            for part in PARTS
        ),
        _shrinks("fig3"), _shrinks("fig3", "train"), _as_printed("fig3"),
    ),
    PAPER.figure(
        "fig4", "accuracy against width, LeNet and its linearization on CIFAR-10", "finite_width.training",
        _as_printed("fig4"), _shrinks("fig4"), _still_appreciable, _wide_linearization_beats_narrow_network,
    ),
    PAPER.figure(
        "fig5", "accuracy against width, AlexNet and its linearization on ten classes of snakes",
        "finite_width.training",
        _shrinks("fig5", settings=_EQUAL + _OWN), _twenty_points, _own_settings_help_slightly,
        *(
            Claim(
                f"width has little impact on the network's {PART_NAMES[part]} (less than 3 points)",
                _along_width, ("fig5", _EQUAL, rise, "network", part, -THREE_POINTS, THREE_POINTS),
                place="section 4.1; Figure 5",
            )
            for part in PARTS
        ),
        Claim(
            "the linearization's test accuracy rises slightly with width (by less than 3 points)",
            _along_width, ("fig5", _EQUAL + _OWN, rise, "linearized", "test", 0.0, THREE_POINTS),
            place="section 4.1; Figure 5",
        ),
        Claim(
            "the linearization's training accuracy rises strongly with width (by 9 points or more)",
            _along_width, ("fig5", _EQUAL + _OWN, rise, "linearized", "train", NINE_POINTS, math.inf),
            place="section 4.1; Figure 5",
        ),
    ),
    PAPER.figure(
        "tableA1", "accuracies of AlexNet and its linearization, all widths and settings", "finite_width.training",
        *_narrow(ALEXNET_FIGURES, "Figure 5 and last paragraph"),
        Claim(
            "the gap in training accuracy at standard width is large (9 points or more)",
            _gap_of_width, (ALEXNET_FIGURES, 1.0, ("train",), NINE_POINTS), place="section 4.2",
        ),
        _as_printed("fig5"),
    ),
    PAPER.figure(
        "tableA2", "accuracies of LeNet and its linearization, all data sets and widths", "finite_width.training",
        *_narrow(LENET_FIGURES, "Figure 2 and last paragraph"), _training_accuracy_is_low, _seeds_agree,
    ),
)  # fmt: skip
