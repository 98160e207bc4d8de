"""Tables 1 and 2: one digit against the others, by a solver, by SGD on the linearization and by the network.

A column is one run: a width and a seed. Besides `columns` a drawing may hold those of other tasks: `centred` (Table 1's
digits, beside the shifted ones of Table 2), `others` (other target classes), and `ten_classes`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Predicate, Verdict, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER, departures, printed_for
from ntk_repro.papers.samarin2022.gaps import not_all_widths, points
from ntk_repro.papers.statistics import Interval, Number, all_hold, difference, signed_sum, student_interval
from ntk_repro.papers.thresholds import MOST, MUCH, NEARLY_ALL, SECOND_DECIMAL, SIGNIFICANT

Runs = Sequence[Numbers]
"""The columns of one width, one of each seed."""

_LEARNT = 0.01  # test accuracy above always naming the largest class; less is nothing learnt (ours)
_FITTED = 0.99995  # rounds to 100.00 %
_BARELY = 2.0  # parameters per row (image and output) up to which they are "barely as many"; the paper's x1 has 1.02
_WELL_ABOVE = 4.0  # the paper's x2 has 4.05
_LEAST_SEEDS = 3  # for a prediction interval
_LEAST_WIDTHS = 4  # of which "most" can be said
_ROUNDED = 0.00005  # half a unit of the last printed digit
_NAMES = {"solver": "solver", "linearized": "linearization by SGD", "network": "network"}
_PARTS = {"test": "test accuracy", "train": "training accuracy"}
_TRAINING = ("epochs", "learning_rate", "weight_decay")


def _of_table(statement: str, place: str) -> Callable[[Predicate], Callable[[str], Claim]]:
    """Decorates a predicate of (numbers, table): the name is then a function from "table1" to the `Claim`."""
    return lambda predicate: lambda table: Claim(statement, predicate, (table,), place=place)


def _by_width(columns: Sequence[Numbers], least: float = 0.0) -> dict[float, Runs]:
    """The columns of each width from `least` up, narrowest first."""
    found = defaultdict(list)
    for column in sorted(columns, key=lambda column: (column["width"], column["seed"])):
        if column["width"] >= least:
            found[column["width"]].append(column)
    return dict(found)


def _seeds(runs: Runs, model: str, part: str) -> dict[int, Number]:
    return {run["seed"]: run[model][part] if run.get(model) else None for run in runs}


def _samples(runs: Runs, part: str) -> int:
    return runs[0]["test_images" if part == "test" else "images"]


def _sum(part: str, *terms: tuple[float, Runs, str]) -> Interval:
    """A sum of accuracies, each of them a weight, a width's columns and a model."""
    weights, runs, models = zip(*terms, strict=True)
    values = [_seeds(one, model, part) for one, model in zip(runs, models, strict=True)]
    return signed_sum(values, weights, min(_samples(one, part) for one in runs))


def _lead(runs: Runs, first: str, second: str, part: str = "test") -> Interval:
    """The accuracy of the first model less that of the second."""
    return _sum(part, (1, runs, first), (-1, runs, second))


def _significant(run: Numbers) -> float:
    return SIGNIFICANT * (1 - run["majority_rate"])


def printed_cell(table: str, runs: Runs, model: str, part: str) -> Number:
    """The number that the paper prints for a width, a model and "test" or "train"; None at other settings than its."""
    if _departs(table, runs, solver=model == "solver"):
        return None
    return _printed(table, runs[0]["width"], model, part)


def _departs(table: str, runs: Runs, *, solver: bool = False) -> str:
    """Where our settings depart from the paper's; of its `solver` alone, which is not trained by SGD."""
    settings = printed_numbers(PAPER.name)[table]["settings"]
    trained = {name: settings[name] for name in _TRAINING} if solver else {}
    sizes = runs[0]["solver_by_size"]["sizes"]
    solved = {"images": sizes[-1]} if solver and len(sizes) else {}
    return departures(table, {**runs[0], **trained, **solved})


def _printed(table: str, width: float, model: str, part: str) -> Number:
    return printed_numbers(PAPER.name)[table][part].get(model, {}).get(f"{width:g}")


def _unlike_paper(runs: Runs, *models: str) -> str:
    """Names other data than the paper's, or the models that do no better than the largest class; "" where none are."""
    first, rate = runs[0], runs[0]["majority_rate"]
    if not printed_for("table1", first["data"]):
        return f"{first['data']}, not MNIST"
    found = [
        _NAMES[model]
        for model in models
        if not student_interval(list(_seeds(runs, model, "test").values())).mean > rate + _LEARNT
    ]
    return f"at x{first['width']:g} at the rate of the largest class ({rate:.1%}): {', '.join(found)}" if found else ""


def _at_most_widths(found: Sequence[bool | None]) -> tuple[float, bool | None]:
    """The share of widths at which something holds, and whether it is more than half, whatever is undetermined."""
    share = found.count(True) / len(found) if found else math.nan
    return share, True if share > MOST else False if found.count(False) >= (1 - MOST) * len(found) else None


def _any_of(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _rows_of(run: Numbers) -> int:
    """Rows of the Jacobian of the images that SGD has, an output each or ten."""
    return run["images"] * run.get("outputs", 1)


def _solved_all(runs: Runs) -> bool:
    """Whether the solver was given the images of SGD."""
    sizes = runs[0]["solver_by_size"]["sizes"]
    return len(sizes) > 0 and sizes[-1] == runs[0]["images"]


def _barely(columns: Sequence[Numbers]) -> Runs | None:
    """The width with the fewest parameters a row, where that is from 1 to 2; solved on SGD's images."""
    found = [
        (runs[0]["num_params"] / _rows_of(runs[0]), runs) for runs in _by_width(columns).values() if _solved_all(runs)
    ]
    return min((pair for pair in found if 1 <= pair[0] <= _BARELY), key=lambda pair: pair[0], default=(0, None))[1]


def _no_width(meaning: str) -> Verdict:
    return judged("any width", None, math.nan, meaning, unless="no width has 1 to 2 parameters for an image")


def _regime(run: Numbers) -> str:
    live = run["solver_by_size"]["live"][-1]
    return f"{run['num_params']:,} parameters ({live:,} move an output) for {_rows_of(run):,} rows"


def _cut_off(runs: Runs) -> str:
    """Why a perfect fit may be missed: a kernel's small eigenvalues are lost."""
    of_size = runs[0]["solver_by_size"]
    return "solved by the kernel, whose cut-off hides overfitting" if of_size["dual"][-1] else ""


@_of_table(
    "accuracies are the paper's (inside the 95 % prediction interval of one further seed of ours)", "Tables 1 and 2"
)
def _as_printed(numbers: Numbers, table: str) -> Iterator[Verdict]:
    why = "no columns"
    found = False
    for width, runs in _by_width(numbers["columns"]).items():
        for model, name in _NAMES.items():
            why = _departs(table, runs, solver=model == "solver")
            for part, meaning in _PARTS.items() if not why else ():
                paper = _printed(table, width, model, part)
                if paper is not None and runs[0].get(model):
                    found = True
                    yield _one_printed(f"x{width:g}, {name}", runs, model, part, meaning, paper)
    if not found:
        yield judged("all cells", None, math.nan, "", unless=why or "no width of the paper's")


def _one_printed(subject: str, runs: Runs, model: str, part: str, meaning: str, paper: float) -> Verdict:
    ours = student_interval(list(_seeds(runs, model, part).values()), predict=True)
    half = max(ours.high - ours.mean, _ROUNDED)
    why = "" if ours.seeds >= _LEAST_SEEDS else f"{ours.seeds} seeds, fewer than {_LEAST_SEEDS}"
    if not why and half > _significant(runs[0]):
        why = f"our seeds differ too much: one further seed lies within {100 * half:.2f} points"
    note = f"{ours.seeds} seeds, one further within {100 * half:.3f} points" if ours.seeds >= _LEAST_SEEDS else ""
    holds = abs(paper - ours.mean) <= half
    return judged(subject, holds, ours.mean, meaning, note, unless=why, paper=paper)


@_of_table(
    "the solver attains 100 % training accuracy at every width that has as many parameters as images",
    "section 1; section 4.3; Tables 1 and 2",
)
def _solver_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in _by_width(numbers["columns"]).items():
        of_size = runs[0]["solver_by_size"]
        fitting = [at for at, n in enumerate(of_size["sizes"]) if n <= runs[0]["num_params"]]
        if not fitting:
            continue
        at = fitting[-1]
        images, rank, live = (of_size[name][at] for name in ("sizes", "rank", "live"))
        train = min(run["solver_by_size"]["train"][at] for run in runs)
        lost = "rank lost to the kernel's cut-off" if of_size["dual"][at] and rank < images and train < 1 else ""
        narrow = f"x{width:g} (the paper: x1, x2, x5)" if train < 1 and width < 1 else ""
        paper = None if _departs(table, runs, solver=True) else _printed(table, width, "solver", "train")
        note = f"{runs[0]['num_params']:,} parameters, {live:,} of which move an output; rank {rank:,}"
        subject, why = f"x{width:g}, {images:,} images", _any_of(_unlike_paper(runs), lost or narrow)
        yield judged(subject, train == 1.0, train, "training accuracy", note, unless=why, paper=paper)


@_of_table(
    "with barely as many parameters as images (1 to 2 for each, as at x1) the solver fits all images and generalizes "
    "significantly worse than SGD (by a thirtieth of the error of guessing: 0.33 points)",
    "section 4.3; Tables 1 and 2",
)
def _solver_overfits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    """SGD's implicit regularization generalizes better."""
    meaning, runs = "test accuracy of SGD less that of the solver", _barely(numbers["columns"])
    if runs is None:
        yield _no_width(meaning)
        return
    lead, width = _lead(runs, "linearized", "solver"), runs[0]["width"]
    fits = min(run["solver"]["train"] for run in runs) == 1.0
    why = _any_of(_unlike_paper(runs, "linearized"), _cut_off(runs))
    paper = difference(*(_printed(table, width, model, "test") for model in ("linearized", "solver")))
    paper = None if _departs(table, runs) else paper
    holds = all_hold(fits, lead.above(_significant(runs[0])))
    notes = (_regime(runs[0]), points(lead), "" if fits else "the solver does not fit all images")
    yield judged(f"x{width:g}", holds, lead.mean, meaning, *notes, unless=why, paper=paper)


@_of_table(
    "SGD on the linearization does not fit all training images with barely as many parameters as images (below 99.995 "
    "%)",
    "section 4.3",
)
def _sgd_does_not_fit(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, runs = "training accuracy of SGD", _barely(numbers["columns"])
    if runs is None:
        yield _no_width(meaning)
        return
    fitted, width = _sum("train", (1, runs, "linearized")), runs[0]["width"]
    # Shorter trainings and fewer images decide nothing.
    why = _departs(table, runs)
    paper = None if why else _printed(table, width, "linearized", "train")
    yield judged(f"x{width:g}", fitted.below(_FITTED), fitted.mean, meaning, unless=why, paper=paper)


@_of_table(
    "with 4 parameters per image or more (as at x2 and x5) the solver generalizes better than there, and as well as "
    "SGD (within a thirtieth of the error of guessing: 0.33 points)",
    "section 4.3; Tables 1 and 2",
)
def _solver_matches_sgd(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, barely = "test accuracy of the solver less that of SGD", _barely(numbers["columns"])
    for width, runs in _by_width(numbers["columns"]).items():
        if not _solved_all(runs) or runs[0]["num_params"] < _WELL_ABOVE * _rows_of(runs[0]):
            continue
        lead, limit = _lead(runs, "solver", "linearized"), _significant(runs[0])
        rise = None if barely is None else _sum("test", (1, runs, "solver"), (-1, barely, "solver"))
        better = None if rise is None else rise.above()
        note = "" if rise is None or barely is None else f"ahead of x{barely[0]['width']:g} by {points(rise)}"
        why = _unlike_paper(runs, "linearized")
        paper = difference(*(_printed(table, width, model, "test") for model in ("solver", "linearized")))
        paper = None if _departs(table, runs) else paper
        holds = all_hold(better, lead.within(-limit, limit))
        yield judged(f"x{width:g}", holds, lead.mean, meaning, points(lead), note, unless=why, paper=paper)


@_of_table(
    "with a ridge the solver generalizes significantly better there (by a thirtieth of the error of guessing: 0.33 "
    "points), as well as SGD (within as much), at a lower training accuracy",
    "section 4.3",
)
def _ridge_in_between(numbers: Numbers, table: str) -> Iterator[Verdict]:
    runs = _barely(numbers["columns"])
    if runs is None:
        yield _no_width("test accuracy with the ridge less without")
        return
    subject, limit = f"x{runs[0]['width']:g}", _significant(runs[0])
    rise, similar = _lead(runs, "kernel_ridge", "solver"), _lead(runs, "kernel_ridge", "linearized")
    loss = _lead(runs, "kernel_ridge", "solver", "train")
    why = _any_of(_unlike_paper(runs), _cut_off(runs))
    meaning, notes = "test accuracy with the ridge less without", (_regime(runs[0]), points(rise))
    yield judged(f"{subject}, generalization", rise.above(limit), rise.mean, meaning, *notes, unless=why)
    meaning = "training accuracy with the ridge less without"
    yield judged(f"{subject}, training", loss.below(), loss.mean, meaning, points(loss), unless=why)
    meaning = "test accuracy with the ridge less that of SGD"
    why = _any_of(_unlike_paper(runs, "linearized"), _cut_off(runs))
    holds = similar.within(-limit, limit)
    yield judged(f"{subject}, similar to SGD", holds, similar.mean, meaning, points(similar), unless=why)


@_of_table("in general the solver generalizes worse than SGD (at more than half of x1, x2, x5)", "section 1")
def _solver_worse_in_general(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = _by_width(numbers["columns"])
    solved = {width: runs for width, runs in columns.items() if f"{width:g}" in ("1", "2", "5") and _solved_all(runs)}
    leads = {width: _lead(runs, "linearized", "solver") for width, runs in solved.items()}
    share, holds = _at_most_widths([lead.above() for lead in leads.values()])
    why = "" if len(leads) == 3 else "x1, x2 and x5 were not all solved"
    why = _any_of(why, *{_departs(table, runs) for runs in solved.values()})
    notes = [f"x{width:g}: {points(lead)}" for width, lead in leads.items()]
    yield judged("solver", holds, share, "share of widths where it is worse", *notes, unless=why)


def _gap(runs: Runs, part: str) -> Interval:
    return _lead(runs, "network", "linearized", part)


@_of_table(
    "the linearization by SGD nears the network as the width grows (from x1 to the widest)",
    "section 4.3; Tables 1 and 2",
)
def _gap_closes(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = list(_by_width(numbers["columns"], 1.0).values())
    for part, name in _PARTS.items():
        meaning = f"change of the gap in {name}"
        if len(columns) < 2:
            yield judged(name, None, math.nan, meaning, unless="fewer than two widths from x1 up")
            continue
        narrow, wide = columns[0], columns[-1]
        after, before = (((1, runs, "network"), (-1, runs, "linearized")) for runs in (wide, narrow))
        less = ((-sign, runs, model) for sign, runs, model in before)
        change, total = _sum(part, *after, *less), _sum(part, *after, *before)
        # A linearization that is farther ahead than it was behind has not come nearer.
        closes = all_hold(change.below(), total.above())
        why = _any_of(*(_unlike_paper(runs, "network", "linearized") for runs in (narrow, wide)))
        # Other settings and a part of the widths may show the trend; they cannot refute it.
        why = why or not_all_widths("lenet5", narrow[0]["width"], wide[0]["width"], part=closes is not False)
        why = why or ("" if closes else _any_of(*{_departs(table, runs) for runs in (narrow, wide)}))
        ends = (f"x{runs[0]['width']:g}: {points(_gap(runs, part))}" for runs in (narrow, wide))
        yield judged(name, closes, change.mean, meaning, *ends, unless=why)


@_of_table("a gap in training accuracy is left at x1", "section 4.3; Tables 1 and 2")
def _gap_is_left(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, runs = "gap in training accuracy", _by_width(numbers["columns"]).get(1.0)
    if runs is None:
        yield judged("x1", None, math.nan, meaning, unless="no column at x1")
        return
    gap, why = _gap(runs, "train"), _departs(table, runs)  # fewer images are easier to fit
    paper = difference(*(_printed(table, 1.0, model, "train") for model in ("network", "linearized")))
    yield judged("x1", gap.above(), gap.mean, meaning, points(gap), unless=why, paper=None if why else paper)


@_of_table(
    "SGD on the linearization does not reach 100 % training accuracy at most widths (more than half, of four at least)",
    "section 4.3; Tables 1 and 2",
)
def _rarely_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = _by_width(numbers["columns"], 1.0)
    fitted = {width: _sum("train", (1, runs, "linearized")) for width, runs in columns.items()}
    share, holds = _at_most_widths([one.below(_FITTED) for one in fitted.values()])
    why = "" if len(fitted) >= _LEAST_WIDTHS else f"{len(fitted)} widths from x1 up, fewer than {_LEAST_WIDTHS}"
    why = _any_of(why, *{_departs(table, runs) for runs in columns.values()})
    note = ", ".join(f"x{width:g}: {one.mean:.4%}" for width, one in fitted.items())
    yield judged("linearization", holds, share, "share of widths that do not fit all images", note, unless=why)


@_of_table("the network reaches 100 % training accuracy at every width (99.995 %)", "section 4.3; Table 1")
def _network_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in _by_width(numbers["columns"], 1.0).items():
        least = min(
            (value for value in _seeds(runs, "network", "train").values() if value is not None), default=math.nan
        )
        why = _departs(table, runs)
        paper = None if why else _printed(table, width, "network", "train")
        yield judged(f"x{width:g}", least >= _FITTED, least, "training accuracy", unless=why, paper=paper)


@_of_table(
    "from x5 on the linearization by SGD agrees with the network of its width (within the second decimal: 0.1 points)",
    "section 4.3; Table 1",
)
def _agree_from_x5(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, columns = "test accuracy of the network less that of the linearization", numbers["columns"]
    for width, runs in _by_width(columns, 5.0).items():
        gap, why = _gap(runs, "test"), _departs(table, runs)
        paper = difference(*(_printed(table, width, model, "test") for model in ("network", "linearized")))
        holds = gap.within(-SECOND_DECIMAL, SECOND_DECIMAL)
        paper = None if why else paper
        yield judged(f"x{width:g}", holds, gap.mean, meaning, points(gap), unless=why, paper=paper)
    if not _by_width(columns, 5.0):
        yield judged("all widths", None, math.nan, meaning, unless="no width from x5 up, where the statement begins")


@_of_table(
    "the linearization by SGD at x60 matches the training and test results of the network at every width (within 0.1 "
    "points)",
    "abstract; section 1; section 4.3; section 5; Table 1",
)
def _widest_matches(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = _by_width(numbers["columns"], 1.0)
    widest = columns.get(60.0)
    for part, name in _PARTS.items():
        meaning = f"largest difference in {name}"
        if widest is None:
            yield judged(name, None, math.nan, meaning, unless="no column at x60")
            continue
        leads = [_sum(part, (1, runs, "network"), (-1, widest, "linearized")) for runs in columns.values()]
        holds = all_hold(*(lead.within(-SECOND_DECIMAL, SECOND_DECIMAL) for lead in leads))
        note = ", ".join(f"x{width:g}: {points(lead)}" for width, lead in zip(columns, leads, strict=True))
        largest = max(abs(lead.mean) for lead in leads)
        why = _any_of(*{_departs(table, runs) for runs in columns.values()})
        yield judged(name, holds, largest, meaning, note, unless=why)


@_of_table(
    "the solver at x2 and x5 matches the test accuracy of the network (within 0.1 points) at 100 % training accuracy",
    "section 4.3; Table 1",
)
def _solver_matches_network(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in _by_width(numbers["columns"]).items():
        if f"{width:g}" not in ("2", "5") or not _solved_all(runs):
            continue
        lead, why = _lead(runs, "network", "solver"), _departs(table, runs)
        fits = min(run["solver"]["train"] for run in runs) == 1.0
        holds = all_hold(fits, lead.within(-SECOND_DECIMAL, SECOND_DECIMAL))
        paper = None if why else difference(*(_printed(table, width, one, "test") for one in ("network", "solver")))
        meaning = "test accuracy of the network less that of the solver"
        yield judged(f"x{width:g}", holds, lead.mean, meaning, points(lead), unless=why, paper=paper)


def _shared(numbers: Numbers) -> dict[float, tuple[Runs, Runs]]:
    """The centred and the shifted columns of each width from x1 up that has both."""
    shifted, centred = (_by_width(numbers[name], 1.0) for name in ("columns", "centred"))
    return {width: (centred[width], runs) for width, runs in shifted.items() if width in centred}


@_of_table("with shifted digits the accuracies drop (on average over the widths)", "section 4.3; Tables 1 and 2")
def _drops_with_shifts(numbers: Numbers, table: str) -> Iterator[Verdict]:
    pairs = _shared(numbers)
    for model in ("linearized", "network"):
        for part, name in _PARTS.items():
            subject, meaning = f"{_NAMES[model]}, {name}", "centred less shifted, mean over the widths"
            if not pairs:
                yield judged(subject, None, math.nan, meaning, unless="no width with centred and shifted digits")
                continue
            share = 1 / len(pairs)
            terms = [term for c, s in pairs.values() for term in ((share, c, model), (-share, s, model))]
            drop = _sum(part, *terms)
            why = _any_of(*(_unlike_paper(centred, model) for centred, _ in pairs.values()))
            yield judged(subject, drop.above(), drop.mean, meaning, points(drop), unless=why)


@_of_table(
    "this drop is particularly pronounced for the linearization (twice the network's, in test accuracy at most widths)",
    "section 4.3; Tables 1 and 2",
)
def _drops_more(numbers: Numbers, table: str) -> Iterator[Verdict]:
    pairs, notes, more = _shared(numbers), [], []
    for width, (centred, shifted) in pairs.items():
        terms = ((1, centred, "linearized"), (-1, shifted, "linearized"))
        net = ((-MUCH, centred, "network"), (MUCH, shifted, "network"))
        over = _sum("test", *terms, *net)
        more.append(over.above())
        notes.append(f"its drop less twice the network's at x{width:g}: {points(over)}")
    share, holds = _at_most_widths(more)
    why = _any_of(*(_unlike_paper(centred, "network", "linearized") for centred, _ in pairs.values()))
    meaning, why = "share of widths with such a drop", why or ("" if pairs else "no shared width")
    yield judged("linearization", holds, share, meaning, *notes, unless=why)


@_of_table("the training gap at x1 is larger on shifted digits (at least twice)", "section 4.3; Tables 1 and 2")
def _gap_larger_when_shifted(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, pair = "training gap on shifted digits less twice that on centred ones", _shared(numbers).get(1.0)
    if pair is None:
        yield judged("x1", None, math.nan, meaning, unless="no centred and shifted digits at x1")
        return
    centred, shifted = pair
    gaps = ((1, shifted, "network"), (-1, shifted, "linearized"), (-MUCH, centred, "network"))
    excess = _sum("train", *gaps, (MUCH, centred, "linearized"))
    why = _any_of(_departs(table, shifted), _departs("table1", centred))
    notes = (f"{name} {points(_gap(runs, 'train'))}" for name, runs in (("shifted", shifted), ("centred", centred)))
    yield judged("x1", excess.above(), excess.mean, meaning, *notes, unless=why)


@_of_table(
    "the solver loses more test accuracy to SGD on shifted digits (at least twice), with barely as many parameters as "
    "images",
    "section 4.3; Tables 1 and 2",
)
def _overfits_more_when_shifted(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning = "the solver's loss on shifted digits less twice that on centred ones"
    shifted, centred = (_barely(numbers[name]) for name in ("columns", "centred"))
    if shifted is None or centred is None or shifted[0]["width"] != centred[0]["width"]:
        yield _no_width(meaning)
        return
    losses = ((1, shifted, "linearized"), (-1, shifted, "solver"), (-MUCH, centred, "linearized"))
    excess = _sum("test", *losses, (MUCH, centred, "solver"))
    why = _any_of(*(_any_of(_unlike_paper(runs, "linearized"), _cut_off(runs)) for runs in (shifted, centred)))
    both = (("shifted", shifted), ("centred", centred))
    notes = (f"{name} {points(_lead(runs, 'linearized', 'solver'))}" for name, runs in both)
    yield judged(f"x{shifted[0]['width']:g}", excess.above(), excess.mean, meaning, *notes, unless=why)


_SAME_PICTURE = (_solver_fits, _solver_overfits, _ridge_in_between)


def _picture(columns: Sequence[Numbers], table: str) -> dict[tuple[str, str], bool | None]:
    """The verdicts that do not need long trainings, by statement and subject."""
    claims = [of_table(table) for of_table in _SAME_PICTURE]
    return {(c.statement, v.subject): v.holds for c in claims for v in c.verdicts({"columns": columns})}


@_of_table(
    "other target classes give the same picture (the same verdicts on fit, overfitting and ridge for 80 % of them)",
    "section 4.3",
)
def _other_classes(numbers: Numbers, table: str) -> Iterator[Verdict]:
    others = defaultdict(list)
    for column in numbers["others"]:
        others[column["positive"]].append(column)
    widths = {column["width"] for column in numbers["others"]}
    first = _picture([column for column in numbers["columns"] if column["width"] in widths], table)
    decided = {key: holds for key, holds in first.items() if holds is not None}
    alike = {digit: _alike(_picture(columns, table), decided) for digit, columns in others.items()}
    share = list(alike.values()).count(True) / len(alike) if alike else math.nan
    refuted = list(alike.values()).count(False)
    holds = True if share >= NEARLY_ALL else False if refuted > (1 - NEARLY_ALL) * len(alike) else None
    notes = [f"another verdict at {', '.join(map(str, (d for d, same in alike.items() if same is False)))}"]
    why = "" if decided and alike else "no other class, or nothing decided for class 0"
    meaning = f"share of {len(alike)} classes with the same {len(decided)} verdicts"
    yield judged("other classes", holds, share, meaning, *(notes if refuted else ()), unless=why)


def _alike(found: Mapping[tuple[str, str], bool | None], wanted: Mapping[tuple[str, str], bool]) -> bool | None:
    """Whether all verdicts are the same, False where one is another, None where one is undetermined."""
    return all_hold(*(None if found.get(key) is None else found[key] is holds for key, holds in wanted.items()))


@_of_table(
    "the training gap is greatly reduced compared with that of ten classes (half of it or less, at x1)", "section 4.3"
)
def _gap_reduced(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning = "training gap of ten classes less twice that of one against the others"
    binary, ten = (_by_width(numbers[name]).get(1.0) for name in ("columns", "ten_classes"))
    if binary is None or ten is None:
        yield judged("x1", None, math.nan, meaning, unless="no ten classes at x1")
        return
    gaps = ((1, ten, "network"), (-1, ten, "linearized"), (-MUCH, binary, "network"), (MUCH, binary, "linearized"))
    excess = _sum("train", *gaps)
    unlike = [name for name in ("images", "epochs") if binary[0].get(name) != ten[0].get(name)]
    why = _any_of(
        f"trained on other {' and '.join(unlike)}" if unlike else "",
        *(_unlike_paper(runs, "network", "linearized") for runs in (binary, ten)),
    )
    both = (("ten classes", ten), ("one against the others", binary))
    notes = (f"{name} {points(_gap(runs, 'train'))}" for name, runs in both)
    yield judged("x1", excess.above(), excess.mean, meaning, *notes, unless=why)


@_of_table(
    "with ten classes, too, a solver that fits all images with barely as many parameters as rows (1 to 2 for each) "
    "generalizes significantly worse than SGD (by a thirtieth of the error of guessing: 3 points)",
    "section 4.3, last paragraph",
)
def _overfits_ten_classes(numbers: Numbers, table: str) -> Iterator[Verdict]:
    runs, meaning = _barely(numbers["ten_classes"]), "test accuracy of SGD less that of the solver"
    if runs is None:
        yield _no_width(meaning)
        return
    lead = _lead(runs, "linearized", "solver")
    fits = min(run["solver"]["train"] for run in runs) == 1.0
    holds = all_hold(fits, lead.above(_significant(runs[0])))
    why = _any_of(_unlike_paper(runs, "linearized"), _cut_off(runs))
    yield judged(f"x{runs[0]['width']:g}", holds, lead.mean, meaning, _regime(runs[0]), points(lead), unless=why)


@_of_table(
    "with ten classes a perfect fit does not close the gap: the solver is no closer to the network than SGD (by a "
    "thirtieth of the error of guessing: 3 points)",
    "section 4.3, last paragraph",
)
def _fit_does_not_help(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in _by_width(numbers["ten_classes"]).items():
        if not _solved_all(runs):
            continue
        gain, gap, limit = _lead(runs, "solver", "linearized"), _gap(runs, "test"), _significant(runs[0])
        fits = "" if min(run["solver"]["train"] for run in runs) == 1.0 else "the solver does not fit all images"
        why = _any_of(fits, _unlike_paper(runs, "network", "linearized"), "" if gap.above(limit) else "no gap to close")
        notes = (f"gap of SGD {points(gap)}", f"gain {points(gain)}")
        meaning = "test accuracy of the solver less that of SGD"
        yield judged(f"x{width:g}", gain.below(limit), gain.mean, meaning, *notes, unless=why)


_BOTH = (
    _as_printed, _solver_fits, _solver_overfits, _sgd_does_not_fit, _solver_matches_sgd, _gap_closes, _gap_is_left,
    _rarely_fits, _solver_worse_in_general,
)  # fmt: skip
_CENTRED = (
    _ridge_in_between, _network_fits, _agree_from_x5, _widest_matches,
    _solver_matches_network, _other_classes, _gap_reduced, _overfits_ten_classes, _fit_does_not_help,
)  # fmt: skip
_SHIFTED = (_drops_with_shifts, _drops_more, _gap_larger_when_shifted, _overfits_more_when_shifted)


def _table(name: str, title: str, *claims: Callable[[str], Claim]) -> Figure:
    return PAPER.figure(name, title, "finite_width.solver", *(of_table(name) for of_table in claims))


FIGURES = (
    _table("table1", "0 against the other digits of MNIST: solver, linearization, network", *_BOTH, *_CENTRED),
    _table("table2", "0 against the other digits of shifted MNIST: solver, linearization, network", *_BOTH, *_SHIFTED),
)
