"""Figures 1 to 5, Tables A1 and A2: networks and their linearizations as they grow wider."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER, WIDEST, departures, width_text
from ntk_repro.papers.samarin2022.gaps import (
    DATA_NAMES,
    KINDS,
    NAMES,
    PART_NAMES,
    PARTS,
    THREE_POINTS,
    Pair,
    at_papers_settings,
    ends_of,
    figure_of,
    line_of,
    not_all_widths,
    of_width,
    pairs_of,
    points,
    range_text,
    seeds_of,
    subject,
    unlike_paper,
)
from ntk_repro.papers.statistics import all_hold, deviation_interval, number, signed_sum, student_interval
from ntk_repro.papers.thresholds import ABOUT_PER_CENT, NEARLY_ALL, SECOND_DECIMAL

_FIGURES = ("fig2", "fig3", "fig4", "fig5")
_RUNS = 5  # of the paper, behind each printed mean
_PRINTED_DIGIT = 0.00005  # half the last digit of a printed gap
_TOO_WIDE = (0.005, 0.2)  # a prediction interval of more than half a point and 20 % says nothing (ours)

Trend = Callable[..., Verdict]
"""(panel, figure, narrow pair, wide pair, *arguments) -> whether the paper's statement on a figure holds from one width
to the other."""


def _unlike_range(
    panel: Numbers, figure: str, narrow: Pair, wide: Pair, *, part: bool, of: Sequence[str] = KINDS
) -> str:
    """Why two widths cannot show what the paper says of its own; see `unlike_paper` and `not_all_widths`."""
    unlike = unlike_paper(panel, figure, narrow, wide, of=of)
    return unlike or not_all_widths(panel["net"], narrow.width, wide.width, part=part)


def _gap_shrinks(panel: Numbers, figure: str, narrow: Pair, wide: Pair, part: str = "test") -> Verdict:
    change, total = narrow.change_to(wide, part), narrow.gap_sum(wide, part)
    # A linearization that is farther ahead than it was behind is no more like the network.
    holds = all_hold(change.below(), total.above())
    gaps = f"from {points(narrow.gap(part))} to {points(wide.gap(part))}"
    why = _unlike_range(panel, figure, narrow, wide, part=holds is not False)
    meaning = f"change of the gap in {PART_NAMES[part]}, {range_text(narrow, wide)}"
    return judged(_settings(panel, narrow), holds, change.mean, meaning, gaps, f"change {points(change)}", unless=why)


def _gap_shrinks_slightly(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> Verdict:
    change = narrow.change_to(wide)
    holds = change.within(-THREE_POINTS, 0)
    decided = change.below(-THREE_POINTS) is True
    why = _unlike_range(panel, figure, narrow, wide, part=decided or holds is None)
    meaning = f"change of the gap in test accuracy, {range_text(narrow, wide)}"
    return judged(_settings(panel, narrow), holds, change.mean, meaning, points(change), unless=why)


def _rise(
    panel: Numbers, figure: str, narrow: Pair, wide: Pair, kind: str, part: str, least: float, most: float
) -> Verdict:
    """Whether what a model's accuracy gains from width lies between two limits."""
    rise = narrow.rise_to(wide, kind, part)
    holds = rise.within(least, most)
    # What gains too much in a part of the widths gains too much; what gains little may yet gain more.
    decided = rise.above(least if most == math.inf else most) is True
    why = _unlike_range(panel, figure, narrow, wide, part=decided or holds is None, of=[kind])
    meaning = f"rise of {NAMES[kind]}'s {PART_NAMES[part]}, {range_text(narrow, wide)}"
    name = subject(panel) if kind == "network" else _settings(panel, narrow)
    return judged(name, holds, rise.mean, meaning, points(rise), unless=why)


_LINEARIZATION_GAINS = ("linearized", "test", THREE_POINTS, math.inf)


def _trains_better(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> Verdict:
    """The linearization's training accuracy rises by 3 points, and by more than its test accuracy."""
    rises = {part: narrow.rise_to(wide, "linearized", part) for part in PARTS}
    terms = [one.linearized[part] for part in ("train", "test") for one in (wide, narrow)]
    lead = signed_sum(terms, [1, -1, -1, 1], narrow.images["test"])
    holds = all_hold(rises["train"].above(THREE_POINTS), lead.above())
    why = _unlike_range(panel, figure, narrow, wide, part=holds is not False, of=["linearized"])
    notes = [f"{PART_NAMES[part]} rises by {points(rise)}" for part, rise in rises.items()]
    meaning = f"rise of the linearization's training accuracy, {range_text(narrow, wide)}"
    return judged(_settings(panel, narrow), holds, rises["train"].mean, meaning, *notes, unless=why)


def _by_the_linearization(panel: Numbers, figure: str, narrow: Pair, wide: Pair) -> Verdict:
    rises = {kind: narrow.rise_to(wide, kind) for kind in KINDS}
    terms = [getattr(one, kind)["test"] for kind in ("linearized", "network") for one in (wide, narrow)]
    leads = [signed_sum(terms, [1, -1, sign, -sign], narrow.images["test"]) for sign in (-1, 1)]
    holds = all_hold(rises["linearized"].above(THREE_POINTS), *(lead.above() for lead in leads))
    why = _unlike_range(panel, figure, narrow, wide, part=holds is not False)
    notes = [f"{NAMES[kind]} rises by {points(rise)}" for kind, rise in rises.items()]
    meaning = f"the linearization's rise in test accuracy less the network's change, {range_text(narrow, wide)}"
    return judged(subject(panel), holds, min(lead.mean for lead in leads), meaning, *notes, unless=why)


def _settings(panel: Numbers, pair: Pair) -> str:
    """Names the linearization's learning rate where it is not the network's alone."""
    several = len([line for line in panel["lines"] if line["kind"] == "linearized"]) > 1
    return subject(panel, f"linearization at learning rate {pair.learning_rate:g}" if several else "")


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


def _on_all(numbers: Numbers, figures: Sequence[str], trend: Trend, *arguments: Any) -> Iterator[Verdict]:
    """One verdict over the data sets: it holds where the trend holds on each of them, and fails where one fails."""
    found: dict[str, Verdict] = {}
    for panel in numbers["panels"]:
        figure, ends = figure_of(panel), ends_of(panel)
        if figure in figures and ends is not None and not unlike_paper(panel, figure):
            found.setdefault(figure, trend(panel, figure, *ends, *arguments))
    holds = all_hold(*(verdict.holds for verdict in found.values())) if found else None
    why = "" if holds is False else _without(figures, found)
    words = {True: "holds", False: "does not hold", None: "undetermined"}
    notes = [f"{DATA_NAMES[f]}: {100 * number(one.number):.2f} points, {words[one.holds]}" for f, one in found.items()]
    count = sum(verdict.holds is True for verdict in found.values())
    yield judged("all data sets", holds, count, f"data sets of {len(figures)} on which it holds", *notes, unless=why)


def _without(figures: Sequence[str], found: Collection[str]) -> str:
    """Names the data sets of which there are no runs; "" where there are of all."""
    missing = [DATA_NAMES[figure] for figure in figures if figure not in found]
    return f"no runs on {', '.join(missing)}" if missing else ""


def _clear_gaps(numbers: Numbers, figures: Sequence[str]) -> dict[str, list[tuple[float, bool | None]]]:
    """By figure, each width and whether its gap is of 3 points; AlexNet's at both settings of its linearization."""
    found: dict[str, list[tuple[float, bool | None]]] = {}
    for panel in numbers["panels"]:
        figure = figure_of(panel)
        if figure in figures and not unlike_paper(panel, figure):
            pairs = (*pairs_of(panel), *(pairs_of(panel, own=True) if figure == "fig5" else ()))
            for pair in (one for one in pairs if one.width >= 1):
                clear = None if unlike_paper(panel, figure, pair) else pair.gap().above(THREE_POINTS)
                found.setdefault(figure, []).append((pair.width, clear))
    return found


@claim(
    "networks are clearly ahead of their linearizations at nearly all widths (by 3 points or more in test accuracy, at "
    "80 % of the widths)",
    place="abstract; section 1, first contribution; section 5",
)
def _ahead_nearly_everywhere(numbers: Numbers) -> Iterator[Verdict]:
    for name, net, figures in (("LeNet", "lenet5", _LENET), ("AlexNet", "alexnet", _ALEXNET)):
        gaps = _clear_gaps(numbers, figures)
        found = {figure: [clear for _, clear in of_figure] for figure, of_figure in gaps.items()}
        every = [clear for of_figure in found.values() for clear in of_figure]
        clear, unclear = (every.count(value) / len(every) if every else math.nan for value in (True, False))
        holds = True if clear >= NEARLY_ALL else False if unclear > 1 - NEARLY_ALL else None
        notes = [
            f"{DATA_NAMES[f]}: {of.count(True)} of {len(of)}, {of.count(None)} undecided" for f, of in found.items()
        ]
        # Narrower networks have larger gaps: the share is that of the paper's widths.
        widest = min((max(width for width, _ in of_figure) for of_figure in gaps.values()), default=math.nan)
        short = f"up to x{width_text(widest)} (the paper: x{WIDEST[net]})" if widest < WIDEST[net] else ""
        why = _without(figures, found) or short
        yield judged(name, holds, clear, "share of widths with such a gap", *notes, unless=why)


def _step(numbers: Numbers, easier: str, harder: str, width: float | None) -> Verdict:
    """Whether the gap of one figure's data set is larger than another's, at a width or (None) at the widest of each.

    That of AlexNet is at the best settings of each model, whose gaps the paper prints.
    """
    name = "widest" if width is None else f"x{width_text(width)}"
    meaning = f"gap in test accuracy on {DATA_NAMES[harder]} less that on {DATA_NAMES[easier]}"
    found: dict[str, Pair] = {}
    why: list[str] = []
    images = set()
    for figure in (easier, harder):
        of_figure = [one for one in numbers["panels"] if figure_of(one) == figure and not unlike_paper(one, figure)]
        for panel in of_figure[:1]:
            pairs = [pair for pair in pairs_of(panel, own=figure == "fig5") if width in (None, pair.width)]
            if pairs:
                found[figure] = pairs[-1]
                why.append(unlike_paper(panel, figure, pairs[-1]))
                if width is None:
                    why.append(not_all_widths(panel["net"], 1, pairs[-1].width, part=False))
                images.add(panel["train_images"] if at_papers_settings(panel, figure) else "the paper's")
    if len(found) < 2:
        return judged(name, None, math.nan, meaning, unless=_without((easier, harder), found))
    if len(images) > 1:
        why.append("trained neither on the paper's numbers of images nor on equal ones")
    step = found[easier].change_to(found[harder])
    notes = [f"{DATA_NAMES[figure]} {points(pair.gap())}" for figure, pair in found.items()]
    notes.append(f"difference {points(step)}")
    return judged(name, step.above(), step.mean, meaning, *notes, unless="; ".join(filter(None, why)))


@claim(
    "the gap in test accuracy at x1 grows from MNIST to CIFAR-10 to ten classes of ImageNet",
    place="abstract; section 1, first contribution; section 4.1, last paragraph; section 5",
)
def _grows_with_difficulty(numbers: Numbers) -> Iterator[Verdict]:
    steps = [_step(numbers, *names, 1.0) for names in (("fig2", "fig4"), ("fig4", "fig5"))]
    notes = [f"{step.meaning}: {step.note}" for step in steps]
    meaning, smaller = "smaller of the two differences", min(number(step.number) for step in steps)
    yield judged("all data sets", all_hold(*(step.holds for step in steps)), smaller, meaning, *notes)


@claim("the gap in test accuracy is larger on CIFAR-10 than on MNIST, at every width", place="section 4.1; Figure 4")
def _larger_on_cifar10(numbers: Numbers) -> Iterator[Verdict]:
    widths = {"fig2": {1.0}, "fig4": {1.0}}
    for panel in numbers["panels"]:
        if (figure := figure_of(panel)) in widths:
            widths[figure] |= {pair.width for pair in pairs_of(panel)}
    for width in sorted(widths["fig2"] & widths["fig4"]):
        yield _step(numbers, "fig2", "fig4", width)


@claim(
    "the gap in test accuracy is larger still with AlexNet on ten classes of ImageNet", place="section 4.1; Figure 5"
)
def _larger_on_snakes(numbers: Numbers) -> Iterator[Verdict]:
    for width in (1.0, None):
        yield _step(numbers, "fig4", "fig5", width)


def _printed_gaps(numbers: Numbers, figure: str) -> Iterator[Verdict]:
    """The paper's mean of five runs against the prediction interval of such a mean, from our seeds."""
    printed = printed_numbers("samarin2022")[figure]["test_gap"]
    for panel in _panels(numbers, figure):
        departs = at_papers_settings(panel, figure)
        for pair in pairs_of(panel, own=figure == "fig5"):
            if (paper := printed.get(f"{pair.width:g}")) is not None:
                ours = student_interval(pair.gaps())
                half = (ours.high - ours.low) / 2 * math.sqrt(1 + ours.seeds / _RUNS) + _PRINTED_DIGIT
                holds = abs(ours.mean - paper) <= half
                wide = "the seeds spread too far" if holds and half > max(_TOO_WIDE[0], _TOO_WIDE[1] * paper) else ""
                why = departs or ("fewer than 3 seeds" if ours.seeds < 3 else wide)
                note = f"a mean of {_RUNS} seeds within {100 * half:.2f} points" if math.isfinite(half) else ""
                name, shown = subject(panel, f"x{pair.width:g}"), None if departs else paper
                yield judged(name, holds, ours.mean, "gap in test accuracy", note, unless=why, paper=shown)


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
        why = at_papers_settings(panel, "fig2")
        holds, meaning = lead.within(0, THREE_POINTS), "its lead in test accuracy"
        yield judged(subject(panel, "x1"), holds, lead.mean, meaning, note, unless=why)


@claim(
    "a logistic regression on the pixels has the paper's accuracies (about: within 1 point)",
    over="panels",
    place="section 4.1",
)
def _logistic_as_printed(panel: Numbers) -> Iterator[Verdict]:
    """No seed and no sample moves it: the images are the paper's."""
    why = departures("logistic", panel)
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
            why = unlike_paper(least, "fig2", first) or unlike_paper(most, "fig3", last)
            meaning = f"gap in {PART_NAMES[part]} at the largest shift less that at the smallest"
            notes.append(f"rise {points(rise)}")
            yield judged(f"x{width_text(width)}", rise.above(), rise.mean, meaning, *notes, unless=why)


@claim("at the widest the gap on CIFAR-10 is still 3 points or more", over="panels", place="section 4.1; Figure 4")
def _still_appreciable(panel: Numbers) -> Iterator[Verdict]:
    for pair in pairs_of(panel)[-1:]:
        gap = pair.gap()
        holds = gap.above(THREE_POINTS)
        early = not_all_widths(panel["net"], 1, pair.width, part=holds is not True)  # it may yet close
        name, why = subject(panel, f"x{width_text(pair.width)}"), unlike_paper(panel, "fig4", pair) or early
        yield judged(name, holds, gap.mean, "gap in test accuracy", points(gap), unless=why)


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
        holds = lead.above()
        why = unlike_paper(panel, "fig4", narrow, of=["network"]) or unlike_paper(panel, "fig4", pairs[-1])
        why = why or not_all_widths(panel["net"], 1, pairs[-1].width, part=holds is not False)
        note = f"linearization x{width_text(pairs[-1].width)} against network x1: {points(lead)}"
        yield judged(subject(panel, part), holds, lead.mean, f"lead in {PART_NAMES[part]}", note, unless=why)


@claim(
    "trained as the network, AlexNet's linearization is more than 20 points behind in test accuracy, at all widths",
    over="panels",
    place="section 4.1; Figure 5",
)
def _twenty_points(panel: Numbers) -> Iterator[Verdict]:
    for pair in pairs_of(panel):
        gap, least = pair.gap(), printed_numbers("samarin2022")["fig5"]["least_gap"]
        name, why = subject(panel, f"x{width_text(pair.width)}"), unlike_paper(panel, "fig5", pair)
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
            why = unlike_paper(panel, "fig5", pair, own[pair.width])
            name, holds = subject(panel, f"x{width_text(pair.width)}"), nearer.within(0, THREE_POINTS)
            yield judged(name, holds, nearer.mean, "test accuracy gained", points(nearer), unless=why)


def _gap_at_usual_width(numbers: Numbers, figures: Sequence[str]) -> Iterator[Verdict]:
    for panel in numbers["panels"]:
        figure, pair = figure_of(panel), of_width(panel, 1.0)
        for part in PARTS if figure in figures else ():
            name, meaning = subject(panel, "x1", part), f"gap in {PART_NAMES[part]}"
            if pair is None:
                yield judged(name, None, math.nan, meaning, unless="no run at x1")
            else:
                gap, why = pair.gap(part), unlike_paper(panel, figure, pair)
                yield judged(name, gap.above(THREE_POINTS), gap.mean, meaning, points(gap), unless=why)


@claim(
    "linearizations of standard width do not fit their training images (3 points or more below 100 %), wider ones "
    "fit them better",
    over="panels",
    place="section 1; section 4.1, Figure 2; section 4.2; section 4.3",
)
def _training_accuracy_is_low(panel: Numbers) -> Iterator[Verdict]:
    ends, figure = ends_of(panel), figure_of(panel)
    if ends is not None:
        error = student_interval([1 - value for value in seeds_of(ends[0].linearized["train"])])
        rise = ends[0].rise_to(ends[1], "linearized", "train")
        holds = all_hold(error.above(THREE_POINTS), rise.above())
        why = _unlike_range(panel, figure, *ends, part=holds is not False, of=["linearized"])
        notes = (points(error), f"training accuracy rises by {points(rise)}, {range_text(*ends)}")
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
            holds, why = found.below(SECOND_DECIMAL), at_papers_settings(panel, "fig2")
            meaning = f"standard deviation of {NAMES[kind]}'s test accuracy"
            yield judged(f"{name}, {NAMES[kind]}", holds, found.mean, meaning, points(found), unless=why)


_SIGNIFICANT = "by 3 points or more in test accuracy"
_LENET, _ALEXNET = _FIGURES[:3], _FIGURES[3:]
_EQUAL, _OWN = (False,), (True,)  # settings of the linearization: the network's, its own best


def _shrinks(figure: str, part: str = "test") -> Claim:
    arguments = (figure, _EQUAL, _gap_shrinks, part)
    statement = f"the gap in {PART_NAMES[part]} shrinks with width"
    return Claim(statement, _along_width, arguments, place=f"section 4.1; Figure {figure[3:]}")


def _as_printed(figure: str) -> Claim:
    statement = (
        "the gaps in test accuracy are those that the paper prints (inside the 95 % prediction interval of a "
        "mean of five runs)"
    )
    return Claim(statement, _printed_gaps, (figure,), place=f"section 4.1; Figure {figure[3:]}")


def _usual_width(figures: Sequence[str], place: str) -> Claim:
    return Claim(
        "at standard width the network is ahead by 3 points or more, in training and in test accuracy",
        _gap_at_usual_width, (figures,),
        place=f"Figure 1, caption; section 4.1, {place}; section 5, first finding",
    )  # fmt: skip


_GENERAL = "abstract; Figure 1, caption; section 4.1, last paragraph; section 5"

FIGURES = (
    PAPER.figure(
        "fig1", "four regimes: usual and wide, networks and linearizations", "finite_width.training",
        _ahead_nearly_everywhere, _grows_with_difficulty, _larger_on_cifar10, _larger_on_snakes,
        Claim(
            "with width networks and linearizations become more alike: the gap in test accuracy shrinks",
            _on_all, (_FIGURES, _gap_shrinks),
            place="abstract; Figure 1, caption; section 1; section 4.1, last paragraph",
        ),
        Claim(
            f"linearizations improve dramatically with width ({_SIGNIFICANT}; of AlexNet's the text says slightly)",
            _on_all, (_LENET, _rise, *_LINEARIZATION_GAINS), place=_GENERAL,
        ),
        Claim(
            "networks improve slightly with width (by more than 0 and less than 3 points in test accuracy)",
            _on_all, (_FIGURES, _rise, "network", "test", 0.0, THREE_POINTS), place=_GENERAL,
        ),
        Claim(
            f"the gap shrinks as linearizations improve ({_SIGNIFICANT}) and networks change by less",
            _on_all, (_FIGURES, _by_the_linearization), place="section 4.1, last paragraph",
        ),
    ),
    PAPER.figure(
        "fig2", "accuracy against width, LeNet and its linearization on MNIST", "finite_width.training",
        _as_printed("fig2"),
        Claim(
            "the network gains little from width (less than 3 points in test accuracy)",
            _along_width, ("fig2", _EQUAL, _rise, "network", "test", -math.inf, THREE_POINTS),
            place="section 4.1; Figure 2",
        ),
        Claim(
            f"the linearization gains appreciably from width ({_SIGNIFICANT})",
            _along_width, ("fig2", _EQUAL, _rise, *_LINEARIZATION_GAINS), place="section 4.1; Figure 2",
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
        _shrinks("fig5"), _twenty_points, _own_settings_help_slightly,
        Claim(
            "at the best settings of each the gap shrinks slightly with width (by less than 3 points in test accuracy)",
            _along_width, ("fig5", _OWN, _gap_shrinks_slightly), place="section 4.1; Figure 5",
        ),
        *(
            Claim(
                f"width has little impact on the network's {PART_NAMES[part]} (less than 3 points)",
                _along_width, ("fig5", _EQUAL, _rise, "network", part, -THREE_POINTS, THREE_POINTS),
                place="section 4.1; Figure 5",
            )
            for part in PARTS
        ),
        Claim(
            "the linearization's test accuracy rises slightly with width (by less than 3 points)",
            _along_width, ("fig5", _EQUAL + _OWN, _rise, "linearized", "test", 0.0, THREE_POINTS),
            place="section 4.1; Figure 5",
        ),
        Claim(
            "the linearization's training accuracy rises strongly with width (by 3 points or more, more than in test)",
            _along_width, ("fig5", _EQUAL + _OWN, _trains_better), place="section 4.1; Figure 5",
        ),
    ),
    PAPER.figure(
        "tableA1", "accuracies of AlexNet and its linearization, all widths and settings", "finite_width.training",
        _usual_width(_ALEXNET, "Figure 5 and last paragraph; section 4.2"), _as_printed("fig5"),
    ),
    PAPER.figure(
        "tableA2", "accuracies of LeNet and its linearization, all data sets and widths", "finite_width.training",
        _usual_width(_LENET, "Figure 2 and last paragraph"), _training_accuracy_is_low, _seeds_agree,
    ),
)  # fmt: skip
