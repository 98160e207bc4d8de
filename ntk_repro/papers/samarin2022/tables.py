"""Tables 1 and 2: one digit against the others, by a solver, by SGD on the linearization and by the network.

A column is one run: a width and a seed. Besides `columns` a drawing may hold those of other tasks: `centred` (Table 1's
digits, beside the shifted ones of Table 2), `others` (other target classes), and `ten_classes`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from ntk_repro.papers.claims import Claim, Numbers, Verdict, as_printed, joined, judged
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.samarin2022 import PAPER
from ntk_repro.papers.samarin2022.gaps import (
    PART_NAMES,
    half_digit,
    most,
    nearly_all,
    not_all_widths,
    points,
    share_of,
)
from ntk_repro.papers.samarin2022.solver_columns import (
    MODEL_NAMES,
    WORSE,
    Runs,
    by_seed,
    by_width,
    cell_of,
    cut_off,
    departure,
    fits_all,
    gap_of,
    lacking_widths,
    lead_of,
    no_column,
    of_table,
    overfits,
    printed_share,
    significant,
    solved_departure,
    sum_of,
)
from ntk_repro.papers.samarin2022.solver_tasks import SHIFTED, TEN_CLASSES, gap_reduced
from ntk_repro.papers.statistics import all_hold, difference, student_interval
from ntk_repro.papers.thresholds import REASONABLE_DEGREE, SECOND_DECIMAL

_SOLVED = (1.0, 2.0, 5.0)  # widths that the paper solves, its less wide ones


@of_table(
    "accuracies are the paper's (inside the 95% prediction interval of one further seed of ours)", "Tables 1 and 2"
)
def _as_printed(numbers: Numbers, table: str) -> Iterator[Verdict]:
    why = "no columns"
    found = False
    for width, runs in by_width(numbers["columns"]).items():
        for model in MODEL_NAMES:
            why = departure(table, runs, solver=model == "solver")
            for part in PART_NAMES if not why else ():
                cell = cell_of(table, width, model, part)
                if cell is not None and runs[0].get(model):
                    found = True
                    yield _one_printed(runs, model, part, cell)
    if not found:
        yield judged("all cells", None, math.nan, "", unless=why or "no width of the paper's")


def _one_printed(runs: Runs, model: str, part: str, cell: str) -> Verdict:
    ours, widest = (
        student_interval(list(by_seed(runs, model, part).values()), further=1),
        significant(runs[0]),
    )
    subject, paper = f"x{runs[0]['width']:g}, {MODEL_NAMES[model]}", float(cell) / 100
    return as_printed(subject, ours, paper, widest, PART_NAMES[part], rounding=half_digit(cell))


@of_table("the solver attains 100% training accuracy at x1, x2 and x5", "section 1; section 4.3; Tables 1 and 2")
def _solver_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in by_width(numbers["columns"]).items():
        if width not in _SOLVED or not runs[0].get("solver"):
            continue
        of_size, train = runs[0]["solver_by_size"], min(run["solver"]["train"] for run in runs)
        images, rank, live = (of_size[name][-1] for name in ("sizes", "rank", "live"))
        # The cut-off makes a perfect fit harder: only one that is missed may be its fault.
        lost = "rank lost to the kernel's cut-off" if of_size["dual"][-1] and rank < images and train < 1 else ""
        departs = departure(table, runs, solver=True)
        paper = None if departs else printed_share(table, width, "solver", "train")
        note = f"{runs[0]['num_params']:,} parameters, {live:,} of which move an output; rank {rank:,}"
        subject, why = f"x{width:g}, {images:,} images", joined(departs, lost)
        yield judged(subject, fits_all(runs, "solver"), train, "training accuracy", note, unless=why, paper=paper)


@of_table(
    "at x1 the solver fits all images and generalizes significantly worse than SGD (by a thirtieth of the error of "
    "guessing: 0.33 points)",
    "section 4.3; Tables 1 and 2",
)
def _solver_overfits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    """SGD's implicit regularization generalizes better."""
    runs = by_width(numbers["columns"]).get(1.0)
    if runs is None:
        yield no_column(WORSE)
        return
    departs = solved_departure(table, runs)
    paper = difference(*(printed_share(table, 1.0, model, "test") for model in ("linearized", "solver")))
    yield overfits("x1", runs, departs, None if departs else paper)


@of_table("at x1 SGD on the linearization does not fit all training images", "section 4.3; Tables 1 and 2")
def _sgd_does_not_fit(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, runs = "training accuracy of SGD", by_width(numbers["columns"]).get(1.0)
    if runs is None:
        yield no_column(meaning)
        return
    fits, train, why = (
        fits_all(runs, "linearized"),
        sum_of("train", (1, runs, "linearized")).mean,
        departure(table, runs),
    )
    paper = None if why else printed_share(table, 1.0, "linearized", "train")
    yield judged("x1", None if fits is None else not fits, train, meaning, unless=why, paper=paper)


@of_table(
    "at x2 and x5 the solver generalizes better than at x1, and matches SGD to a reasonable degree (within 0.25 "
    "points)",
    "section 4.3; Tables 1 and 2",
)
def _solver_matches_sgd(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, columns = "test accuracy of the solver less that of SGD", by_width(numbers["columns"])
    narrow = columns.get(1.0)
    for width in _SOLVED[1:]:
        runs = columns.get(width)
        if runs is None or narrow is None:
            yield no_column(meaning, f"x{width:g}" if narrow else "x1")
            continue
        lead, rise = (
            lead_of(runs, "solver", "linearized"),
            sum_of("test", (1, runs, "solver"), (-1, narrow, "solver")),
        )
        why = joined(*(solved_departure(table, one) for one in (runs, narrow)))
        paper = difference(*(printed_share(table, width, model, "test") for model in ("solver", "linearized")))
        holds, notes = (
            all_hold(rise.above(), lead.within(-REASONABLE_DEGREE, REASONABLE_DEGREE)),
            (points(lead), f"ahead of x1 by {points(rise)}"),
        )
        yield judged(f"x{width:g}", holds, lead, meaning, *notes, unless=why, paper=None if why else paper)


@of_table(
    "at x1 the solver with a ridge generalizes significantly better (by a thirtieth of the error of guessing: 0.33 "
    "points), as well as SGD (within as much), at a lower training accuracy",
    "section 4.3",
)
def _ridge_in_between(numbers: Numbers, table: str) -> Iterator[Verdict]:
    runs = by_width(numbers["columns"]).get(1.0)
    if runs is None:
        yield no_column("test accuracy with the ridge less without")
        return
    limit, why = significant(runs[0]), joined(solved_departure(table, runs), cut_off(runs))
    rise, similar = lead_of(runs, "kernel_ridge", "solver"), lead_of(runs, "kernel_ridge", "linearized")
    loss = lead_of(runs, "kernel_ridge", "solver", "train")
    for name, holds, found, meaning in (
        ("generalization", rise.above(limit), rise, "test accuracy with the ridge less without"),
        ("training", loss.below(), loss, "training accuracy with the ridge less without"),
        ("similar to SGD", similar.within(-limit, limit), similar, "test accuracy with the ridge less that of SGD"),
    ):
        yield judged(f"x1, {name}", holds, found.mean, meaning, points(found), unless=why)


@of_table(
    "the solver generally generalizes worse than SGD (in 80% of the cases: x1, x2, x5, centred and shifted)",
    "section 1",
)
def _solver_worse_in_general(numbers: Numbers, table: str) -> Iterator[Verdict]:
    tables = (("table1", "centred", numbers["centred"]), (table, "shifted", numbers["columns"]))
    cases = {
        f"x{width:g}, {name}": (lead_of(runs, "linearized", "solver"), solved_departure(of, runs))
        for of, name, columns in tables
        for width, runs in by_width(columns).items()
        if width in _SOLVED
    }
    share, holds = share_of([lead.above() for lead, _ in cases.values()], nearly_all)
    few = "" if len(cases) == len(tables) * len(_SOLVED) else "x1, x2 and x5 were not all solved, centred and shifted"
    why = joined(few, *(departs for _, departs in cases.values()))
    notes = [f"{case}: {points(lead)}" for case, (lead, _) in cases.items()]
    yield judged("solver", holds, share, "share of cases where it is worse", *notes, unless=why)


@of_table(
    "the linearization by SGD nears the network as the width grows (from x1 to the widest)",
    "section 4.3; Tables 1 and 2",
)
def _gap_closes(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = list(by_width(numbers["columns"], 1.0).values())
    for part, name in PART_NAMES.items():
        meaning = f"change of the gap in {name}"
        if len(columns) < 2:
            yield judged(name, None, math.nan, meaning, unless="fewer than two widths from x1 up")
            continue
        narrow, wide = columns[0], columns[-1]
        after, before = (((1, runs, "network"), (-1, runs, "linearized")) for runs in (wide, narrow))
        less = ((-sign, runs, model) for sign, runs, model in before)
        change, total = sum_of(part, *after, *less), sum_of(part, *after, *before)
        # A linearization that is farther ahead than it was behind has not come nearer.
        closes = all_hold(change.below(), total.above())
        why = joined(*(departure(table, runs) for runs in (narrow, wide)))
        why = why or not_all_widths("lenet5", [narrow[0]["width"], wide[0]["width"]])
        ends = (f"x{runs[0]['width']:g}: {points(gap_of(runs, part))}" for runs in (narrow, wide))
        yield judged(name, closes, change.mean, meaning, *ends, unless=why)


@of_table("a gap in training accuracy is left at the less wide networks, x1, x2 and x5", "section 4.3; Tables 1 and 2")
def _gap_is_left(numbers: Numbers, table: str) -> Iterator[Verdict]:
    meaning, columns = "gap in training accuracy", by_width(numbers["columns"])
    for width in _SOLVED:
        if (runs := columns.get(width)) is None:
            yield no_column(meaning, f"x{width:g}")
            continue
        gap, why = gap_of(runs, "train"), departure(table, runs)
        paper = difference(*(printed_share(table, width, model, "train") for model in ("network", "linearized")))
        yield judged(f"x{width:g}", gap.above(), gap, meaning, points(gap), unless=why, paper=None if why else paper)


@of_table(
    "SGD on the linearization does not reach 100% training accuracy, of all images, at most widths (more than half)",
    "section 4.3; Tables 1 and 2",
)
def _rarely_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = by_width(numbers["columns"], 1.0)
    fits = [fits_all(runs, "linearized") for runs in columns.values()]
    share, holds = share_of([None if one is None else not one for one in fits], most)
    why = joined(lacking_widths(columns), *(departure(table, runs) for runs in columns.values()))
    note = ", ".join(f"x{w:g}: {sum_of('train', (1, runs, 'linearized')).mean:.4%}" for w, runs in columns.items())
    yield judged("linearization", holds, share, "share of widths that do not fit all images", note, unless=why)


@of_table("the network reaches 100% training accuracy, of all images, at every width", "section 4.3; Table 1")
def _network_fits(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in by_width(numbers["columns"], 1.0).items():
        train, why = sum_of("train", (1, runs, "network")).mean, departure(table, runs)
        paper = None if why else printed_share(table, width, "network", "train")
        yield judged(f"x{width:g}", fits_all(runs, "network"), train, "training accuracy", unless=why, paper=paper)


@of_table(
    "from x5 on the linearization by SGD agrees with the network of its width (within the second decimal: 0.1 points)",
    "section 4.3; Table 1",
)
def _agree_from_x5(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = by_width(numbers["columns"], 5.0)
    for part, name in PART_NAMES.items():
        meaning = f"{name} of the network less that of the linearization"
        for width, runs in columns.items():
            gap, why = gap_of(runs, part), departure(table, runs)
            paper = difference(*(printed_share(table, width, model, part) for model in ("network", "linearized")))
            holds, subject = gap.within(-SECOND_DECIMAL, SECOND_DECIMAL), f"x{width:g}, {name}"
            yield judged(subject, holds, gap, meaning, points(gap), unless=why, paper=None if why else paper)
        if not columns:
            yield no_column(meaning, "x5")


@of_table(
    "the linearization by SGD at x60 matches the training and test results of the network at every width (within 0.1 "
    "points)",
    "abstract; section 1; section 4.3; section 5; Table 1",
)
def _widest_matches(numbers: Numbers, table: str) -> Iterator[Verdict]:
    columns = by_width(numbers["columns"], 1.0)
    widest = columns.get(60.0)
    for part, name in PART_NAMES.items():
        meaning = f"largest difference in {name}"
        if widest is None:
            yield no_column(meaning, "x60")
            continue
        terms = [((1, runs, "network"), (-1, widest, "linearized")) for runs in columns.values()]
        leads = [sum_of(part, *pair, of=len(terms)) for pair in terms]
        holds = all_hold(*(lead.within(-SECOND_DECIMAL, SECOND_DECIMAL) for lead in leads))
        note = ", ".join(f"x{width:g}: {points(lead)}" for width, lead in zip(columns, leads, strict=True))
        largest = max((abs(lead.mean) for lead in leads if math.isfinite(lead.mean)), default=math.nan)
        why = joined(lacking_widths(columns), *(departure(table, runs) for runs in columns.values()))
        yield judged(name, holds, largest, meaning, note, unless=why)


@of_table(
    "the solver at x2 and x5 matches the test accuracy of the network (within 0.1 points) at 100% training accuracy",
    "section 4.3; Table 1",
)
def _solver_matches_network(numbers: Numbers, table: str) -> Iterator[Verdict]:
    for width, runs in by_width(numbers["columns"]).items():
        if width not in _SOLVED[1:]:
            continue
        lead, why = lead_of(runs, "network", "solver"), solved_departure(table, runs)
        holds = all_hold(fits_all(runs, "solver"), lead.within(-SECOND_DECIMAL, SECOND_DECIMAL))
        paper = (
            None if why else difference(*(printed_share(table, width, one, "test") for one in ("network", "solver")))
        )
        meaning = "test accuracy of the network less that of the solver"
        yield judged(f"x{width:g}", holds, lead, meaning, points(lead), unless=why, paper=paper)


_SAME_PICTURE = (_solver_fits, _solver_overfits, _sgd_does_not_fit, _network_fits)


def _picture(columns: Sequence[Numbers], table: str) -> dict[tuple[str, str], bool | None]:
    """The verdicts by statement and subject, as if the class were that of the tables."""
    claims = [of_table(table) for of_table in _SAME_PICTURE]
    paper = printed_numbers(PAPER.name)[table]["settings"]["positive"]
    numbers = {"columns": [{**column, "positive": paper} for column in columns]}
    return {(c.statement, v.subject): v.holds for c in claims for v in c.verdicts(numbers)}


@of_table(
    "other target classes give the same picture (the same verdicts on solver, SGD and network at x1 for 80% of them)",
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
    share, holds = share_of(list(alike.values()), nearly_all)
    others_differ = ", ".join(str(digit) for digit, same in alike.items() if same is False)
    note = f"another verdict at {others_differ}" if others_differ else ""
    why = "" if decided and alike else "no other class, or nothing decided for class 0"
    meaning = f"share of {len(alike)} classes with the same {len(decided)} verdicts"
    yield judged("other classes", holds, share, meaning, note, unless=why)


def _alike(found: Mapping[tuple[str, str], bool | None], wanted: Mapping[tuple[str, str], bool]) -> bool | None:
    """Whether all verdicts are the same, False where one is another, None where one is undetermined."""
    return all_hold(*(None if found.get(key) is None else found[key] is holds for key, holds in wanted.items()))


_BOTH = (
    _as_printed, _solver_fits, _solver_overfits, _sgd_does_not_fit, _solver_matches_sgd, _gap_closes, _gap_is_left,
    _rarely_fits, gap_reduced,
)  # fmt: skip
_CENTRED = (
    _ridge_in_between, _network_fits, _agree_from_x5, _widest_matches, _solver_matches_network, _other_classes,
    *TEN_CLASSES,
)  # fmt: skip
_SHIFTED = (
    _solver_worse_in_general, *SHIFTED,
)  # fmt: skip


def _table(name: str, title: str, *claims: Callable[[str], Claim]) -> Figure:
    return PAPER.figure(name, title, "finite_width.solver", *(of_table(name) for of_table in claims))


FIGURES = (
    _table("table1", "0 against the other digits of MNIST: solver, linearization, network", *_BOTH, *_CENTRED),
    _table("table2", "0 against the other digits of shifted MNIST: solver, linearization, network", *_BOTH, *_SHIFTED),
)
