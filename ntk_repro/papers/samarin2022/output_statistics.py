"""Figure A2: statistics of the outputs of a network and of its linearization through training."""

import math
from collections.abc import Iterator

from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER, width_text
from ntk_repro.papers.samarin2022.gaps import (
    certainty,
    not_all_widths,
)
from ntk_repro.papers.statistics import number, signed_sum, student_interval
from ntk_repro.papers.thresholds import SIMILAR

_TRAINED_OUTPUT = 0.5  # mean output of the right class at the end; its target is 1 (ours)


def _curve_ends(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The narrowest and the widest; of those with two seeds or more where there are two such."""
    several = [curve for curve in numbers["widths"] if len(curve["seeds"]) > 1]
    chosen = several if len(several) > 1 else numbers["widths"]
    return chosen[0], chosen[-1]


def _unlike_figure_a2(numbers: Numbers, *curves: Numbers) -> str:
    if numbers["data"] not in printed_numbers("samarin2022")["fig2"]["data"]:
        return f"on {numbers['data']} (the paper: MNIST)"
    ends = [(curve["width"], number(curve["network_one_mean"][-1])) for curve in curves]
    return ", ".join(
        f"the network's mean output of the right class ends at {end:.2f} at x{width_text(width)} (1 is right)"
        for width, end in ends
        if not end >= _TRAINED_OUTPUT
    )


@claim(
    "mean and standard deviation of the outputs through training become more alike with width (which statistics the "
    "figure shows is not in the text)",
    place="section 4.1; Figure A2",
)
def _statistics_become_similar(numbers: Numbers) -> Iterator[Verdict]:
    ends = _curve_ends(numbers)
    for name, statistic in (("mean", "mean"), ("std", "standard deviation")):
        narrow, wide = (dict(zip(one["seeds"], one[f"{name}_apart_by_seed"], strict=True)) for one in ends)
        change = signed_sum([wide, narrow], [1, -1])
        by_width = ", ".join(f"x{width_text(c['width'])}: {number(c[f'{name}_apart']):.3f}" for c in numbers["widths"])
        notes = (f"root mean square difference, {by_width}", f"change {change.mean:.3f}{certainty(change)}")
        meaning = f"its change, x{width_text(ends[0]['width'])} to x{width_text(ends[1]['width'])}"
        holds, widths = change.below(), (curve["width"] for curve in ends)
        why = _unlike_figure_a2(numbers, *ends) or not_all_widths("lenet5", *widths, part=holds is not False)
        yield judged(f"{statistic} of the outputs", holds, change.mean, meaning, *notes, unless=why)


@claim(
    "output by output the two are not close, even at the widest (apart by more than 20 % of how far the network moves)",
    place="section 4.1; Figure A2",
)
def _not_close(numbers: Numbers) -> Iterator[Verdict]:
    wide = _curve_ends(numbers)[1]
    pairs = zip(wide["outputs_apart_by_seed"], wide["outputs_moved_by_seed"], strict=True)
    ratio = student_interval([number(apart) / moved if moved else math.nan for apart, moved in pairs])
    note, holds = f"{ratio.mean:.3f}{certainty(ratio)}", ratio.above(SIMILAR)
    early = not_all_widths("lenet5", 1, wide["width"], part=holds is not True)  # they may yet be close
    meaning, why = "root mean square difference of the outputs over that to the start", _unlike_figure_a2(numbers, wide)
    yield judged(f"x{width_text(wide['width'])}", holds, ratio.mean, meaning, note, unless=why or early)


FIGURES = (
    PAPER.figure(
        "figA2", "statistics of the outputs through training, network and linearization", "finite_width.training",
        _statistics_become_similar, _not_close,
    ),
)  # fmt: skip
