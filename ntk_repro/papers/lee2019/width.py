"""Figures 1, S5, S6, S9 and S10: what becomes of networks and their kernels as the width grows."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from ntk_repro.papers.claims import Claim, Numbers, Verdict, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.lee2019.paper import PAPER
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import number

__all__ = ["FIGURES"]

_of_panel = partial(Claim, over="panels")

Curve = Numbers

_KERNELS = {"ntk": "empirical NTK", "nngp": "empirical NNGP kernel"}


def _interval(curve: Curve) -> str:
    return f"95 % interval {curve['low']:.2f} to {curve['high']:.2f}" if curve["low"] is not None else "no interval"


def _drift(
    panel: Numbers,
    names: Iterable[str],
    holds: Callable[[str, float], bool],
    printed: Mapping[str, float] | None = None,
    widest: bool = False,
) -> Iterator[Verdict]:
    """On the exponent of each of these curves of each panel, fitted to all widths or the widest three.

    Of the widest three it must hold at both ends of the 95 % interval to be decided.
    """
    for name in names:
        curve = panel["curves"].get(name)
        if curve is None:  # a single hidden layer has no intermediate weights
            continue
        subject = f"{panel['title']}, {_KERNELS.get(name, f'{name} weights')}"
        curve = curve["widest"] if widest else curve
        slope, note = number(curve["exponent"]), _interval(curve)
        verdict: bool | None = holds(name, slope)
        if widest and curve["low"] is not None and holds(name, curve["low"]) != holds(name, curve["high"]):
            verdict, note = None, f"{note}: these seeds do not decide"  # three points are few
        yield judged(subject, verdict, slope, "exponent of the width", note, paper=(printed or {}).get(name))


def _drift_figure(name: str, title: str) -> Figure:
    weights = printed_numbers("lee2019")["fig1"]["exponent"]
    return PAPER.figure(
        name,
        title,
        "wide_limit.drift",
        _of_panel(
            "input and output weights move as n^-1/2, intermediate weights as n^-1 (exponent within 0.15)",
            _drift,
            (weights, lambda name, slope: abs(slope - weights[name]) <= 0.15, weights),
        ),
        _of_panel(
            "the kernels move as n^-1/2 at most (exponent between -1.15 and -0.5)",
            _drift,
            (_KERNELS, lambda name, slope: -1.15 <= slope <= -0.5),
        ),
        _of_panel(
            "towards large widths (the widest three) the kernels' exponent is closer to -1 than to -1/2",
            _drift,
            (_KERNELS, lambda name, slope: slope < -0.75, {}, True),
        ),
    )


def _sign(line: Numbers, subject: str, quantity: str, sign: int) -> Iterator[Verdict]:
    """On a line's exponent having this sign, its 95 % interval too."""
    low, high = number(line["low"]), number(line["high"])
    note = _interval(line) + (", which includes 0" if low <= 0 <= high else "")
    holds, slope = sign * low > 0 and sign * high > 0, number(line["exponent"])
    yield judged(f"{subject} = {line['of']:,}", holds, slope, f"exponent of the {quantity}", note)


def _converges(numbers: Numbers) -> Iterator[Verdict]:
    """One verdict for each kernel and depth: of all lines the one whose exponent is furthest from -1/2."""
    quantity, other = ("width", "M") if numbers["against"] == "width" else ("number of samples", "n")
    # Of the width alone the paper prints the exponent: that of M is what averages over independent samples have.
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
    _drift_figure("fig1", "how far weights and kernels move in training, against width"),
    PAPER.figure(
        "figS5",
        "difference between network and linearization, against width and number of images",
        "wide_limit.linearization_error",
        Claim(
            "the error falls as the width grows (95 % interval below 0)",
            _sign,
            ("|D|", "width", -1),
            over="against_width",
        ),
        Claim(
            "the error grows with the number of training images (95 % interval above 0)",
            _sign,
            ("n", "number of images", +1),
            over="against_size",
        ),
    ),
    _drift_figure("figS6", "Figure 1 for one hidden ReLU layer on two classes, and for three tanh layers"),
    PAPER.figure(
        "figS9",
        "Monte-Carlo kernels against analytic ones, one and three hidden layers, against width",
        "wide_limit.kernel_convergence",
        Claim("the error falls as n^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),
    ),
    PAPER.figure(
        "figS10",
        "Monte-Carlo kernels against analytic ones, one hidden layer, against the number of samples",
        "wide_limit.kernel_convergence",
        Claim("the error falls as M^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),
    ),
)
