"""Figures 3, 13 and 14: training metrics against the index of the eigenfunction."""

from collections.abc import Iterator

import numpy as np

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, in_order, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.ortiz2021 import PAPER
from ntk_repro.papers.ortiz2021.conditions import copy_note, other_settings
from ntk_repro.papers.ortiz2021.curves import IN_ORDER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import mean_and_errors, student_interval

# The one metric whose missing values mean something: never reached is later than everything.
_NEVER_IS_LAST = "epochs_to_target_loss"
_METRICS = (_NEVER_IS_LAST, "l2_distance", "cosine_distance")


def _grows(curve: str, place: str) -> Claim:
    """The claim that a training metric grows with the index."""

    @claim(f"{curve.replace('_', ' ')} grows with the eigenfunction's index {IN_ORDER}", over="nets", place=place)
    def grow(net: str, curves: Numbers) -> Iterator[Verdict]:
        rows = np.array(curves["by_seed"][curve], float)
        missing = int(np.isnan(rows).sum())
        if curve == _NEVER_IS_LAST:
            rows = np.nan_to_num(rows, nan=np.inf)
        values, errors = mean_and_errors(rows)
        note = f"missing in {missing} of {rows.size} trainings" if missing else ""
        unless = other_settings("eigenfunctions", net, curves) or _one_seed(curves)
        yield in_order(net, curves["index"], values, +1, errors, "with the index", note, unless=unless)

    return grow


def _one_seed(curves: Numbers) -> str:
    return "" if len(curves["seeds"]) > 1 else "one seed, whose noise is not known"


def _last_tick(curve: str) -> Claim:
    printed = printed_numbers("ortiz2021")["fig14"]
    tick, step = printed["last_tick"][curve], printed["tick_step"][curve]
    name = curve.replace("_", " ")

    @claim(
        f"LeNet's {name} reaches the end of the paper's axis (largest within {step:g} of the last tick, {tick:g})",
        place="Figure 14, tick labels",
    )
    def reaches(numbers: Numbers) -> Iterator[Verdict]:
        curves = numbers["nets"].get("lenet")
        if curves is None:
            return
        largest = student_interval(np.array(curves["by_seed"][curve], float).max(axis=1), complete=True)
        why = other_settings("eigenfunctions", "lenet", curves) or _one_seed(curves)
        holds, meaning = largest.within(tick - step, tick + step), f"largest {name}, mean over seeds"
        yield judged("lenet", holds, largest, meaning, copy_note(numbers), unless=why, paper=tick)

    return reaches


def _metrics(name: str, net: str, place: str, *claims: Claim) -> Figure:
    grow = (_grows(curve, place) for curve in _METRICS)
    title = f"training metrics against eigenfunction index, {net}"
    return PAPER.figure(name, title, "eigentasks", *grow, *claims)


FIGURES = (
    _metrics("fig3", "ResNet18", "section 3.1; Figure 3"),
    _metrics("fig13", "MLP", "appendix E.1.1; Figure 13"),
    _metrics("fig14", "LeNet", "appendix E.1.1; Figure 14", *(_last_tick(curve) for curve in _METRICS)),
)
