"""Figures 1, S5, S6, S9 and S10: how networks and their kernels change with the width."""

import math
from collections.abc import Iterator

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.lee2019 import PAPER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import number

_WEIGHTS: dict[str, float] = printed_numbers("lee2019")["fig1"]["exponent"]
_KERNELS = {"ntk": "empirical NTK", "nngp": "empirical NNGP kernel"}
_CLOSER_TO_ONE = -0.75  # an exponent below is closer to -1 than to -1/2


def _interval(fit: Numbers) -> str:
    return f"95 % interval {fit['low']:.2f} to {fit['high']:.2f}" if fit["low"] is not None else "no interval"


def _exponents(panel: Numbers, names: dict) -> Iterator[tuple[str, str, Numbers, float]]:
    """Of each of these curves that the panel has its name, the subject, the fit and the exponent."""
    for name in names:
        if name in panel["curves"]:  # a single hidden layer has no intermediate weights
            curve = panel["curves"][name]
            yield name, f"{panel['title']}, {_KERNELS.get(name, f'{name} weights')}", curve, number(curve["exponent"])


@claim("input and output weights move as n^-1/2, intermediate weights as n^-1 (exponent within 0.15)", over="panels")
def _weights_move(panel: Numbers) -> Iterator[Verdict]:
    for name, subject, fit, slope in _exponents(panel, _WEIGHTS):
        paper = _WEIGHTS[name]
        yield judged(subject, abs(slope - paper) <= 0.15, slope, "exponent of the width", _interval(fit), paper=paper)


@claim("the kernels move as n^-1/2 at most (exponent between -1.15 and -0.5)", over="panels")
def _kernels_move(panel: Numbers) -> Iterator[Verdict]:
    for _, subject, fit, slope in _exponents(panel, _KERNELS):
        yield judged(subject, -1.15 <= slope <= -0.5, slope, "exponent of the width", _interval(fit))


@claim("towards large widths (the widest three) the kernels' exponent is closer to -1 than to -1/2", over="panels")
def _kernels_move_when_wide(panel: Numbers) -> Iterator[Verdict]:
    """Undetermined where the two ends of the 95 % interval disagree: three points are few."""
    for _, subject, curve, _ in _exponents(panel, _KERNELS):
        fit = curve["widest"]
        slope, note = number(fit["exponent"]), _interval(fit)
        holds: bool | None = slope < _CLOSER_TO_ONE
        if fit["low"] is not None and fit["low"] < _CLOSER_TO_ONE <= fit["high"]:
            holds, note = None, f"{note}: these seeds do not decide"
        yield judged(subject, holds, slope, "exponent of the width", note)


_DRIFT = ("wide_limit.drift", _weights_move, _kernels_move, _kernels_move_when_wide)


def _sign(line: Numbers, symbol: str, quantity: str, sign: int) -> Iterator[Verdict]:
    """On a line's exponent having this sign, its 95 % interval too."""
    low, high = number(line["low"]), number(line["high"])
    note = _interval(line) + (", which includes 0" if low <= 0 <= high else "")
    holds, slope = sign * low > 0 and sign * high > 0, number(line["exponent"])
    yield judged(f"{symbol} = {line['of']:,}", holds, slope, f"exponent of the {quantity}", note)


def _converges(numbers: Numbers) -> Iterator[Verdict]:
    """One verdict for each kernel and depth: on the line whose exponent is furthest from -1/2."""
    quantity, other = ("width", "M") if numbers["against"] == "width" else ("number of samples", "n")
    # The paper prints the exponent of the width only: that of M is what averages over independent samples have.
    paper = printed_numbers("lee2019")["figS9"]["exponent"] if numbers["against"] == "width" else None
    for panel in numbers["panels"]:
        layers = "one hidden layer" if panel["depth"] == 1 else f"{panel['depth']} hidden layers"
        lines = [line for line in panel["lines"] if line["exponent"] is not None]
        slope, note = math.nan, "too few points with M <= n/10"
        if lines:
            worst = max(lines, key=lambda line: abs(line["exponent"] + 0.5))
            slope, note = worst["exponent"], f"{other} = {worst['of']:,}, {_interval(worst)}; all: "
            note += ", ".join(f"{line['exponent']:.2f} ({other} = {line['of']:,})" for line in lines)
        meaning = f"exponent of the {quantity} furthest from -1/2"
        yield judged(f"{panel['kernel'].upper()}, {layers}", abs(slope + 0.5) <= 0.1, slope, meaning, note, paper=paper)


FIGURES = (
    PAPER.figure("fig1", "how far weights and kernels move in training, against width", *_DRIFT),
    PAPER.figure(
        "figS5", "difference between network and linearization, against width and number of images",
        "wide_limit.linearization_error",
        Claim(
            "the error falls as the width grows (95 % interval below 0)",
            _sign, ("|D|", "width", -1), over="against_width",
        ),
        Claim(
            "the error grows with the number of training images (95 % interval above 0)",
            _sign, ("n", "number of images", +1), over="against_size",
        ),
    ),
    PAPER.figure("figS6", "Figure 1 for one hidden ReLU layer on two classes, and for three tanh layers", *_DRIFT),
    PAPER.figure(
        "figS9", "Monte-Carlo kernels against analytic ones, one and three hidden layers, against width",
        "wide_limit.kernel_convergence",
        Claim("the error falls as n^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),
    ),
    PAPER.figure(
        "figS10", "Monte-Carlo kernels against analytic ones, one hidden layer, against the number of samples",
        "wide_limit.kernel_convergence",
        Claim("the error falls as M^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),
    ),
)  # fmt: skip
