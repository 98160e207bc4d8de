"""The columns of Tables 1 and 2: accuracies of solver, linearization and network, and where they are as the paper's."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Predicate, Verdict, joined, judged
from ntk_repro.papers.departures import departures
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import (
    points,
    settings_of,
)
from ntk_repro.papers.statistics import Interval, Number, all_hold, signed_sum
from ntk_repro.papers.thresholds import SIGNIFICANT

Runs = Sequence[Numbers]
"""The columns of one width, one of each seed."""

MODEL_NAMES = {"solver": "solver", "linearized": "linearization by SGD", "network": "network"}
WORSE = "test accuracy of SGD less that of the solver"
TRAINING = ("epochs", "learning_rate", "weight_decay", "batch_size", "momentum")


def of_table(statement: str, place: str) -> Callable[[Predicate], Callable[[str], Claim]]:
    """Decorates a predicate of (numbers, table): the name is then a function from "table1" to the `Claim`."""
    return lambda predicate: lambda table: Claim(statement, predicate, (table,), place=place)


def by_width(columns: Sequence[Numbers], least: float = 0.0) -> dict[float, Runs]:
    """The columns of each width from `least` up, narrowest first."""
    found = defaultdict(list)
    for column in sorted(columns, key=lambda column: (column["width"], column["seed"])):
        if column["width"] >= least:
            found[column["width"]].append(column)
    return dict(found)


def by_seed(runs: Runs, model: str, part: str) -> dict[int, Number]:
    """A model's accuracies by seed."""
    return {run["seed"]: run[model][part] if run.get(model) else None for run in runs}


def _samples(runs: Runs, part: str) -> int:
    return runs[0]["test_images" if part == "test" else "images"]


def sum_of(part: str, *terms: tuple[float, Runs, str], of: int = 1) -> Interval:
    """A sum of accuracies, each of them a weight, a width's columns and a model; one of `of` that can decide."""
    weights, runs, models = zip(*terms, strict=True)
    values = [by_seed(one, model, part) for one, model in zip(runs, models, strict=True)]
    return signed_sum(values, weights, min(_samples(one, part) for one in runs), of=of)


def lead_of(runs: Runs, first: str, second: str, part: str = "test") -> Interval:
    """The accuracy of the first model less that of the second."""
    return sum_of(part, (1, runs, first), (-1, runs, second))


def significant(run: Numbers) -> float:
    """A thirtieth of the error of guessing."""
    return SIGNIFICANT * (1 - run["majority_rate"])


def fits_all(runs: Runs, model: str) -> bool | None:
    """Whether a model fits all training images, not one less; None where it does at some seeds only."""
    found = {value == 1 for value in by_seed(runs, model, "train").values() if value is not None}
    return found.pop() if len(found) == 1 else None


def printed_cell(table: str, runs: Runs, model: str, part: str) -> str | None:
    """What the paper prints for a width, a model and "test" or "train"; None at other settings than its."""
    return None if departure(table, runs, solver=model == "solver") else cell_of(table, runs[0]["width"], model, part)


def cell_of(table: str, width: float, model: str, part: str) -> str | None:
    """What a table prints for a width, a model and "test" or "train"; None for an empty cell."""
    return printed_numbers(PAPER.name)[table][part].get(model, {}).get(f"{width:g}")


def printed_share(table: str, width: float, model: str, part: str) -> Number:
    """The same as a share."""
    cell = cell_of(table, width, model, part)
    return None if cell is None else float(cell) / 100


def departure(table: str, runs: Runs, *, solver: bool = False) -> str:
    """Where our settings depart from the paper's; of its `solver` alone, which is not trained by SGD."""
    sizes = runs[0]["solver_by_size"]["sizes"]
    solved = {"images": sizes[-1]} if solver and len(sizes) else {}
    return departures(settings_of(table), {**runs[0], **solved}, TRAINING if solver else ())


def solved_departure(table: str, runs: Runs) -> str:
    """The same where the solver is compared with what is trained on the same images."""
    return departure(table, runs) or ("" if solved_all(runs) else "not solved on all training images")


def solved_all(runs: Runs) -> bool:
    """Whether the solver was given the images of SGD."""
    sizes = runs[0]["solver_by_size"]["sizes"]
    return len(sizes) > 0 and sizes[-1] == runs[0]["images"]


def lacking_widths(widths: Mapping[float, object]) -> str:
    """Names the widths of the paper that are not there."""
    paper = printed_numbers(PAPER.name)["table1"]["test"]["network"]
    missing = [f"x{width}" for width in paper if float(width) not in widths]
    return f"no column at {', '.join(missing)}" if missing else ""


def no_column(meaning: str, width: str = "x1") -> Verdict:
    """The verdict where a width is missing."""
    return judged(width, None, math.nan, meaning, unless=f"no column at {width}")


def cut_off(runs: Runs) -> str:
    """Why a perfect fit may be missed: a kernel's small eigenvalues are lost."""
    dual = runs[0]["solver_by_size"]["dual"]
    return "solved by the kernel, whose cut-off hides overfitting" if len(dual) and dual[-1] else ""


def overfits(subject: str, runs: Runs, departs: str, paper: Number = None) -> Verdict:
    """Whether the solver fits all images and generalizes significantly worse than SGD."""
    lead, fits = lead_of(runs, "linearized", "solver"), fits_all(runs, "solver")
    holds, why = all_hold(fits, lead.above(significant(runs[0]))), joined(departs, cut_off(runs))
    notes = (points(lead), "" if fits else "the solver does not fit all images")
    return judged(subject, holds, lead, WORSE, *notes, unless=why, paper=paper)


def gap_of(runs: Runs, part: str) -> Interval:
    """The network's accuracy less that of the linearization by SGD."""
    return lead_of(runs, "network", "linearized", part)
