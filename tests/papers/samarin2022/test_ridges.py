"""Verdicts on the solver against its ridge, on made-up lines."""

import numpy as np
import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES
from tests.papers.samarin2022.columns import PAPER

RIDGES = np.array([1e-4, 1e-6, 1e-8])


def line(test, train=(0.99, 0.998, 1.0), seed=0, width=1.0, shift=0, **changes):
    """A run at the paper's settings but for `changes`."""
    images = {"train_images": 60_000, "test_images": 10_000}
    arrays = {"ridges": RIDGES, "test": np.array(test), "train": np.array(train)}
    return {**PAPER, **images, "width": width, "shift": shift, "seed": seed, **arrays, **changes}


def rows(statement, *lines):
    found = evaluate(FIGURES["samarin2022/ridges"].claims, {"lines": lines})
    return [row for row in found if statement in row["statement"]]


@pytest.mark.parametrize(
    ("test", "train", "verdict"),
    [
        ((0.993, 0.9785, 0.978), (0.99, 1.0, 1.0), True),
        ((0.993, 0.9785, 0.978), (1.0, 1.0, 1.0), None),  # a better fit is not shown to be lost
        ((0.979, 0.9785, 0.978), (0.99, 1.0, 1.0), False),  # too little gained
        ((0.993, 0.990, 0.978), (0.99, 1.0, 1.0), None),  # a smaller ridge would be worse still
        ((0.993, 0.9785, 0.978), (0.99, 0.99, 0.995), None),  # the paper's fits all images
        ((0.993, 0.9785, np.nan), (0.99, 1.0, np.nan), None),  # of the two that have a solution
    ],
)
def test_a_ridge_improves_accuracy_on_test_images_and_costs_some_on_training_images(test, train, verdict):
    seeds = [line(np.add(test, 1e-4 * seed), train, seed) for seed in (0, 1, 2)]
    (row,) = rows("regularization improves", *seeds)
    assert row["holds"] is verdict
    if verdict:
        assert row["number"] == pytest.approx(0.015)
        assert "ridges 0.0001 and 1e-08" in row["note"]


def test_only_the_papers_width_and_settings_are_judged():
    better = (0.993, 0.9785, 0.978)
    assert rows("regularization improves", line(better, width=2.0)) == []
    (row,) = rows("regularization improves", line(better, train_images=12_000))
    assert row["holds"] is None
    assert "images" in row["note"]
    assert rows("regularization improves", line((0.99, np.nan, np.nan), (0.99, np.nan, np.nan))) == []


def test_the_smallest_ridge_is_compared_with_the_papers_solver():
    def of(*values, **settings):
        return [line((0.99, value, value), seed=seed, **settings) for seed, value in enumerate(values)]

    test, train = rows("the solver's accuracies are the paper's", *of(0.9778, 0.978, 0.9782))
    assert (test["holds"], test["paper"], train["holds"], train["paper"]) == (True, 0.978, True, 1.0)
    assert rows("the solver's accuracies are the paper's", *of(0.985, 0.9852, 0.9851))[0]["holds"] is False
    shifted = rows("the solver's accuracies are the paper's", *of(0.86, 0.861, 0.8605, shift=7))
    assert (shifted[0]["subject"], shifted[0]["paper"]) == ("x1, shifted, test accuracy", pytest.approx(0.8605))
    assert rows("the solver's accuracies are the paper's", *of(0.86, 0.861, 0.8605, width=7.0)) == []
    none = [line((np.nan,) * 3, (np.nan,) * 3, seed=seed) for seed in (0, 1, 2)]
    assert [row["holds"] for row in rows("the solver's accuracies are the paper's", *none)] == [None, None]
