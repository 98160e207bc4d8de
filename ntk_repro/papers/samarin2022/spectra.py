"""Figures 6, 7 and A3: how many of the Jacobian's singular values count, and how they are spread."""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Numbers, Verdict, claim, judged, trend
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER

_FAR_BELOW = 0.5  # of the rows
_SAME = 1e-3  # relative
_RANKS = {"effective_rank": "of the Jacobian", "effective_rank_of_kernel": "of the kernel"}


def _subject(line: Numbers) -> str:
    shift = f", shifted by up to {line['shift']}" if line["shift"] else ""
    return f"{display_name(line['net'])} on {line['data']}{shift}"


def _ranks(numbers: Numbers) -> Iterator[tuple[str, Numbers, str]]:
    """Both ranks of each line: the subject, the line, and the name of the rank's values."""
    for line in numbers["lines"]:
        for name, matrix in _RANKS.items():
            yield f"{_subject(line)}, {matrix}", line, name


@claim("the effective rank grows with the width (Spearman >= 0.8)")
def _grows_with_width(numbers: Numbers) -> Iterator[Verdict]:
    for subject, line, name in _ranks(numbers):
        yield _along_width(subject, line, name, +1)


def _along_width(subject: str, line: Numbers, name: str, sign: int, lost: str = "") -> Verdict:
    note = ", ".join(f"x{w:g}: {value:.4g}" for w, value in zip(line["widths"], line[name], strict=True))
    values = [None] * len(line[name]) if lost else line[name]
    return trend(subject, line["widths"], values, sign, "with the width", note, lost)


@claim("the effective rank is far below the number of rows (at most half of it)")
def _far_below_the_rows(numbers: Numbers) -> Iterator[Verdict]:
    rows = printed_numbers("samarin2022")["fig6"]["rows"]
    for subject, line, name in _ranks(numbers):
        share = max(value / line["rows"] for value in line[name])
        note = f"{line['rows']:,} rows" + ("" if line["rows"] == rows else f", {rows:,} in the paper")
        yield judged(subject, share <= _FAR_BELOW, share, "largest effective rank over the number of rows", note)


@claim("it grows less on shifted digits")
def _less_pronounced_when_shifted(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "growth with width when shifted over that when centred"
    centred = {(line["net"], line["data"]): line for line in reversed(numbers["lines"]) if line["shift"] == 0}
    for name, matrix in _RANKS.items():
        for line in numbers["lines"]:
            other = centred.get((line["net"], line["data"]))
            if not line["shift"] or other is None or other["widths"] != line["widths"] or len(line["widths"]) < 2:
                continue
            ours, theirs = (curve[name][-1] / curve[name][0] for curve in (line, other))
            note = f"grew {ours:.3f} times shifted, {theirs:.3f} times centred"
            yield judged(f"{_subject(line)}, {matrix}", ours < theirs, ours / theirs, meaning, note)


@claim("the kernel's square roots have the effective rank of the Jacobian (to 0.1 %)", over="lines")
def _same_from_both_sides(line: Numbers) -> Iterator[Verdict]:
    meaning = "relative difference of the effective ranks"
    differences = [value for value in line["direct_apart"] if value is not None]
    if differences:
        largest, note = max(differences), f"on the first {line['direct_images']:,} images"
        yield judged(_subject(line), largest <= _SAME, largest, meaning, note)


@claim("the condition number falls with the width (Spearman <= -0.8)", over="lines")
def _condition_falls(line: Numbers) -> Iterator[Verdict]:
    yield _along_width(_subject(line), line, "condition_number", -1, _lost_in_rounding(line))


@claim("width lifts the smallest singular values", over="lines")
def _smallest_rise(line: Numbers) -> Iterator[Verdict]:
    smallest, lost = line["smallest"], _lost_in_rounding(line)
    ratio = smallest[-1] / smallest[0] if smallest[0] and not lost else math.nan
    note = f"x{line['widths'][0]:g}: {smallest[0]:.3g}, x{line['widths'][-1]:g}: {smallest[-1]:.3g}"
    yield judged(_subject(line), ratio > 1, ratio, "smallest singular value, widest over narrowest", note, lost)


def _lost_in_rounding(line: Numbers) -> str:
    """How many singular values are lost at an end, if any: the smallest left is then the cut-off and says nothing."""
    lost = [(line["vanishing"][at], line["widths"][at]) for at in (0, -1)]
    if not any(count for count, _ in lost):
        return ""
    ends = (f"{np.round(count):,.0f} of {line['rows']:,} at x{width:g}" for count, width in lost)
    return f"lost in rounding: {', '.join(ends)}"


_DISTRIBUTIONS = ("finite_width.spectra", _smallest_rise, _condition_falls)

FIGURES = (
    PAPER.figure(
        "fig6", "effective rank of the Jacobian against width", "finite_width.spectra",
        _grows_with_width, _far_below_the_rows, _less_pronounced_when_shifted, _same_from_both_sides,
    ),
    PAPER.figure("fig7", "singular values of the Jacobian, LeNet", *_DISTRIBUTIONS),
    PAPER.figure("figA3", "singular values of the Jacobian, AlexNet", *_DISTRIBUTIONS),
)  # fmt: skip
