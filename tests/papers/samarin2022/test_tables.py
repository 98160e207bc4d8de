"""Verdicts on made-up tables."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

NOTHING = {name: [] for name in ("sizes", "test", "train", "live", "rank")}


def column(width, network=(0.99, 0.99), linearized=(0.99, 0.99)):
    """Training and test accuracy of both models, without a solver."""
    models = {"network": network, "linearized": linearized}
    accuracies = {name: dict(zip(("train", "test"), both, strict=True)) for name, both in models.items()}
    about = {"width": width, "data": "mnist5k", "images": 2000, "test_images": 1000, "majority_rate": 0.9}
    return {**about, **accuracies, "solver_by_size": NOTHING}


def verdict(statement, *columns):
    found = evaluate(FIGURES["samarin2022/table1"].claims, {"columns": columns})
    (row,) = [row for row in found if statement in row["statement"]]
    return row


@pytest.mark.parametrize(
    ("narrow", "wide", "holds"), [(0.9, 0.97, True), (0.97, 0.9, False), (0.97, 1.0, False), (1.0, 0.97, True)]
)
def test_a_gap_in_training_accuracy_closes_from_either_side(narrow, wide, holds):
    """The network has 98 % at both widths."""
    network = (0.98, 0.99)
    columns = (column(1, network, (narrow, 0.99)), column(2, network, (wide, 0.99)))
    row = verdict("closes with width", *columns)
    assert row["number"] == pytest.approx(narrow - wide)
    assert row["holds"] is holds


@pytest.mark.parametrize(("test", "holds"), [(0.905, None), (0.97, True)])
def test_a_network_at_always_no_agrees_with_nothing(test, holds):
    row = verdict("agree in test accuracy", column(1, (0.9, test), (0.9, test)))
    assert row["holds"] is holds
    assert ("not judged" in row["note"]) is (holds is None)
