"""Figures 6, 7 and A3: how many of the Jacobian's singular values count, and how they are spread."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Claim, Verdict, monotone, spearman
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]

_FAR_BELOW = 0.5  # of the rows
_SAME = 1e-3  # relative
_RANKS = {"effective_rank": "of the Jacobian", "effective_rank_of_kernel": "of the kernel"}


def _subject(line: Mapping[str, Any]) -> str:
    shift = f", shifted by up to {line['shift']}" if line["shift"] else ""
    return f"{display_name(line['net'])} on {line['data']}{shift}"


def _grows_with_width(numbers: Numbers) -> Iterator[Verdict]:
    for line in numbers["lines"]:
        for name, spoken in _RANKS.items():
            yield _monotone(line, name, +1, f"{_subject(line)}, {spoken}")


def _monotone(line: Mapping[str, Any], name: str, sign: int, subject: str) -> Verdict:
    rho = spearman(line["widths"], line[name])
    note = ", ".join(f"x{w:g}: {value:.4g}" for w, value in zip(line["widths"], line[name], strict=True))
    return Verdict(subject, monotone(rho, sign), rho, "Spearman correlation with the width", note=note)


def _far_below_the_rows(numbers: Numbers) -> Iterator[Verdict]:
    rows = printed_numbers("samarin2022")["fig6"]["rows"]
    for line in numbers["lines"]:
        for name, spoken in _RANKS.items():
            shares = [value / line["rows"] for value in line[name]]
            note = f"{line['rows']:,} rows" + ("" if line["rows"] == rows else f", {rows:,} in the paper")
            meaning = "largest effective rank over the number of rows"
            yield Verdict(f"{_subject(line)}, {spoken}", max(shares) <= _FAR_BELOW, max(shares), meaning, note=note)


def _less_pronounced_when_shifted(numbers: Numbers) -> Iterator[Verdict]:
    for name, spoken in _RANKS.items():
        for line in numbers["lines"]:
            plain = [o for o in numbers["lines"] if (o["net"], o["data"], o["shift"]) == (line["net"], line["data"], 0)]
            if not line["shift"] or not plain or plain[0]["widths"] != line["widths"] or len(line["widths"]) < 2:
                continue
            gains = [curve[name][-1] / curve[name][0] for curve in (line, plain[0])]
            note = f"grew {gains[0]:.3f} times shifted, {gains[1]:.3f} times centred"
            meaning = "growth with width when shifted over that when centred"
            yield Verdict(f"{_subject(line)}, {spoken}", gains[0] < gains[1], gains[0] / gains[1], meaning, note=note)


def _same_from_both_sides(numbers: Numbers) -> Iterator[Verdict]:
    for line in numbers["lines"]:
        apart = [value for value in line["direct_apart"] if value is not None]
        if apart:
            meaning = "relative difference of the effective ranks"
            note = f"on the first {line['direct_images']:,} images"
            yield Verdict(_subject(line), max(apart) <= _SAME, max(apart), meaning, note=note)


def _condition_falls(numbers: Numbers) -> Iterator[Verdict]:
    for line in numbers["lines"]:
        verdict = _monotone(line, "condition_number", -1, _subject(line))
        yield _unless_rounding_decides(line, verdict)


def _smallest_rise(numbers: Numbers) -> Iterator[Verdict]:
    for line in numbers["lines"]:
        smallest = line["smallest"]
        ratio = smallest[-1] / smallest[0] if smallest[0] else math.nan
        note = f"x{line['widths'][0]:g}: {smallest[0]:.3g}, x{line['widths'][-1]:g}: {smallest[-1]:.3g}"
        meaning = "smallest singular value, widest over narrowest"
        yield _unless_rounding_decides(line, Verdict(_subject(line), ratio > 1, ratio, meaning, note=note))


def _unless_rounding_decides(line: Mapping[str, Any], verdict: Verdict) -> Verdict:
    """Undetermined where singular values are lost in rounding at an end: the smallest left is then the cut-off's."""
    lost = [line["vanishing"][at] for at in (0, -1)]
    if not any(lost):
        return verdict
    note = "lost in rounding: " + ", ".join(
        f"{np.round(count):,.0f} of {line['rows']:,} at x{line['widths'][at]:g}"
        for count, at in zip(lost, (0, -1), strict=True)
    )
    return dataclasses.replace(verdict, holds=False, number=math.nan, note=f"{verdict.note}; {note}")


_DISTRIBUTIONS = (
    Claim("width lifts the smallest singular values", _smallest_rise),
    Claim("the condition number falls with the width (Spearman <= -0.8)", _condition_falls),
)


def _figure(name: str, title: str, script: str, *claims: Claim) -> Figure:
    return Figure(
        id=f"samarin2022/{name}",
        title=title,
        source=f"Samarin et al. 2022, Figure {name.removeprefix('fig')}",
        study="widths.spectra",
        script=f"samarin2022/{script}.py",
        claims=claims,
    )


FIGURES = (
    _figure(
        "fig6", "effective rank of the Jacobian against width", "fig6",
        Claim("the effective rank grows with the width (Spearman >= 0.8)", _grows_with_width),
        Claim("the effective rank is far below the number of rows (at most half of it)", _far_below_the_rows),
        Claim("it grows less on shifted digits", _less_pronounced_when_shifted),
        Claim("the kernel's square roots have the effective rank of the Jacobian (to 0.1 %)", _same_from_both_sides),
    ),
    _figure("fig7", "singular values of the Jacobian, LeNet", "fig7", *_DISTRIBUTIONS),
    _figure("figA3", "singular values of the Jacobian, AlexNet", "figA3", *_DISTRIBUTIONS),
)  # fmt: skip
