"""Figures 1, S5, S6, S9 and S10: what becomes of networks and their kernels as the width grows."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ntk_repro.papers.claims import Claim, Verdict
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]
Curve = Mapping[str, Any]

_WEIGHTS = ("input", "intermediate", "output")
_KERNELS = {"ntk": "empirical NTK", "nngp": "empirical NNGP kernel"}
_EXPONENT = "exponent of the width"


def _interval(curve: Curve) -> str:
    return f"95 % interval {curve['low']:.2f} to {curve['high']:.2f}" if curve["low"] is not None else "no interval"


def _number(curve: Curve) -> float:
    return math.nan if curve["exponent"] is None else curve["exponent"]


def _drift(
    names: Sequence[str], holds: Callable[[str, float], bool], printed: Mapping[str, float], widest: bool = False
) -> Callable:
    """The predicate on the exponent of each of these curves of each panel, fitted to all widths or the widest three.

    Of the widest three it must hold at both ends of the 95 % interval to be decided.
    """

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for panel in numbers["panels"]:
            for name in names:
                curve = panel["curves"].get(name)
                if curve is None:  # a single hidden layer has no intermediate weights
                    continue
                subject = f"{panel['title']}, {_KERNELS.get(name, f'{name} weights')}"
                curve = curve["widest"] if widest else curve
                slope, note = _number(curve), _interval(curve)
                verdict: bool | None = holds(name, slope)
                ends = None if curve["low"] is None else {holds(name, curve["low"]), holds(name, curve["high"])}
                if widest and ends == {True, False}:  # three points are few
                    verdict, note = None, f"{note}: these seeds do not decide"
                yield Verdict(subject, verdict, slope, _EXPONENT, printed.get(name), note)

    return predicate


def _drift_figure(name: str, title: str, number: str) -> Figure:
    weights = printed_numbers("lee2019")["fig1"]["exponent"]
    return Figure(
        id=f"lee2019/{name}",
        title=title,
        source=f"Lee et al. 2019, Figure {number}",
        study="wide_limit.drift",
        script=f"lee2019/{name}.py",
        claims=(
            Claim(
                "input and output weights move as n^-1/2, intermediate weights as n^-1 (exponent within 0.15)",
                _drift(_WEIGHTS, lambda name, slope: abs(slope - weights[name]) <= 0.15, weights),
            ),
            Claim(
                "the kernels move as n^-1/2 at most (exponent between -1.15 and -0.5)",
                _drift(tuple(_KERNELS), lambda name, slope: -1.15 <= slope <= -0.5, {}),
            ),
            Claim(
                "towards large widths (the widest three) the kernels' exponent is closer to -1 than to -1/2",
                _drift(tuple(_KERNELS), lambda name, slope: slope < -0.75, {}, widest=True),
            ),
        ),
    )


def _trend(lines: str, what: str, sign: int) -> Callable:
    """The predicate that every line's exponent has this sign, its 95 % interval too."""

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for line in numbers[lines]:
            slope = _number(line)
            subject = f"|D| = {line['of']:,}" if lines == "against_width" else f"n = {line['of']:,}"
            note = _interval(line)
            ends = None if line["low"] is None else (line["low"], line["high"])
            if ends and ends[0] <= 0 <= ends[1]:
                note += ", which includes 0"
            holds = ends is not None and all(sign * end > 0 for end in ends)
            yield Verdict(subject, holds, slope, f"exponent of the {what}", note=note)

    return predicate


def _converges(numbers: Numbers) -> Iterator[Verdict]:
    """One verdict for each kernel and depth: of all lines the one whose exponent is furthest from -1/2."""
    what, other = ("width", "M") if numbers["against"] == "width" else ("number of samples", "n")
    # Of the width alone the paper prints the exponent: that of M is what averages over independent samples have.
    paper = printed_numbers("lee2019")["figS9"]["exponent"] if numbers["against"] == "width" else None
    for panel in numbers["panels"]:
        layers = "one hidden layer" if panel["depth"] == 1 else f"{panel['depth']} hidden layers"
        lines = [line for line in panel["lines"] if line["exponent"] is not None]
        worst = max(lines, key=lambda line: abs(line["exponent"] + 0.5), default=None)
        slope = math.nan if worst is None else worst["exponent"]
        note = "too few points with M <= n/10"
        if worst is not None:
            note = f"{other} = {worst['of']:,}, {_interval(worst)}; all: "
            note += ", ".join(f"{line['exponent']:.2f} ({other} = {line['of']:,})" for line in lines)
        subject = f"{panel['kernel'].upper()}, {layers}"
        meaning = f"exponent of the {what} furthest from -1/2"
        yield Verdict(subject, abs(slope + 0.5) <= 0.1, slope, meaning, paper, note)


FIGURES = (
    _drift_figure("fig1", "how far weights and kernels move in training, against width", "1"),
    Figure(
        id="lee2019/figS5",
        title="difference between network and linearization, against width and number of images",
        source="Lee et al. 2019, Figure S5",
        study="wide_limit.linearization_error",
        script="lee2019/figS5.py",
        claims=(
            Claim("the error falls as the width grows (95 % interval below 0)", _trend("against_width", "width", -1)),
            Claim(
                "the error grows with the number of training images (95 % interval above 0)",
                _trend("against_size", "number of images", +1),
            ),
        ),
    ),
    _drift_figure("figS6", "Figure 1 for one hidden ReLU layer on two classes, and for three tanh layers", "S6"),
    Figure(
        id="lee2019/figS9",
        title="Monte-Carlo kernels against analytic ones, one and three hidden layers, against width",
        source="Lee et al. 2019, Figure S9",
        study="wide_limit.kernel_convergence",
        script="lee2019/figS9.py",
        claims=(Claim("the error falls as n^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),),
    ),
    Figure(
        id="lee2019/figS10",
        title="Monte-Carlo kernels against analytic ones, one hidden layer, against the number of samples",
        source="Lee et al. 2019, Figure S10",
        study="wide_limit.kernel_convergence",
        script="lee2019/figS10.py",
        claims=(Claim("the error falls as M^-1/2 where M <= n/10 (every exponent within 0.1)", _converges),),
    ),
)
