"""Numbers in the text: parameters of the networks, rows of their Jacobians, and what these take in memory."""

import math
from collections.abc import Iterator
from typing import Any

from ntk_repro.network_names import display_name
from ntk_repro.papers.claims import Numbers, Verdict, claim, judged
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.statistics import power_law_fit
from ntk_repro.papers.thresholds import ABOUT, MUCH, RATE

_FLOAT32 = 4  # bytes
_TERABYTE = 1e12


def _printed() -> dict[str, Any]:
    return printed_numbers(PAPER.name)["numbers"]


def _subject(line: Numbers, width: float | None = None) -> str:
    outputs = "one output" if line["outputs"] == 1 else f"{line['outputs']} outputs"
    at = "" if width is None else f" x{width:g}"
    return f"{display_name(line['net'])}{at}, {' x '.join(map(str, line['image']))}, {outputs}"


def _counts(line: Numbers) -> dict[float, int]:
    return dict(zip(line["widths"], line["num_params"], strict=True))


@claim(
    "the number of parameters grows quadratically in the width factor (exponent within 0.1 of 2)", over="lines",
    place="section 3",
)  # fmt: skip
def _quadratic(line: Numbers) -> Iterator[Verdict]:
    fit = power_law_fit(line["widths"], line["num_params"])
    holds = fit.interval.within(2 - RATE, 2 + RATE)
    note = f"95% {fit.low:.3f} to {fit.high:.3f}" if math.isfinite(fit.low) else "fewer than three widths"
    yield judged(_subject(line), holds, fit.exponent, "exponent of the parameters in the width", note)


@claim(
    "LeNet has about 60,000 parameters at x1, 240,000 at x2 and 216 million at x60, AlexNet 60 million at x1 and 960 "
    "million at x4 (within 10%)",
    over="lines", place="section 3; section 4.1; section 4.2",
)  # fmt: skip
def _parameters(line: Numbers) -> Iterator[Verdict]:
    printed = _printed()["parameters"].get(line["net"], {})
    for width, count in _counts(line).items():
        paper = printed.get(f"{width:g}")
        if paper is not None:
            holds = abs(count / paper - 1) <= ABOUT
            yield judged(_subject(line, width), holds, count, "parameters", paper=paper)


@claim(
    "LeNet x1 and x2 have fewer parameters than the Jacobian of all images (MNIST, CIFAR-10) has rows, so that it "
    "cannot have full rank and not all targets can be fitted",
    place="section 4.2",
)
def _rank_deficient(numbers: Numbers) -> Iterator[Verdict]:
    sides = {"mnist": [28, 28, 1], "cifar10": [32, 32, 3]}
    for line in numbers["lines"]:
        for data, side in sides.items():
            if line["net"] != "lenet5" or list(line["image"]) != side or line["outputs"] != 10:
                continue
            rows = 10 * _printed()["images"][data]
            for width in (1, 2):
                share = _counts(line).get(width, math.nan) / rows
                note = f"{rows:,} rows"
                yield judged(f"x{width} on {data}", share < 1, share, "parameters over rows", note)


@claim(
    "AlexNet x1 is well over-parameterized for 13,000 snakes (twice as many parameters as the 130,000 rows or more)",
    place="section 4.2",
)
def _over_parameterized(numbers: Numbers) -> Iterator[Verdict]:
    for line in numbers["lines"]:
        if line["net"] == "alexnet" and 1 in line["widths"]:
            ratio = _counts(line)[1] / _printed()["rows"]["snakes"]
            yield judged(_subject(line, 1), ratio >= MUCH, ratio, "parameters over rows")


@claim(
    "the Jacobian of one output on 60,000 digits takes less than 1 TB at x1, x2 and x5, and more at the larger widths "
    "(single precision)",
    place="section 4.3",
)
def _memory(numbers: Numbers) -> Iterator[Verdict]:
    images = _printed()["images"]["mnist"]
    for line in numbers["lines"]:
        if line["net"] != "lenet5" or line["outputs"] != 1:
            continue
        for width, count in _counts(line).items():
            if width in (1, 2, 5) or width > 5:
                size = _FLOAT32 * images * count / _TERABYTE
                yield judged(f"x{width:g}", (size < 1) == (width <= 5), size, "TB", f"{count:,} parameters")


FIGURES = (
    PAPER.figure(
        "sizes", "parameters of LeNet and AlexNet against width", "finite_width.sizes",
        _quadratic, _parameters, _rank_deficient, _over_parameterized, _memory, label="Numbers in the text",
    ),
)  # fmt: skip
