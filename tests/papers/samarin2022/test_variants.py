"""Verdicts on made-up trainings with other losses and precisions."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

SETTINGS = {"kind": "network", "net": "lenet5", "data": "mnist", "shift": 0, "resize": None, "width": 1.0,
            "loss": "squared_error", "precision": "float32", "learning_rate": 0.1, "weight_decay": 5e-5,
            "batch_size": 32, "momentum": 0.9, "epochs": 100, "decay_epochs": None, "train_images": 60_000,
            "test_images": 10_000, "loss_reduction": "mean", "followed_epochs": [0, 50, 100]}  # fmt: skip


def line(test, train=(0.999,) * 3, moved=(0.02,) * 3, **changes):
    """`moved`: by how much the distance grows from epoch 50 on."""
    found = {**SETTINGS, "seeds": list(range(len(test))), "test": list(test), "train": list(train)[: len(test)]}
    return {**found, "distance": [[0.0, 10.0, 10.0 * (1 + growth)] for growth in moved[: len(test)]], **changes}


def cross(test, **changes):
    return line(test, **{"loss": "cross_entropy", **changes})


def holds(statement, *lines):
    rows = evaluate(FIGURES["samarin2022/variants"].claims, {"lines": list(lines)})
    return [row["holds"] for row in rows if statement in row["statement"]]


def searched(squared, crossed, **changes):
    """Three learning rates of each loss, of which the first is the best."""
    worse = [{**changes, "learning_rate": rate} for rate in (1.0, 0.01)]
    lines = [line(squared, **changes), cross(crossed, **changes)]
    return lines + [make((0.5, 0.5, 0.5), **rate) for make in (line, cross) for rate in worse]


ALIKE = "squared error and cross-entropy reach similar"
GOOD, WORSE, UNCLEAR = (0.99, 0.991, 0.989), (0.97, 0.971, 0.969), (0.99, 0.93, 0.99)


@pytest.mark.parametrize(
    ("lines", "verdicts"),
    [
        (searched(GOOD, (0.988, 0.99, 0.989)), [True, True]),
        (searched(GOOD, WORSE), [False, True]),
        (searched(GOOD, UNCLEAR), [None, True]),
        ([line(GOOD), cross(WORSE)], [None, None]),
        ([line(GOOD), cross(GOOD)], [None, None]),
        ([line(GOOD)], []),
        (searched(GOOD, GOOD, data="fashion_mnist"), [None, None]),
        (searched(GOOD, WORSE, epochs=20), [None, None]),
        (searched(GOOD, GOOD, train_images=6000), [None, None]),
        (searched(GOOD, WORSE, precision="float64"), [None, None]),
        (searched(GOOD, WORSE, loss_reduction="sum"), [None, None]),
        (searched(GOOD, WORSE, width=100.0), [None, None]),
        (searched(GOOD, WORSE, width=0.5), [None, None]),
        (searched((0.6, 0.601, 0.602), (0.58, 0.581, 0.582), data="cifar10", decay_epochs=30, train_images=50_000),
         [True, True]),
    ],
)  # fmt: skip
def test_both_losses_reach_similar_accuracies(lines, verdicts):
    """In test and in training; 2 points are twice the error of 1%, and little of 40%."""
    assert holds(ALIKE, *lines)[:2] == verdicts


@pytest.mark.parametrize(
    "changes", [{"epochs": 20}, {"shift": 7}, {"width": 2.0}, {"batch_size": 64}, {"precision": "float64"}]
)
def test_only_lines_that_differ_in_what_is_compared_are_compared(changes):
    lines = [line | changes if line["loss"] == "cross_entropy" else line for line in searched(GOOD, WORSE)]
    assert holds(ALIKE, *lines) == []
    assert holds("go on leaving the initialization", *lines) == []
    if "precision" not in changes:
        assert (
            holds("double precision changes no accuracy", line(GOOD), line(GOOD, precision="float64", **changes)) == []
        )


def test_shifted_digits_are_a_pair_of_their_own():
    """2 points are twice the error of 1%, and less than that of 3%."""
    assert holds(ALIKE, *searched(GOOD, WORSE), *searched(WORSE, GOOD, shift=7))[::2] == [False, True]


@pytest.mark.parametrize(
    ("changes", "verdict"), [({}, True), ({"learning_rate": 0.5}, None), ({"weight_decay": 0.0}, None)]
)
def test_double_precision_is_of_the_papers_settings(changes, verdict):
    lines = line(GOOD, **changes), line(GOOD, precision="float64", **changes)
    assert holds("double precision changes no accuracy", *lines)[0] is verdict


@pytest.mark.parametrize(
    ("moved", "train", "verdict"),
    [
        ((0.3, 0.31, 0.29), 0.999, True),
        ((0.001, 0.002, 0.001), 0.999, False),
        ((0.3, 0.01, 0.03), 0.999, None),
        ((0.3, 0.31, 0.29), 0.97, None),
    ],
)
def test_with_cross_entropy_the_weights_go_on(moved, train, verdict):
    one = cross(GOOD, moved=moved, train=(train,) * 3)
    assert holds("go on leaving the initialization", line(GOOD, moved=(0.02, 0.025, 0.02)), one) == [verdict]


def test_a_diverged_training_does_not_count_as_fitted():
    one = cross(GOOD, moved=(0.3, 0.31, 0.29), train=(float("nan"),) * 3)
    assert holds("go on leaving the initialization", line(GOOD), one) == [None]


@pytest.mark.parametrize(
    ("double", "changes", "verdict"),
    [
        ((0.99, 0.99, 0.99), {}, True),
        ((0.97, 0.971, 0.969), {}, False),
        ((0.95, 0.99, 1.0), {}, None),
        ((0.99, 0.99, 0.99), {"width": 0.1}, None),
        ((0.99, 0.99, 0.99), {"epochs": 20}, None),
        ((0.97, 0.971, 0.969), {"train_images": 6000}, None),
    ],
)
def test_double_precision_changes_little(double, changes, verdict):
    lines = line(GOOD, **changes), line(double, precision="float64", **changes)
    assert holds("double precision changes no accuracy", *lines)[0] is verdict
    assert holds("double precision changes no accuracy", lines[0]) == []
