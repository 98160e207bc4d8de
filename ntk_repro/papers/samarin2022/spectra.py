"""Figures 6, 7 and A3: how many of the Jacobian's singular values count, and how they are spread.

The effective rank that is judged is that of the kernel matrix J J^T, of its eigenvalues: section 1 announces "the
effective rank of the kernel", and section 4.2 computes it of "the corresponding 6000 x 6000 kernel matrix". That of the
Jacobian's singular values, which the caption of Figure 6 and section 5 name, is drawn beside it.
"""

import math
from collections.abc import Iterator

import numpy as np

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.departures import departures
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import NEARLY_100, beyond_widths, not_all_widths, settings_of
from ntk_repro.papers.statistics import Interval, all_hold, largest, student_interval
from ntk_repro.papers.thresholds import MARGINAL, MUCH

_JUDGED = "effective_rank_of_kernel"


def _subject(line: Numbers) -> str:
    shift = f", shifted by up to {line['shift']}" if line["shift"] else ""
    return f"{display_name(line['net'])} on {line['data']}{shift}"


def _values(line: Numbers, name: str) -> list[list[float]]:
    """The values of a quantity, a list of seeds for each width; where only means were kept those of one seed."""
    if "by_seed" in line:
        return line["by_seed"][name]
    return [[value] if len(seeds) == 1 else [] for value, seeds in zip(line[name], line["seeds"], strict=True)]


def _logs(line: Numbers, name: str) -> tuple[dict[int, float], dict[int, float]]:
    """Logarithms at the narrowest and at the widest width, by seed."""
    narrow, wide = (
        {seed: math.log(value) for seed, value in zip(line["seeds"][at], _values(line, name)[at], strict=True) if value}
        for at in (0, -1)
    )
    return narrow, wide


def _growth(line: Numbers, name: str, power: int = 1) -> Interval:
    """Of the logarithm of a power, from the narrowest to the widest width, over the seeds that both have."""
    narrow, wide = _logs(line, name)
    return student_interval([power * (wide[seed] - narrow[seed]) for seed in narrow.keys() & wide.keys()])


def _times(growth: Interval) -> str:
    """ "1.68 times (95% interval 1.60 to 1.77, 3 seeds)"."""
    text = f"{math.exp(growth.mean):.3g} times" if math.isfinite(growth.mean) else ""
    if not math.isfinite(growth.low):
        return text + (" (1 seed)" if growth.seeds == 1 else "")
    return f"{text} (95% interval {math.exp(growth.low):.3g} to {math.exp(growth.high):.3g}, {growth.seeds} seeds)"


def _by_width(line: Numbers, name: str) -> str:
    means = [student_interval(values).mean for values in _values(line, name)]
    return ", ".join(f"x{width:g}: {mean:.4g}" for width, mean in zip(line["widths"], means, strict=True))


def _elsewhere(line: Numbers) -> str:
    """Why a line cannot decide what the paper says of widths: its images, its widths."""
    return departures(settings_of("fig6"), line) or not_all_widths(line["net"], line["widths"])


def _lines_of(numbers: Numbers, net: str) -> list[Numbers]:
    return [line for line in numbers["lines"] if line["net"] == net]


@claim(
    "the kernel's effective rank grows with the width (from the narrowest to the widest)", over="lines",
    place="section 4.2; Figure 6",
)  # fmt: skip
def _grows_with_width(line: Numbers) -> Iterator[Verdict]:
    growth = _growth(line, _JUDGED)
    notes = (_by_width(line, _JUDGED), _times(growth), f"of the Jacobian {_times(_growth(line, 'effective_rank'))}")
    meaning = "growth, widest over narrowest"
    number = math.exp(growth.mean)
    yield judged(_subject(line), growth.above(), number, meaning, *notes, unless=_elsewhere(line))


@claim(
    "at all widths the kernel's effective rank is much lower than the number of rows (half of it or less)",
    over="lines", place="section 4.2; Figure 6",
)  # fmt: skip
def _far_below_the_rows(line: Numbers) -> Iterator[Verdict]:
    shares = [[value / line["rows"] for value in values] for values in _values(line, _JUDGED)]
    share = largest([student_interval(values, of=len(shares)) for values in shares])
    holds = share.below(1 / MUCH)
    jacobian = largest([student_interval(values) for values in _values(line, "effective_rank")]).mean / line["rows"]
    notes = (f"{line['rows']:,} rows", _by_width(line, _JUDGED), f"of the Jacobian up to {jacobian:.1%} of the rows")
    # Narrow networks have the lowest ranks: all widths are needed to show it, one of the paper's refutes it.
    refuted = departures(settings_of("fig6"), line) or beyond_widths(line["net"], *line["widths"])
    why = refuted if holds is False else _elsewhere(line)
    yield judged(
        _subject(line), holds, share.mean, "largest effective rank over the number of rows", *notes, unless=why
    )


@claim(
    "on shifted digits the kernel's effective rank grows less than on centred ones", place="section 4.2; Figure 6, left"
)
def _less_pronounced_when_shifted(numbers: Numbers) -> Iterator[Verdict]:
    meaning = "growth when shifted over that when centred"
    centred = {(line["net"], line["data"]): line for line in reversed(numbers["lines"]) if line["shift"] == 0}
    for line in numbers["lines"]:
        other = centred.get((line["net"], line["data"]))
        if not line["shift"] or other is None or other["widths"] != line["widths"] or len(line["widths"]) < 2:
            continue
        change, jacobian = (_less_growth(line, other, name) for name in (_JUDGED, "effective_rank"))
        notes = (f"{_times(_growth(line, _JUDGED))} shifted, {_times(_growth(other, _JUDGED))} centred", _times(change))
        also = f"of the Jacobian {_times(jacobian)}"
        why = _elsewhere(line) or _elsewhere(other)
        yield judged(_subject(line), change.below(), math.exp(change.mean), meaning, *notes, also, unless=why)


def _less_growth(line: Numbers, other: Numbers, name: str) -> Interval:
    """Growth of the first less that of the second, of the logarithms, by seed."""
    (narrow, wide), (narrow_0, wide_0) = _logs(line, name), _logs(other, name)
    seeds = narrow.keys() & wide.keys() & narrow_0.keys() & wide_0.keys()
    return student_interval([wide[s] - narrow[s] - (wide_0[s] - narrow_0[s]) for s in seeds])


@claim("AlexNet's effective rank grows marginally (by at most 25%)", place="section 4.2; Figure 6, right")
def _marginal(numbers: Numbers) -> Iterator[Verdict]:
    for line in _lines_of(numbers, "alexnet"):
        growth = _growth(line, _JUDGED)
        holds, meaning = growth.within(0, math.log1p(MARGINAL)), "growth, widest over narrowest"
        yield judged(_subject(line), holds, math.exp(growth.mean), meaning, _times(growth), unless=_elsewhere(line))


@claim(
    "a perfect fit needs directions of small singular values, which training hardly reaches: at x1 neither those that "
    "it reaches nor gradient flow in its time, 100 epochs of 600 images, fit 99% of the images",
    place="section 4.2",
)
def _small_directions_are_needed(numbers: Numbers) -> Iterator[Verdict]:
    for line in _lines_of(numbers, "lenet5"):
        fitted = student_interval(_values(line, "reached_train_accuracy")[0])
        reached = student_interval(_values(line, "reached")[0]).mean
        flow = student_interval(_values(line, "flow_train_accuracy")[0])
        holds = all_hold(fitted.below(NEARLY_100), flow.below(NEARLY_100))
        meaning = "training accuracy with the directions that training reaches"
        note = f"{reached:,.0f} of {line['rows']:,} directions, gradient flow {flow.mean:.1%}"
        why = departures(settings_of("fig6"), line) or ("" if line["widths"][0] == 1 else "no x1")
        yield judged(_subject(line), holds, fitted.mean, meaning, note, unless=why)


@claim(
    "the training accuracy that gradient flow reaches in the time of 100 epochs of 600 images grows from the narrowest "
    "to the widest, and so does the effective rank, while the condition number falls",
    place="section 5, third finding",
)
def _spectrum_explains_training(numbers: Numbers) -> Iterator[Verdict]:
    for line in _lines_of(numbers, "lenet5"):
        ends = [dict(zip(line["seeds"][at], _values(line, "flow_train_accuracy")[at], strict=True)) for at in (0, -1)]
        rise = student_interval([ends[1][seed] - ends[0][seed] for seed in ends[0].keys() & ends[1].keys()])
        holds = all_hold(rise.above(), _growth(line, _JUDGED).above(), _growth(line, "condition_number").below())
        names = {"training accuracy": "flow_train_accuracy", "effective rank": _JUDGED, "condition": "condition_number"}
        notes = [f"{name} {_by_width(line, key)}" for name, key in names.items()]
        meaning, why = "rise of the training accuracy, narrowest to widest", _elsewhere(line)
        yield judged(_subject(line), holds, rise.mean, meaning, *notes, unless=why)


def _of_ends(line: Numbers, name: str, sign: int, meaning: str, *, power: int = 1, factor: float = 1.0) -> Verdict:
    """Whether a power of a quantity grows (+1) or falls (-1) by more than a factor, narrowest to widest."""
    growth, meaning = _growth(line, name, power), f"{meaning}, widest over narrowest"
    holds = growth.above(math.log(factor)) if sign > 0 else growth.below(-math.log(factor))
    why = _lost_in_rounding(line) or _elsewhere(line)
    return judged(
        _subject(line),
        holds,
        math.exp(growth.mean),
        meaning,
        f"the Jacobian's {_by_width(line, name)}",
        _times(growth),
        unless=why,
    )


@claim(
    "the smallest singular values grow with the width (from the narrowest to the widest)", over="lines",
    place="section 4.2; Figures 7 and A3",
)  # fmt: skip
def _smallest_rise(line: Numbers) -> Iterator[Verdict]:
    yield _of_ends(line, "smallest", +1, "smallest singular value")


@claim(
    "the condition number falls with the width (from the narrowest to the widest)", over="lines",
    place="section 4.2; Figures 7 and A3",
)  # fmt: skip
def _condition_falls(line: Numbers) -> Iterator[Verdict]:
    yield _of_ends(line, "condition_number", -1, "condition number")


@claim("width remedies the kernel's conditioning (its condition number falls by a factor of 2 or more)", over="lines",
       place="section 5, third finding")  # fmt: skip
def _conditioning_is_remedied(line: Numbers) -> Iterator[Verdict]:
    """The kernel's condition number is the square of the Jacobian's."""
    yield _of_ends(line, "condition_number", -1, "the kernel's condition number", power=2, factor=MUCH)


def _lost_in_rounding(line: Numbers) -> str:
    """How many singular values are lost at an end, if any: the smallest left is then the cut-off and says nothing."""
    lost = [(line["vanishing"][at], line["widths"][at]) for at in (0, -1)]
    if not any(count for count, _ in lost):
        return ""
    ends = (f"{np.round(count):,.0f} of {line['rows']:,} at x{width:g}" for count, width in lost)
    return f"lost in rounding: {', '.join(ends)}"


_SPECTRA = "finite_width.spectra"

FIGURES = (
    PAPER.figure(
        "fig6", "effective rank of the Jacobian against width", _SPECTRA,
        _grows_with_width, _far_below_the_rows, _less_pronounced_when_shifted, _marginal,
        _small_directions_are_needed, _spectrum_explains_training,
    ),
    PAPER.figure(
        "fig7", "singular values of the Jacobian, LeNet", _SPECTRA,
        _smallest_rise, _condition_falls, _conditioning_is_remedied,
    ),
    PAPER.figure(
        "figA3", "singular values of the Jacobian, AlexNet", _SPECTRA,
        _smallest_rise, _condition_falls, _conditioning_is_remedied,
    ),
)  # fmt: skip
