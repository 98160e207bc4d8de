"""Tables 1 and 2: one digit against the others, by a solver, by SGD on the linearization and by the network."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ntk_repro.papers.claims import Claim, Verdict
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers

__all__ = ["FIGURES"]

Numbers = Mapping[str, Any]
Column = Mapping[str, Any]
Predicate = Callable[[Numbers], Iterator[Verdict]]

_ALIKE = 0.003  # "the second decimal place", in per cent, of 10,000 images; with what seeds make of it
_AS_PRINTED = 0.003
_NAMES = {"solver": "solver", "linearized": "linearization by SGD", "network": "network"}


def _columns(numbers: Numbers) -> list[Column]:
    return sorted(numbers["columns"], key=lambda column: column["width"])


def _of(column: Column, model: str, part: str) -> float:
    value = column[model][part] if column.get(model) else None
    return math.nan if value is None else float(value)


def _solver_fits(table: str) -> Predicate:
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        for column in _columns(numbers):
            for n, rank, train in zip(*(column["solver_by_size"][k] for k in ("sizes", "rank", "train")), strict=True):
                if rank == n:
                    paper = printed_numbers("samarin2022")[table]["train"]["solver"].get(f"{column['width']:g}")
                    note = f"rank {rank:,} of {column['num_params']:,} parameters"
                    subject = f"x{column['width']:g}, {n:,} images"
                    yield Verdict(subject, train == 1.0, train, "training accuracy", paper, note)

    return predicate


def _dip(numbers: Numbers) -> Iterator[Verdict]:
    for column in _columns(numbers):
        by_size = column["solver_by_size"]
        sizes, test, live = by_size["sizes"], by_size["test"], by_size["live"]
        # Both sides of the peak must have been looked at.
        if len(sizes) < 3 or not sizes[0] < live[-1] / 1.5 or not sizes[-1] > 1.2 * live[-1]:
            continue
        worst = min(range(len(sizes)), key=lambda i: test[i])
        ratio = sizes[worst] / live[worst]
        note = f"{test[worst]:.2%} on {sizes[worst]:,} images, {live[worst]:,} live parameters; "
        note += ", ".join(f"{n:,}: {value:.2%}" for n, value in zip(sizes, test, strict=True))
        yield Verdict(
            f"x{column['width']:g}", 0.5 <= ratio <= 2, ratio, "images over live parameters at the worst", note=note
        )


def _solver_below_sgd(table: str) -> Predicate:
    """At the narrowest width the solver overfits: SGD's implicit regularization generalizes better."""

    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        solved = [
            c for c in _columns(numbers) if not math.isnan(_of(c, "solver", "test") - _of(c, "linearized", "test"))
        ]
        for column in solved[:1]:
            lead = _of(column, "linearized", "test") - _of(column, "solver", "test")
            printed = printed_numbers("samarin2022")[table]["test"]
            width = f"{column['width']:g}"
            both = [printed[model].get(width) for model in ("linearized", "solver")]
            paper = None if None in both else both[0] - both[1]
            meaning = "test accuracy of SGD less that of the solver"
            note = f"{column['images']:,} images, {column['num_params']:,} parameters"
            yield Verdict(f"x{width}", lead > 0, lead, meaning, paper, note)

    return predicate


def _ridge_in_between(numbers: Numbers) -> Iterator[Verdict]:
    for column in _columns(numbers)[:1]:
        test = _of(column, "kernel_ridge", "test") - _of(column, "solver", "test")
        train = _of(column, "kernel_ridge", "train")
        note = f"training accuracy {train:.2%} with the ridge, {_of(column, 'solver', 'train'):.2%} without"
        meaning = "test accuracy with the ridge less without"
        yield Verdict(f"x{column['width']:g}", test > 0, test, meaning, note=note)


def _training_gap_closes(numbers: Numbers) -> Iterator[Verdict]:
    columns = _columns(numbers)
    gaps = [_of(c, "network", "train") - _of(c, "linearized", "train") for c in columns]
    note = ", ".join(f"x{c['width']:g}: {100 * gap:.2f}" for c, gap in zip(columns, gaps, strict=True)) + " points"
    change = gaps[-1] - gaps[0]
    yield Verdict("network and linearization", change < 0, change, "change of the gap in training accuracy", note=note)


def _wide_ones_agree(numbers: Numbers) -> Iterator[Verdict]:
    column = _columns(numbers)[-1]
    apart = _of(column, "network", "test") - _of(column, "linearized", "test")
    note = f"network {_of(column, 'network', 'test'):.2%}, linearization {_of(column, 'linearized', 'test'):.2%}"
    yield Verdict(f"x{column['width']:g}", abs(apart) <= _ALIKE, apart, "difference in test accuracy", note=note)


def _as_printed(table: str) -> Predicate:
    def predicate(numbers: Numbers) -> Iterator[Verdict]:
        printed = printed_numbers("samarin2022")[table]
        for column in _columns(numbers):
            for model, spoken in _NAMES.items():
                paper, ours = printed["test"][model].get(f"{column['width']:g}"), _of(column, model, "test")
                if paper is None or math.isnan(ours) or numbers["data"] != "mnist":
                    continue
                note = "" if column["images"] == printed["images"] else f"on {column['images']:,} images"
                holds = abs(ours - paper) <= _AS_PRINTED
                yield Verdict(f"x{column['width']:g}, {spoken}", holds, ours, "test accuracy", paper, note)

    return predicate


def _table(name: str, title: str, number: int) -> Figure:
    return Figure(
        id=f"samarin2022/{name}",
        title=title,
        source=f"Samarin et al. 2022, Table {number}",
        study="widths.solver",
        script=f"samarin2022/{name}.py",
        claims=(
            Claim("the solver fits all training images while they are no more than the rank", _solver_fits(name)),
            Claim("at the narrowest width the solver generalizes worse than SGD", _solver_below_sgd(name)),
            Claim("the solver's test accuracy dips where images are as many as parameters (within 2x)", _dip),
            Claim("at the narrowest width a ridge helps the solver to generalize", _ridge_in_between),
            Claim("the gap in training accuracy between network and linearization closes with width",
                  _training_gap_closes),
            Claim("at the largest width network and linearization agree in test accuracy (within 0.3 points)",
                  _wide_ones_agree),
            Claim("test accuracies are the paper's (within 0.3 points)", _as_printed(name)),
        ),
    )  # fmt: skip


FIGURES = (
    _table("table1", "0 against the other digits of MNIST: solver, linearization, network", 1),
    _table("table2", "0 against the other digits of shifted MNIST: solver, linearization, network", 2),
)
