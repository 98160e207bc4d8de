"""Tables 1 and 2: one digit against the others, by a solver, by SGD on the linearization and by the network."""

import math
from collections.abc import Iterator

from ntk_repro.papers.claims import Claim, Numbers, Verdict, claim, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.samarin2022 import PAPER, printed_for
from ntk_repro.papers.statistics import difference, margin, number

_LEARNT = 0.01  # test accuracy above that of "always no"; less is nothing learnt (ours)
_SIMILAR = 0.003  # "the second decimal place", in per cent, of 10,000 images; with room for the noise of seeds
_AS_PRINTED = 0.003
_HARDLY_MORE = 2.0  # live parameters per image; the paper's solver at x1 has 1.02 parameters per image, at x2 4.05
_NAMES = {"solver": "solver", "linearized": "linearization by SGD", "network": "network"}


def _columns(numbers: Numbers) -> list[Numbers]:
    return sorted(numbers["columns"], key=lambda column: column["width"])


def _of(column: Numbers, model: str, part: str) -> float:
    return number(column[model][part] if column.get(model) else None)


def _printed(table: str, column: Numbers, model: str, part: str) -> float | None:
    return printed_for(table, column["data"]).get(part, {}).get(model, {}).get(f"{column['width']:g}")


def _solver_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for column in _columns(numbers):
        by_size = column["solver_by_size"]
        for n, rank, live, train in zip(*(by_size[k] for k in ("sizes", "rank", "live", "train")), strict=True):
            if n <= live:
                paper = _printed(table, column, "solver", "train")
                note = f"{live:,} parameters move an output, rank {rank:,}"
                subject = f"x{column['width']:g}, {n:,} images"
                yield judged(subject, train == 1.0, train, "training accuracy", note, paper=paper)


@claim(
    "the solver's test accuracy dips where images are as many as live parameters (within 2x; below both ends by 2 "
    "standard errors, ours)"
)
def _dip(numbers: Numbers) -> Iterator[Verdict]:
    for column in _columns(numbers):
        by_size, images = column["solver_by_size"], column["test_images"]
        sizes, test, live = by_size["sizes"], by_size["test"], by_size["live"]
        # There must be sizes on both sides of the peak.
        if len(sizes) < 3 or not sizes[0] < live[-1] / 1.5 or not sizes[-1] > 1.2 * live[-1]:
            continue
        worst = min(range(len(sizes)), key=lambda i: test[i])
        ratio, ends = sizes[worst] / live[worst], (test[0], test[-1])
        # Deeper than two standard errors (ours).
        deep = all(end - test[worst] > margin(end, test[worst], images) for end in ends)
        note = f"{test[worst]:.2%} on {sizes[worst]:,} images, {live[worst]:,} live parameters; below the ends by "
        note += " and ".join(
            f"{100 * (end - test[worst]):.2f} points (standard error {50 * margin(end, test[worst], images):.2f})"
            for end in ends
        )
        curve = ", ".join(f"{n:,}: {value:.2%}" for n, value in zip(sizes, test, strict=True))
        holds, meaning = deep and 0.5 <= ratio <= 2, "images over live parameters at the worst"
        yield judged(f"x{column['width']:g}", holds, ratio, meaning, note, curve)


def _fitting_column(numbers: Numbers) -> Numbers | None:
    """The column whose solver fits all images with the fewest live parameters per image, if at most 2."""
    found = []
    for column in numbers["columns"]:
        by_size = column["solver_by_size"]
        if not len(by_size["sizes"]) or by_size["sizes"][-1] != column["images"]:
            continue  # SGD has seen other images
        live_per_image = by_size["live"][-1] / column["images"]
        if 1 <= live_per_image <= _HARDLY_MORE and by_size["train"][-1] == 1.0:
            found.append((live_per_image, column["width"], column))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _regime(column: Numbers) -> str:
    return f"{column['images']:,} images, {column['solver_by_size']['live'][-1]:,} live parameters"


def _no_column(meaning: str) -> Verdict:
    note = "no column's solver fits all its images with 1 to 2 live parameters an image"
    return judged("any width", False, math.nan, meaning, note)


def _solver_below_sgd(numbers: Numbers, table: str) -> Iterator[Verdict]:
    """The solver that fits everything overfits: SGD's implicit regularization generalizes better."""
    meaning = "test accuracy of SGD less that of the solver"
    column = _fitting_column(numbers)
    if column is None:
        yield _no_column(meaning)
        return
    lead = _of(column, "linearized", "test") - _of(column, "solver", "test")
    paper = difference(*(_printed(table, column, model, "test") for model in ("linearized", "solver")))
    yield judged(f"x{column['width']:g}", lead > 0, lead, meaning, _regime(column), paper=paper)


@claim("there a ridge lets it generalize better, at a lower training accuracy")
def _ridge_in_between(numbers: Numbers) -> Iterator[Verdict]:
    meaning, column = "test accuracy with the ridge less without", _fitting_column(numbers)
    if column is None:
        yield _no_column(meaning)
        return
    test = _of(column, "kernel_ridge", "test") - _of(column, "solver", "test")
    with_ridge, without = (_of(column, model, "train") for model in ("kernel_ridge", "solver"))
    note = f"training accuracy {with_ridge:.2%} with the ridge, {without:.2%} without"
    yield judged(f"x{column['width']:g}", test > 0 and with_ridge < 1, test, meaning, _regime(column), note)


def _learnt(column: Numbers) -> bool:
    return _of(column, "network", "test") > column["majority_rate"] + _LEARNT


@claim("the gap in training accuracy between network and linearization closes with width")
def _training_gap_closes(numbers: Numbers) -> Iterator[Verdict]:
    columns = list(filter(_learnt, _columns(numbers)))
    left_out = ", ".join(f"x{c['width']:g}" for c in _columns(numbers) if not _learnt(c))
    gaps = [_of(c, "network", "train") - _of(c, "linearized", "train") for c in columns]
    note = ", ".join(f"x{c['width']:g}: {100 * gap:.2f}" for c, gap in zip(columns, gaps, strict=True)) + " points"
    untaught = f'without {left_out}, whose network stays at "always no"' if left_out else ""
    change, closes = (gaps[-1] - gaps[0], abs(gaps[-1]) < abs(gaps[0])) if len(gaps) > 1 else (math.nan, False)
    yield judged("network and linearization", closes, change, "change of the gap in training accuracy", note, untaught)


@claim("at the largest width network and linearization agree in test accuracy (within 0.3 points)")
def _wide_ones_agree(numbers: Numbers) -> Iterator[Verdict]:
    column = _columns(numbers)[-1]
    network, linearized = (_of(column, model, "test") for model in ("network", "linearized"))
    gap, note = network - linearized, f"network {network:.2%}, linearization {linearized:.2%}"
    why = "" if _learnt(column) else 'the network stays at "always no"'
    holds, meaning = abs(gap) <= _SIMILAR, "difference in test accuracy"
    yield judged(f"x{column['width']:g}", holds, gap, meaning, note, unless=why)


def _as_printed(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for column in _columns(numbers):
        if column["data"] != "mnist":
            continue
        for model, name in _NAMES.items():
            sizes = column["solver_by_size"]["sizes"]
            images = sizes[-1] if model == "solver" and len(sizes) else column["images"]
            note = "" if images == printed_for(table, "mnist")["images"] else f"on {images:,} images"
            for part, meaning in (("test", "test accuracy"), ("train", "training accuracy")):
                paper, ours = _printed(table, column, model, part), _of(column, model, part)
                if paper is not None and not math.isnan(ours):
                    holds = abs(ours - paper) <= _AS_PRINTED
                    yield judged(f"x{column['width']:g}, {name}", holds, ours, meaning, note, paper=paper)


def _table(name: str, title: str) -> Figure:
    return PAPER.figure(
        name, title, "finite_width.solver",
        Claim("the solver fits all training images while they are no more than the live parameters",
              _solver_fits, (name,)),
        Claim("a solver that fits all images with at most 2 live parameters an image generalizes worse than SGD",
              _solver_below_sgd, (name,)),
        _dip, _ridge_in_between, _training_gap_closes, _wide_ones_agree,
        Claim("accuracies are the paper's (within 0.3 points)", _as_printed, (name,)),
    )  # fmt: skip


FIGURES = (
    _table("table1", "0 against the other digits of MNIST: solver, linearization, network"),
    _table("table2", "0 against the other digits of shifted MNIST: solver, linearization, network"),
)
