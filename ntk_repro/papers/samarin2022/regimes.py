"""Figure 1: what is said of all data sets together, and of their order."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ntk_repro.network_names import width_text
from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, joined, judged
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import (
    ALEXNET_FIGURES,
    DATA_NAMES,
    LENET_FIGURES,
    NINE_POINTS,
    PART_NAMES,
    PARTS,
    THREE_POINTS,
    Pair,
    beyond_widths,
    ends_of,
    figure_of,
    nearly_all,
    not_all_widths,
    pairs_of,
    points,
    share_of,
    unlike_paper,
)
from ntk_repro.papers.samarin2022.trends import (
    LINEARIZATION_GAINS,
    SIGNIFICANT_RISE,
    Trend,
    by_the_linearization,
    gap_shrinks,
    rise,
)
from ntk_repro.papers.statistics import all_hold, number


def _on_all(numbers: Numbers, figures: Sequence[str], trend: Trend, *arguments: Any) -> Iterator[Verdict]:
    """One verdict over the data sets: it holds where the trend holds on each of them, and fails where one fails.

    AlexNet's linearization is at its own best settings, of which the paper prints that the gap shrinks.
    """
    found: dict[str, Verdict] = {}
    for figure in figures:
        panel = _of_figure(numbers, figure)
        if panel is not None and (ends := ends_of(panel, own=figure == "fig5")) is not None:
            found[figure] = trend(panel, figure, *ends, *arguments)
    holds = all_hold(*(verdict.holds for verdict in found.values())) if found else None
    why = "" if holds is False else _without(figures, found)  # one data set refutes what is said of all
    words = {True: "holds", False: "does not hold", None: "undetermined"}
    notes = [f"{DATA_NAMES[f]}: {100 * number(one.number):.2f} points, {words[one.holds]}" for f, one in found.items()]
    count = sum(verdict.holds is True for verdict in found.values())
    yield judged("all data sets", holds, count, f"data sets of {len(figures)} on which it holds", *notes, unless=why)


def _without(figures: Sequence[str], found: Collection[str]) -> str:
    """Names the data sets of which there are no runs at the paper's settings; "" where there are of all."""
    missing = [DATA_NAMES[figure] for figure in figures if figure not in found]
    return f"no runs at the paper's settings on {', '.join(missing)}" if missing else ""


def _of_figure(numbers: Numbers, figure: str) -> Numbers | None:
    """The panel that repeats a figure at the paper's settings; None without."""
    panels = [panel for panel in numbers["panels"] if figure_of(panel) == figure]
    return next((panel for panel in panels if not unlike_paper(panel, figure)), None)


def _ahead_at_nearly_all_widths(numbers: Numbers, least: float) -> Iterator[Verdict]:
    """At the widths of all data sets of a network, AlexNet's at both settings of its linearization."""
    for name, figures in (("LeNet", LENET_FIGURES), ("AlexNet", ALEXNET_FIGURES)):
        found: dict[str, list[bool | None]] = {}
        why = []
        for figure in figures:
            if (panel := _of_figure(numbers, figure)) is not None and (pairs := pairs_of(panel)):
                why.append(not_all_widths(panel["net"], [pair.width for pair in pairs]))
                pairs += pairs_of(panel, own=True) if figure == "fig5" else []
                found[figure] = [pair.gap().above(least) for pair in pairs]
        share, holds = share_of([clear for of_figure in found.values() for clear in of_figure], nearly_all)
        notes = [
            f"{DATA_NAMES[f]}: {of.count(True)} of {len(of)}, {of.count(None)} undecided" for f, of in found.items()
        ]
        # Narrower networks have larger gaps: the share is that of the paper's widths.
        unless = joined(_without(figures, found), *why)
        yield judged(name, holds, share, "share of widths with such a gap", *notes, unless=unless)


def _step(
    numbers: Numbers, easier: str, harder: str, width: float | None, *, part: str = "test", own: bool = True
) -> Verdict:
    """Whether the gap of one figure's data set is larger than another's.

    Args:
        numbers: the plotted numbers.
        easier: the figure of the smaller gap.
        harder: the figure of the larger.
        width: at which width; None: at the widest of each.
        part: "test" or "train".
        own: whether AlexNet's linearization is at its own best settings, of which the paper prints the gaps.
    """
    name = "widest" if width is None else f"x{width_text(width)}"
    if "fig5" in (easier, harder):
        name += f", AlexNet's linearization at {'its own best' if own else 'the same'} settings"
    meaning = f"gap in {PART_NAMES[part]} on {DATA_NAMES[harder]} less that on {DATA_NAMES[easier]}"
    found: dict[str, Pair] = {}
    why = ""
    for figure in (easier, harder):
        panel = _of_figure(numbers, figure)
        pairs = [] if panel is None else pairs_of(panel, own=own and figure == "fig5")
        if panel is not None and (of_width := [pair for pair in pairs if width in (None, pair.width)]):
            found[figure], widths = of_width[-1], [pair.width for pair in of_width]
            why = why or (not_all_widths(panel["net"], widths) if width is None else beyond_widths(panel["net"], width))
    if len(found) < 2:
        return judged(name, None, math.nan, meaning, unless=_without((easier, harder), found))
    step = found[easier].change_to(found[harder], part)
    notes = [f"{DATA_NAMES[figure]} {points(pair.gap(part))}" for figure, pair in found.items()]
    notes.append(f"difference {points(step)}")
    return judged(name, step.above(), step.mean, meaning, *notes, unless=why)


@claim(
    "the gap at x1 grows from MNIST to CIFAR-10 to ten classes of ImageNet, in test and in training accuracy",
    place="abstract; section 1, first contribution; section 4.1, last paragraph; section 5 (training, too)",
)
def _grows_with_difficulty(numbers: Numbers) -> Iterator[Verdict]:
    for part in PARTS:
        steps = [_step(numbers, *names, 1.0, part=part) for names in (("fig2", "fig4"), ("fig4", "fig5"))]
        notes = [f"{step.meaning}: {step.note}" for step in steps]
        meaning = "smaller of the two differences"
        smaller = min((step.number for step in steps if step.number is not None), default=math.nan)
        yield judged(PART_NAMES[part], all_hold(*(step.holds for step in steps)), smaller, meaning, *notes)


@claim("the gap in test accuracy is larger on CIFAR-10 than on MNIST, at every width", place="section 4.1; Figure 4")
def _larger_on_cifar10(numbers: Numbers) -> Iterator[Verdict]:
    panels = [_of_figure(numbers, figure) for figure in ("fig2", "fig4")]
    widths = [{pair.width for pair in pairs_of(panel)} if panel else set() for panel in panels]
    for width in sorted((widths[0] & widths[1]) | {1.0}):
        yield _step(numbers, "fig2", "fig4", width)


@claim(
    "the gap in test accuracy is larger still with AlexNet on ten classes of ImageNet", place="section 4.1; Figure 5"
)
def _larger_on_snakes(numbers: Numbers) -> Iterator[Verdict]:
    for own in (False, True):
        for width in (1.0, None):
            yield _step(numbers, "fig4", "fig5", width, own=own)


def _nearly_everywhere(adverb: str, least: float, meaning: str, place: str) -> Claim:
    statement = f"networks are {adverb} ahead of their linearizations at nearly all widths (by {meaning} points or "
    statement += "more in test accuracy, at 80% of the widths)"
    return Claim(statement, _ahead_at_nearly_all_widths, (least,), place=place)


_GENERAL = "abstract; Figure 1, caption; section 4.1, last paragraph; section 5"

FIGURES = (
    PAPER.figure(
        "fig1", "four regimes: usual and wide, networks and linearizations", "finite_width.training",
        _nearly_everywhere("clearly", THREE_POINTS, "3", "section 1, first contribution"),
        _nearly_everywhere("greatly", NINE_POINTS, "9", "abstract"),
        _grows_with_difficulty, _larger_on_cifar10, _larger_on_snakes,
        Claim(
            "with width networks and linearizations become more alike: the gap in test accuracy shrinks (from x1 to "
            "the widest)",
            _on_all, ((*LENET_FIGURES, *ALEXNET_FIGURES), gap_shrinks),
            place="abstract; Figure 1, caption; section 1; section 4.1, last paragraph",
        ),
        Claim(
            f"linearizations improve dramatically with width ({SIGNIFICANT_RISE}; of AlexNet's the text says slightly)",
            _on_all, (LENET_FIGURES, rise, *LINEARIZATION_GAINS), place=_GENERAL,
        ),
        Claim(
            "networks improve slightly with width (by more than 0 and less than 3 points in test accuracy)",
            _on_all, ((*LENET_FIGURES, *ALEXNET_FIGURES), rise, "network", "test", 0.0, THREE_POINTS), place=_GENERAL,
        ),
        Claim(
            f"the gap shrinks as linearizations improve ({SIGNIFICANT_RISE}; of AlexNet's the text says slightly) and "
            "networks change by less",
            _on_all, (LENET_FIGURES, by_the_linearization), place="section 4.1, last paragraph",
        ),
    ),
)  # fmt: skip
