"""Verdicts on made-up tables: numbers with which every claim holds, fails and is undetermined."""

from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES
from ntk_repro.papers.resources import printed_numbers

PAPER = {"data": "mnist", "images": 60_000, "test_images": 10_000, "majority_rate": 0.902, "positive": 0, "epochs": 200,
         "learning_rate": 0.01, "weight_decay": 5e-5, "outputs": 1}  # fmt: skip
PARAMETERS = {0.2: 2371, 1: 60_941, 2: 242_841, 5: 1_514_541, 10: 6_052_601, 25: 37_771_001, 60: 217_700_000}
FITS = {1: 1.0, 2: 1.0, 5: 1.0}
FEW = {"images": 2000, "test_images": 1000}
SMALL = {"data": "mnist5k", "images": 12_000, "epochs": 30}


def column(
    width, seed=0, *, solver=None, ridge=None, linearized=0.99, network=0.99, train=None, dual=0, shift=0, **changes
):
    """A run at the paper's settings but for `changes`; accuracies on test images, `train` those on training images."""
    test = {"solver": solver, "kernel_ridge": ridge, "linearized": linearized, "network": network}
    fitted = {"solver": 1.0, "kernel_ridge": 0.99, "linearized": 0.99, "network": 1.0, **(train or {})}
    models = {name: None if one is None else {"test": one, "train": fitted[name]} for name, one in test.items()}
    about = {**PAPER, "width": float(width), "seed": seed, "shift": shift, "num_params": PARAMETERS[width], **changes}
    n = about["images"] if solver is not None else None
    by_size = {"sizes": [n], "test": [solver], "train": [fitted["solver"]], "rank": [n], "dual": [dual],
               "live": [about["num_params"] - 900]}  # fmt: skip
    return {**about, **models, "solver_by_size": by_size if n else {name: [] for name in by_size}}


def rows(statement, columns, table="table1", **others):
    numbers = {"columns": list(columns), "others": [], "ten_classes": [], "centred": [], **others}
    found = evaluate(FIGURES[f"samarin2022/{table}"].claims, numbers)
    found = [row for row in found if statement in row["statement"]]
    assert found, statement
    return found


def holds(statement, columns, table="table1", **others):
    return [row["holds"] for row in rows(statement, columns, table, **others)]


def three(width, values, model="linearized", **settings):
    return [column(width, seed, **{model: value}, **settings) for seed, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "changes", "verdict"),
    [
        ((0.9960, 0.9962, 0.9961), {}, True),
        ((0.9990, 0.9991, 0.9990), {}, False),
        ((0.9961,), {}, None),
        ((0.9960, 0.9990, 0.9930), {}, None),
    ],
)
def test_a_printed_cell_is_compared_with_the_prediction_interval(values, changes, verdict):
    found = rows("accuracies are the paper's", three(1, values, **changes))
    (row,) = [
        row for row in found if row["subject"] == "x1, linearization by SGD" and row["meaning"].startswith("test")
    ]
    assert (row["holds"], row["paper"]) == (verdict, 0.9961)


@pytest.mark.parametrize("change", [{"images": 12_000}, {"epochs": 30}, {"data": "mnist5k"}, {"shift": 3}])
def test_no_number_of_the_paper_stands_beside_other_settings(change):
    (row,) = rows("accuracies are the paper's", three(1, (0.9961,) * 3, **change))
    assert (row["holds"], row["paper"]) == (None, None)
    assert "(the paper: " in row["note"]


def test_every_printed_cell_is_a_row_at_the_papers_settings():
    printed = printed_numbers("samarin2022")["table1"]
    columns = [
        column(width, seed, solver=0.99 if width <= 5 else None)
        for width in (1, 2, 5, 10, 25, 60)
        for seed in (0, 1, 2)
    ]
    assert len(rows("accuracies are the paper's", columns)) == 30
    assert sum(len(cells) for part in ("test", "train") for cells in printed[part].values()) == 30


@pytest.mark.parametrize(
    ("train", "settings", "verdict"), [(1.0, {}, True), (0.9999, {}, False), (0.9999, {"dual": 1}, None)]
)
def test_all_parameters_count_in_whether_the_solver_can_fit(train, settings, verdict):
    """60,941 parameters for 60,000 images, of which 59,100 are live: the paper's own x1."""
    one = column(1, solver=0.98, train={"solver": train}, **settings)
    one["solver_by_size"] |= {"live": [59_100], "rank": [59_000]}
    (row,) = rows("the solver attains 100 %", [one])
    assert (row["holds"], row["paper"]) == (verdict, 1.0)
    assert "60,941 parameters, 59,100 of which move an output" in row["note"]


@pytest.mark.parametrize(("train", "verdict"), [(1.0, True), (0.998, None)])
def test_a_width_below_the_papers_cannot_refute_the_solver(train, verdict):
    assert holds("the solver attains 100 %", [column(0.2, solver=0.98, train={"solver": train}, **FEW)]) == [verdict]


@pytest.mark.parametrize(
    ("solver", "settings", "verdict"),
    [
        (0.978, {}, True),
        (0.998, {}, False),
        (0.9935, {}, None),
        (0.978, {"dual": 1}, None),
        (0.978, {"linearized": 0.905}, None),
        (0.978, {"data": "fashion_mnist"}, None),
        (0.978, {"train": {"solver": 0.999}}, False),
        (0.978, {"num_params": 59_000}, None),
        (0.978, {"num_params": 240_000}, None),
    ],
)
def test_overfitting_is_judged_where_parameters_are_barely_as_many_as_images(solver, settings, verdict):
    statement = "generalizes significantly worse than SGD (by a thirtieth of the error of guessing: 0.33"
    (row,) = rows(statement, [column(1, **{"linearized": 0.9961, "solver": solver, **settings})])
    assert row["holds"] is verdict
    assert (row["paper"] is not None) is (settings.keys() <= {"dual", "linearized", "train"})


@pytest.mark.parametrize(
    ("train", "changes", "verdict"),
    [(0.9942, {}, True), (1.0, {}, False), (0.99994, {}, None), (0.9942, {"images": 59_000}, None)],
)
def test_sgd_leaves_images_out(train, changes, verdict):
    one = column(1, solver=0.98, train={"linearized": train}, **changes)
    assert holds("SGD on the linearization does not fit all", [one]) == [verdict]


@pytest.mark.parametrize(
    ("narrow", "wide", "changes", "verdict"),
    [
        (0.978, 0.9986, {}, True),
        (0.978, 0.99, {}, False),
        (0.999, 0.9986, {}, None),
        (0.978, 0.9986, {"test_images": 1000}, None),
        (0.9999, 0.9975, {}, False),
    ],
)
def test_a_wide_solver_generalizes_better_again_and_as_well_as_sgd(narrow, wide, changes, verdict):
    columns = [column(1, solver=narrow, **changes), column(2, solver=wide, linearized=0.9975, **changes)]
    assert holds("with 4 parameters per image or more", columns) == [verdict]


@pytest.mark.parametrize(
    ("ridge", "solver", "train", "verdicts"),
    [
        (0.9898, 0.9199, 0.98, [True, True, None]),
        (0.9150, 0.9200, 0.98, [False, True, False]),
        (0.9230, 0.9200, 1.0, [None, None, False]),
    ],
)
def test_a_ridge_stands_between_the_solver_and_sgd(ridge, solver, train, verdicts):
    one = column(1, solver=solver, ridge=ridge, linearized=0.9884, train={"kernel_ridge": train})
    assert holds("with a ridge the solver", [one]) == verdicts
    alike = [column(1, seed, solver=0.92, ridge=0.988 + 1e-4 * seed, linearized=0.988) for seed in (0, 1, 2)]
    assert holds("with a ridge the solver", alike)[2] is True


@pytest.mark.parametrize(
    ("leads", "verdict"),
    [((0.018, 0.009, 0.008), True), ((-0.009, -0.008, 0.018), False), ((0.018, -0.001, -0.001), None)],
)
def test_worse_in_general_counts_widths(leads, verdict):
    columns = [column(w, solver=0.98 - lead, linearized=0.98) for w, lead in zip((1, 2, 5), leads, strict=True)]
    assert holds("in general the solver", columns) == [verdict]
    assert holds("in general the solver", columns[:2]) == [None]


@pytest.mark.parametrize(
    ("narrow", "wide", "changes", "verdict"),
    [
        ((0.9548, 0.9972), (0.9955, 0.9986), {}, True),
        ((0.9955, 0.9986), (0.9548, 0.9972), {}, False),
        ((0.9548, 0.9972), (0.9955, 0.9986), SMALL, True),
        ((0.9955, 0.9986), (0.9548, 0.9972), SMALL, None),
        ((0.993, 0.996), (0.996, 0.996), {"test_images": 1000}, None),
        ((0.99, 0.995), (0.9999, 0.985), {}, False),
        ((0.99, 0.995), (0.9999, 0.993), {}, None),
        ((0.905, 0.997), (0.9955, 0.9986), {}, None),
    ],
)
def test_the_gap_closes_with_the_width(narrow, wide, changes, verdict):
    columns = [column(w, linearized=lin, network=net, **changes) for w, (lin, net) in ((1, narrow), (60, wide))]
    assert holds("nears the network as the width grows", columns)[0] is verdict
    columns = [column(w, linearized=lin, network=net, **changes) for w, (lin, net) in ((2, narrow), (60, wide))]
    assert holds("nears the network as the width grows", columns)[0] is None


@pytest.mark.parametrize(
    ("train", "changes", "verdict"), [(0.9942, {}, True), (1.0, {}, None), (0.9942, {"images": 2000}, None)]
)
def test_a_training_gap_is_left_at_x1(train, changes, verdict):
    assert holds("a gap in training accuracy is left", [column(1, train={"linearized": train}, **changes)]) == [verdict]


def test_a_linearization_ahead_leaves_no_training_gap():
    one = column(1, train={"linearized": 0.9999, "network": 0.99})
    assert holds("a gap in training accuracy is left", [one]) == [False]


@pytest.mark.parametrize(
    ("trains", "changes", "verdict"),
    [
        ((0.994, 0.997, 0.999, 1.0), {}, True),
        ((1.0, 1.0, 1.0, 0.99), {}, False),
        ((0.994, 0.997, 0.999, 1.0), FEW, None),
        ((0.994, 0.997, 0.99994, 1.0), {}, None),
        ((0.994, 0.997), {}, None),
    ],
)
def test_sgd_rarely_reaches_100_per_cent(trains, changes, verdict):
    columns = [column(w, train={"linearized": t}, **changes) for w, t in zip((1, 2, 5, 10), trains, strict=False)]
    assert holds("does not reach 100 % training accuracy at most widths", columns) == [verdict]


@pytest.mark.parametrize(("train", "changes", "verdict"), [(1.0, {}, True), (0.999, {}, False), (1.0, SMALL, None)])
def test_the_network_reaches_100_per_cent(train, changes, verdict):
    assert holds("the network reaches 100 %", [column(1, train={"network": train}, **changes)]) == [verdict]


@pytest.mark.parametrize(
    ("leads", "verdict"),
    [((0.0004, 0.0003, 0.0005), True), ((0.003, 0.0028, 0.0031), False), ((0.0005, 0.0012, 0.0015), None)],
)
def test_agreement_begins_at_x5(leads, verdict):
    columns = [column(5, seed, network=0.99 + lead) for seed, lead in enumerate(leads)]
    assert holds("from x5 on", columns) == [verdict]
    assert holds("from x5 on", [column(2)]) == [None]


@pytest.mark.parametrize(
    ("widest", "width", "verdict"),
    [
        ((0.9989,) * 3, 60, True),
        ((0.995,) * 3, 60, False),
        ((0.9989,) * 3, 25, None),
        ((0.9989, 0.9971, 0.9995), 60, None),
    ],
)
def test_the_widest_linearization_matches_every_network(widest, width, verdict):
    columns = [*three(1, (0.9989,) * 3, "network"), *three(width, widest, network=0.9988)]
    assert holds("at x60 matches", columns)[0] is verdict


@pytest.mark.parametrize(
    ("leads", "train", "verdict"),
    [
        ((3e-4, 2e-4, 3e-4), 1.0, True),
        ((0.011, 0.011, 0.012), 1.0, False),
        ((3e-4,), 1.0, None),
        ((3e-4,) * 2, 0.99, False),
    ],
)
def test_the_solver_matches_the_network_from_x2(leads, train, verdict):
    columns = [
        column(2, seed, solver=0.99, network=0.99 + lead, train={"solver": train}) for seed, lead in enumerate(leads)
    ]
    assert holds("the solver at x2 and x5 matches", columns) == [verdict]


def shifted(width, centred, moved, **changes):
    """(linearization, network) on both digits."""
    pair = [
        column(width, linearized=lin, network=net, shift=shift, **changes)
        for shift, (lin, net) in ((0, centred), (7, moved))
    ]
    return {"columns": pair[1:], "centred": pair[:1], "table": "table2"}


@pytest.mark.parametrize(
    ("centred", "moved", "changes", "drops", "more"),
    [
        ((0.9961, 0.9989), (0.9548, 0.9960), {}, True, True),
        ((0.9548, 0.9960), (0.9961, 0.9989), {}, False, False),
        ((0.9961, 0.9989), (0.9951, 0.9979), {"test_images": 1000}, None, None),
        ((0.905, 0.9989), (0.9, 0.9972), {}, None, None),
        ((0.9961, 0.9989), (0.9861, 0.9889), {}, True, False),
    ],
)
def test_accuracies_drop_with_shifts_and_the_linearizations_more(centred, moved, changes, drops, more):
    pair = shifted(1, centred, moved, **changes)
    assert holds("with shifted digits the accuracies drop", **pair)[0] is drops
    assert holds("this drop is particularly pronounced", **pair) == [more]


@pytest.mark.parametrize(("third", "verdict"), [(0.99, False), (0.95, True)])
def test_a_pronounced_drop_at_most_widths_allows_one_without(third, verdict):
    moved = {1: 0.9548, 2: 0.99, 5: third}
    columns = [column(w, linearized=lin, network=0.9889, shift=7) for w, lin in moved.items()]
    centred = [column(w, linearized=0.9961, network=0.9989) for w in moved]
    assert holds("this drop is particularly pronounced", columns, "table2", centred=centred) == [verdict]


def test_without_centred_digits_no_drop_is_judged():
    for statement in (
        "with shifted digits",
        "this drop",
        "the training gap at x1 is larger",
        "loses more test accuracy",
    ):
        assert set(holds(statement, [column(1, shift=7)], "table2")) == {None}


@pytest.mark.parametrize(
    ("centred", "moved", "changes", "verdict"),
    [
        (0.9942, 0.9565, {}, True),
        (0.9942, 0.9940, {}, False),
        (0.9942, 0.9880, {}, None),
        (0.9942, 0.9565, FEW, None),
    ],
)
def test_the_training_gap_is_largest_on_shifted_digits(centred, moved, changes, verdict):
    pair = [column(1, shift=s, train={"linearized": t}, **changes) for s, t in ((0, centred), (7, moved))]
    assert holds("the training gap at x1 is larger", pair[1:], "table2", centred=pair[:1]) == [verdict]


@pytest.mark.parametrize(
    ("centred", "moved", "settings", "verdict"),
    [
        (0.018, 0.094, {}, True),
        (0.094, 0.018, {}, False),
        (0.018, 0.04, {}, None),
        (0.018, 0.094, {"dual": 1}, None),
    ],
)
def test_the_solver_loses_more_on_shifted_digits(centred, moved, settings, verdict):
    pair = [column(1, shift=s, solver=0.99 - lost, **settings) for s, lost in ((0, centred), (7, moved))]
    assert holds("loses more test accuracy", pair[1:], "table2", centred=pair[:1]) == [verdict]


@pytest.mark.parametrize(("alike", "others", "verdict"), [(9, 0, True), (3, 6, False), (6, 1, None)])
def test_other_classes_give_the_same_picture(alike, others, verdict):
    """Of the remaining classes nothing is decided."""
    same: dict[str, Any] = {"solver": 0.97}
    another: dict[str, Any] = {"solver": 0.998}
    nothing: dict[str, Any] = {"solver": 0.97, "dual": 1}
    kinds = [same] * alike + [another] * others + [nothing] * (9 - alike - others)
    classes = [column(1, ridge=0.989, positive=k, **kind) for k, kind in enumerate(kinds, 1)]
    (row,) = rows("other target classes", [column(1, ridge=0.989, **same)], others=classes)
    assert (row["holds"], row["number"]) == (verdict, pytest.approx(alike / 9))


def ten(width, **settings):
    return column(width, **{"outputs": 10, "majority_rate": 0.113, **settings})


@pytest.mark.parametrize(
    ("binary", "of_ten", "changes", "verdict"),
    [(0.996, 0.913, {}, True), (0.98, 0.98, {}, False), (0.99, 0.98, {}, None), (0.996, 0.913, {"epochs": 9}, None)],
)
def test_the_training_gap_is_reduced_against_ten_classes(binary, of_ten, changes, verdict):
    columns, classes = ([make(1, train={"linearized": t})] for make, t in ((column, binary), (ten, of_ten)))
    classes[0] |= changes
    assert holds("greatly reduced compared with that of ten classes", columns, ten_classes=classes) == [verdict]


@pytest.mark.parametrize(
    ("solver", "settings", "verdict", "helps"),
    [
        (0.6, {}, True, True),
        (0.79, {}, False, True),
        (0.77, {"test_images": 1000}, None, True),
        (0.85, {}, False, False),
        (0.83, {"test_images": 1000}, False, None),
        (0.6, {"linearized": 0.11}, None, None),
        (0.6, {"train": {"solver": 0.99}}, False, None),
        (0.6, {"network": 0.81}, True, None),
        (0.6, {"data": "fashion_mnist"}, None, None),
    ],
)
def test_ten_classes_are_overfitted_and_a_fit_does_not_help(solver, settings, verdict, helps):
    """400 images are 4,000 rows."""
    about = {"images": 400, "num_params": 4157, "network": 0.9, "linearized": 0.8}
    (classes,) = [[ten(0.2, **{**about, "solver": solver, **settings})]]
    assert holds("with ten classes, too", [column(1)], ten_classes=classes) == [verdict]
    assert holds("a perfect fit does not close the gap", [column(1)], ten_classes=classes) == [helps]


def test_numbers_of_an_earlier_version_are_judged_where_they_can_be():
    one = column(1, solver=0.978, linearized=0.9961)
    for name in ("shift", "positive", "epochs", "learning_rate", "weight_decay", "outputs"):
        del one[name]
    found = evaluate(FIGURES["samarin2022/table1"].claims, {"columns": [one]}, kept=True)
    judged = {row["statement"][:20]: row["holds"] for row in found}
    assert judged["with barely as many "] is True
    assert judged["accuracies are the p"] is None
    assert judged["other target classes"] is None
