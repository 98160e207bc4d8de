"""The best settings of the paper's grid of learning rates and weight decays."""

import math
from collections.abc import Iterator, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Verdict, joined, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import not_all_widths, subject, unlike_experiment
from ntk_repro.papers.statistics import Interval, all_hold, signed_sum
from ntk_repro.papers.thresholds import SECOND_DECIMAL

Point = tuple[float, float]
"""A learning rate and a weight decay."""


def _points(grid: Numbers) -> list[Point]:
    return [(rate, decay) for rate in grid["learning_rates"] for decay in grid["weight_decays"]]


def _lead(grids: Sequence[Numbers], kinds: Sequence[str], first: Point, second: Point, of: int) -> Interval:
    """The test accuracy at the first point less that at the second, mean over models and widths; one of `of` leads."""
    cells = sorted({(kind, grid["width"]) for kind in kinds for grid in grids})
    terms, weights = [], []
    for kind, width in cells:
        for sign, point in ((1, first), (-1, second)):
            of_width = [grid for grid in grids if grid["width"] == width]
            terms.append({grid["seed"]: grid[kind][_points(grid).index(point)] for grid in of_width})
            weights.append(sign / len(cells))
    return signed_sum(terms, weights, min(grid["test_images"] for grid in grids), of=of)


def _away(grids: Sequence[Numbers]) -> str:
    """Where the grids depart from the paper's."""
    first = grids[0]
    search = printed_numbers(PAPER.name)["search"]
    missing = {*_points(search)} - {*_points(first)}
    reasons = [unlike_experiment(grid, "learning_rate", "weight_decay") for grid in grids]
    reasons.append(f"{len(missing)} points of the paper's grid are left out" if missing else "")
    reasons.append(not_all_widths(first["net"], [grid["width"] for grid in grids]))
    return joined(*reasons)


def _best(numbers: Numbers, net: str, kinds: tuple[str, ...], named: Point) -> Iterator[Verdict]:
    of_net = [grid for grid in numbers["grids"] if grid["net"] == net]
    for name in dict.fromkeys(map(subject, of_net)):
        grids = [grid for grid in of_net if subject(grid) == name]
        others = [point for point in _points(grids[0]) if point != named]
        if named not in _points(grids[0]) or not others:
            continue
        leads = {point: _lead(grids, kinds, point, named, len(others)) for point in others}
        # A training that diverged is not ahead.
        known = {point: lead for point, lead in leads.items() if math.isfinite(lead.mean)}
        holds = all_hold(*(lead.below(SECOND_DECIMAL) for lead in known.values()))
        rate, decay = max(known, key=lambda point: known[point].mean, default=others[0])
        lead = leads[rate, decay]
        note = f"the best other point is {rate:g}, {decay:g}"
        note += f" (95% {100 * lead.low:.2f} to {100 * lead.high:.2f} points)" if math.isfinite(lead.low) else ""
        meaning, why = "test accuracy of the best other point less that of these settings", _away(grids)
        yield judged(name, holds, lead.mean, meaning, note, unless=why)


def _claim(who: str, rate: float, decay: float, net: str, *kinds: str) -> Claim:
    statement = f"learning rate {rate:g} with weight decay {decay:g} gives {who} the best test accuracy (no point of "
    statement += "the grid is ahead by more than 0.1 points)"
    return Claim(statement, _best, (net, kinds, (rate, decay)), place="section 4.1")


FIGURES = (
    PAPER.figure(
        "grid", "test accuracy over learning rates and weight decays", "finite_width.grid",
        _claim("LeNet and its linearization", 0.1, 5e-5, "lenet5", "network", "linearized"),
        _claim("AlexNet's linearization", 1.0, 5e-7, "alexnet", "linearized"),
        _claim("AlexNet", 0.1, 5e-6, "alexnet", "network"),
        label="Best settings",
    ),
)  # fmt: skip
