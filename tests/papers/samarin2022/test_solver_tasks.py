"""Verdicts on shifted against centred digits, and on ten classes: numbers that hold, fail and stay undetermined."""

import pytest

from tests.papers.samarin2022.columns import FEW, WIDTHS, column, holds, rows


def shifted(centred, moved, widths=WIDTHS, **changes):
    """(linearization, network) on both digits, at every width."""
    both = [
        [column(width, linearized=lin, network=net, shift=shift, **changes) for width in widths]
        for shift, (lin, net) in ((0, centred), (7, moved))
    ]
    return {"columns": both[1], "centred": both[0], "table": "table2"}


@pytest.mark.parametrize(
    ("centred", "moved", "changes", "drops", "more"),
    [
        ((0.9961, 0.9989), (0.9548, 0.9960), {}, True, True),
        ((0.9548, 0.9960), (0.9961, 0.9989), {}, False, False),
        ((0.9961, 0.9989), (0.9548, 0.9960), {"images": 12_000}, None, None),
        ((0.9548, 0.9960), (0.9961, 0.9989), {"epochs": 30}, None, None),
        ((0.9961, 0.9989), (0.9548, 0.9960), {"widths": (1, 2, 5)}, None, None),
        ((0.9961, 0.9989), (0.9861, 0.9889), {}, True, False),
    ],
)
def test_accuracies_drop_with_shifts_and_the_linearizations_more(centred, moved, changes, drops, more):
    pair = shifted(centred, moved, **changes)
    assert holds("with shifted digits the accuracies drop", **pair)[0] is drops
    assert holds("this drop is particularly pronounced", **pair) == [more]
    part = {**pair, "columns": [{**one, "shift": 3} for one in pair["columns"]]}  # the shifted ones depart
    assert holds("this drop is particularly pronounced", **part) == [None]


@pytest.mark.parametrize(("fourth", "verdict"), [(0.99, False), (0.95, True)])
def test_a_pronounced_drop_at_most_widths_allows_some_without(fourth, verdict):
    moved = dict(zip(WIDTHS, (0.9548, 0.95, 0.95, fourth, 0.99, 0.99), strict=True))
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


def ten(width, **settings):
    """As in section 4.1."""
    about = {"outputs": 10, "majority_rate": 0.113, "positive": -1, "epochs": 100, "learning_rate": 0.1}
    return column(width, **{**about, **settings})


@pytest.mark.parametrize(("table", "shift"), [("table1", 0), ("table2", 7)])
@pytest.mark.parametrize(
    ("binary", "of_ten", "changes", "verdict"),
    [
        (0.996, 0.913, {}, True),
        (0.98, 0.98, {}, False),
        (0.99, 0.98, {}, None),
        (0.996, 0.913, {"epochs": 200}, None),
        (0.996, 0.913, {"images": 6000}, None),
    ],
)
def test_the_training_gap_is_reduced_against_ten_classes(table, shift, binary, of_ten, changes, verdict):
    both = ((column, binary), (ten, of_ten))
    columns, classes = ([make(1, train={"linearized": t}, shift=shift)] for make, t in both)
    classes[0] |= changes
    statement = "greatly reduced compared with that of ten classes"
    assert holds(statement, columns, table, ten_classes=classes) == [verdict]


@pytest.mark.parametrize(
    ("solver", "settings", "verdict", "helps"),
    [
        (0.6, {}, True, True),
        (0.79, {}, False, True),
        (0.77, {}, None, True),
        (0.85, {}, False, False),
        (0.83, {}, False, None),
        (0.6, {"train": {"solver": 0.99}}, False, None),
        (0.6, {"epochs": 200}, None, None),
        (0.6, {"network": 0.81}, True, None),
        (0.6, {"data": "fashion_mnist"}, None, None),
    ],
)
def test_ten_classes_are_overfitted_and_a_fit_does_not_help(solver, settings, verdict, helps):
    """400 images are 4,000 rows."""
    about = {"images": 400, "num_params": 4157, "network": 0.9, "linearized": 0.8}
    classes = [ten(0.2, **{**about, "solver": solver, **settings}), ten(1, solver=0.5, images=400)]
    (row,) = rows("with ten classes, too", [column(1)], ten_classes=classes)
    assert (row["holds"], row["subject"]) == (verdict, "ours: x1/5, 400 images")
    assert holds("a perfect fit does not close the gap", [column(1)], ten_classes=classes) == [helps]
