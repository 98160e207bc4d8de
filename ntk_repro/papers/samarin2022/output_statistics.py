"""Figure A2: statistics of the outputs of a network and of its linearization through training."""

import math
from collections.abc import Iterator

from ntk_repro.network_names import width_text
from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import certainty, not_all_widths, of_several_seeds, unlike_paper
from ntk_repro.papers.statistics import number, signed_sum, student_interval
from ntk_repro.papers.thresholds import SIMILAR


def _curve_ends(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The narrowest and the widest of `of_several_seeds`."""
    chosen = of_several_seeds(numbers["widths"], lambda curve: len(curve["seeds"]))
    return chosen[0], chosen[-1]


def _unlike_figure_a2(numbers: Numbers, *widths: float) -> str:
    """The trajectories are those of Figure 2's trainings."""
    (panel,) = numbers["panels"]
    return unlike_paper(panel, "fig2") or not_all_widths(panel["net"], widths)


@claim(
    "mean and standard deviation of the outputs through training become more alike with width (from x1 to the widest; "
    "which statistics the figure shows is not in the text)",
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
        why = _unlike_figure_a2(numbers, *(curve["width"] for curve in ends))
        yield judged(f"{statistic} of the outputs", change.below(), change.mean, meaning, *notes, unless=why)


@claim(
    "output by output the two are not close, even at the widest (apart by more than 20% of how far the network moves)",
    place="section 4.1; Figure A2",
)
def _not_close(numbers: Numbers) -> Iterator[Verdict]:
    wide = _curve_ends(numbers)[1]
    pairs = zip(wide["outputs_apart_by_seed"], wide["outputs_moved_by_seed"], strict=True)
    ratio = student_interval([number(apart) / moved if moved else math.nan for apart, moved in pairs])
    note, why = f"{ratio.mean:.3f}{certainty(ratio)}", _unlike_figure_a2(numbers, 1, wide["width"])
    meaning = "root mean square difference of the outputs over that to the start"
    yield judged(f"x{width_text(wide['width'])}", ratio.above(SIMILAR), ratio.mean, meaning, note, unless=why)


FIGURES = (
    PAPER.figure(
        "figA2", "statistics of the outputs through training, network and linearization", "finite_width.training",
        _statistics_become_similar, _not_close,
    ),
)  # fmt: skip
