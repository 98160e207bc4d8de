"""Verdicts on made-up numbers of parameters, and on accuracies over a grid of settings."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

WIDTHS, COUNTS = [1.0, 2.0, 5.0, 10.0, 60.0], [61_706, 244_362, 1_518_090, 6_060_170, 217_800_970]


def line(counts=COUNTS, widths=WIDTHS, net="lenet5", image=(28, 28, 1), outputs=10):
    return {"net": net, "image": list(image), "outputs": outputs, "widths": widths, "num_params": counts}


def alexnet(*counts):
    return line(list(counts), [1.0, 2.0, 4.0][: len(counts)], "alexnet", (224, 224, 3))


def holds(statement, *lines):
    rows = evaluate(FIGURES["samarin2022/sizes"].claims, {"lines": list(lines)})
    return [row["holds"] for row in rows if statement in row["statement"]]


@pytest.mark.parametrize(
    ("counts", "verdict"), [(COUNTS, True), ([6e4, 12e4, 30e4, 60e4, 360e4], False), ([6e4, 24e4], None)]
)
def test_parameters_grow_quadratically(counts, verdict):
    assert holds("grows quadratically", line(counts, WIDTHS[: len(counts)])) == [verdict]


@pytest.mark.parametrize(
    ("one", "verdicts"),
    [
        (line(), [True, True, True]),
        (line([136_000, 244_362], [1.0, 2.0]), [False, True]),
        (line([1_518_090], [5.0]), []),
        (alexnet(57_044_810, 228_000_000, 911_834_378), [True, True]),
        (alexnet(41_000_000), [False]),
    ],
)
def test_parameter_counts_are_about_the_papers(one, verdicts):
    assert holds("LeNet has about 60,000 parameters", one) == verdicts


@pytest.mark.parametrize(
    ("counts", "verdicts"),
    [([61_706, 244_362], [True, True]), ([700_000, 244_362], [False, True]), ([61_706], [True, None])],
)
def test_narrow_networks_have_fewer_parameters_than_rows(counts, verdicts):
    lines = line(counts, WIDTHS[: len(counts)]), line(counts, WIDTHS[: len(counts)], outputs=1)
    assert holds("fewer parameters than the Jacobian", *lines) == verdicts


@pytest.mark.parametrize(("count", "verdict"), [(57_044_810, True), (200_000, False)])
def test_alexnet_is_over_parameterized(count, verdict):
    assert holds("AlexNet x1 is well over-parameterized", alexnet(count), line()) == [verdict]


@pytest.mark.parametrize(("counts", "verdicts"), [([60_941, 6_052_601], [True, True]), ([5e6, 3e6], [False, False])])
def test_larger_widths_need_more_than_a_terabyte(counts, verdicts):
    assert holds("less than 1 TB", line(counts, [1.0, 10.0], outputs=1), line()) == verdicts


RATES, DECAYS = [1.0, 0.1, 0.01, 0.001], [5e-4, 5e-5, 5e-6, 5e-7, 5e-8]
SETTINGS = {"net": "lenet5", "data": "mnist", "shift": 0, "resize": None, "epochs": 100, "decay_epochs": None,
            "train_images": 60_000, "test_images": 10_000, "batch_size": 32, "momentum": 0.9, "loss_reduction": "mean",
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
    assert "4 points of the paper's grid are left out" in row["note"]
    (row,) = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": grids((0.99,) * 3, (0.98,) * 3)[:3]})
    assert "x1 or x60 is left out" in row["note"]


@pytest.mark.parametrize(("named", "verdict"), [(0.9, True), (0.8, False)])
def test_alexnets_best_settings_are_judged_each(named, verdict):
    about = {**SETTINGS, "net": "alexnet", "data": "snakes", "train_images": 13_000, "decay_epochs": 30}
    values = [0.85] * 20
    values[3] = named  # (1, 5e-7)
    both = [{**about, "width": w, "seed": 0, "network": values, "linearized": values} for w in (1.0, 4.0)]
    rows = evaluate(FIGURES["samarin2022/grid"].claims, {"grids": both})
    (row,) = [row for row in rows if "AlexNet's linearization" in row["statement"]]
    assert row["holds"] is verdict
