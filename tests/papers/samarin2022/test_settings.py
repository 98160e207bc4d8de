"""Verdicts on made-up accuracies over a grid of learning rates and weight decays."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

RATES, DECAYS = [1.0, 0.1, 0.01, 0.001], [5e-4, 5e-5, 5e-6, 5e-7, 5e-8]
SETTINGS = {"net": "lenet5", "data": "mnist", "shift": 0, "resize": None, "epochs": 100, "decay_epochs": None,
            "train_images": 60_000, "test_images": 10_000, "batch_size": 32, "momentum": 0.9, "loss_reduction": "mean",
            "loss": "squared_error", "precision": "float32",
            "learning_rates": RATES, "weight_decays": DECAYS}  # fmt: skip


def grids(best, others, **changes):
    """Accuracies at (0.1, 5e-5), one for each seed, and at all other points but the last, which has `others`."""
    found = []
    for width in (1.0, 60.0):
        for seed, (named, other) in enumerate(zip(best, others, strict=True)):
            values = [0.9] * 20
            values[6], values[19] = named, other
            found.append({**SETTINGS, "width": width, "seed": seed, "network": values, "linearized": values, **changes})
    return found


@pytest.mark.parametrize(
    ("best", "others", "changes", "verdict"),
    [
        ((0.99, 0.991, 0.99), (0.985, 0.986, 0.985), {}, True),
        ((0.99, 0.991, 0.99), (0.995, 0.996, 0.995), {}, False),
        ((0.99, 0.991, 0.99), (0.991, 0.986, 0.996), {}, None),
        ((0.99,), (0.9905,), {}, None),
        ((0.99, 0.99, 0.99), (0.993, 0.994, 0.995), {}, None),  # ahead by three seeds, but one of 19 leads
        ((0.99, 0.991, 0.99), (0.985, 0.986, 0.985), {"train_images": 1500}, None),
        ((0.99, 0.991, 0.99), (0.985, 0.986, 0.985), {"data": "mnist5k"}, None),
        ((0.99, 0.991, 0.99), (0.985, 0.986, 0.985), {"loss": "cross_entropy"}, None),
        ((0.99, 0.991, 0.99), (0.995, 0.996, 0.995), {"precision": "float64"}, None),
    ],
)
def test_the_named_settings_are_the_best_of_the_grid(best, others, changes, verdict):
    rows = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": grids(best, others, **changes)})
    assert [row["holds"] for row in rows] == [verdict]
    assert rows[0]["note"].startswith("the best other point is 0.001, 5e-08")


def test_shifted_digits_are_an_experiment_of_their_own():
    centred, shifted = grids((0.99,) * 3, (0.98,) * 3), grids((0.98,) * 3, (0.99,) * 3, shift=7)
    rows = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": centred + shifted})
    assert [(row["subject"], row["holds"]) for row in rows] == [
        ("lenet5 on mnist", True),
        ("lenet5 on mnist, shifted by up to 7", False),
    ]


def test_a_part_of_the_grid_decides_nothing():
    part = grids((0.99,) * 3, (0.98,) * 3)
    for grid in part:
        grid["weight_decays"] = DECAYS[:4]
        grid |= {kind: [v for i, v in enumerate(grid[kind]) if i % 5 < 4] for kind in ("network", "linearized")}
    (row,) = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": part})
    assert row["holds"] is None
    assert "4 points of the paper's grid are left out" in row["unless"]
    (row,) = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": grids((0.99,) * 3, (0.98,) * 3)[:3]})
    assert "no x60 (the paper: x1 to x60)" in row["unless"]


def test_every_grid_has_the_papers_settings():
    found = grids((0.99,) * 3, (0.98,) * 3)
    found[-1]["epochs"] = 10
    (row,) = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": found})
    assert row["holds"] is None


@pytest.mark.parametrize(
    ("named", "widths", "verdict"), [(0.9, (1, 2, 3, 4), True), (0.8, (1, 2, 3, 4), False), (0.9, (1, 4), None)]
)
def test_alexnets_best_settings_are_judged_each(named, widths, verdict):
    about = {**SETTINGS, "net": "alexnet", "data": "snakes", "train_images": 13_000, "decay_epochs": 30}
    values = [0.85] * 20
    values[3] = named  # (1, 5e-7)
    both = [{**about, "width": w, "seed": 0, "network": values, "linearized": values} for w in widths]
    rows = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": both})
    (row,) = [row for row in rows if "AlexNet's linearization" in row["statement"]]
    assert row["holds"] is verdict
