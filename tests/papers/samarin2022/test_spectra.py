"""Verdicts on made-up spectra: numbers with which every claim holds, fails and is undetermined."""

import math

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

SEEDS = (0, 1, 2)
QUANTITIES = {"effective_rank": 3000.0, "effective_rank_of_kernel": 100.0, "condition_number": 500.0, "smallest": 0.1,
              "reached": 900.0, "reached_train_accuracy": 0.9, "flow_train_accuracy": 0.9}  # fmt: skip


def line(growth=None, start=None, **changes):
    """A line at the paper's settings; `growth` of a quantity has a factor for each seed, from x1 to x60."""
    about = {"net": "lenet5", "data": "mnist", "shift": 0, "resize": None, "n_train": 600, "rows": 6000,
             "widths": [1.0, 60.0], "vanishing": [0.0] * 4, **changes}  # fmt: skip
    first = {**QUANTITIES, **(start or {})}
    seeds = list(SEEDS[: max(map(len, (growth or {}).values()), default=3)])
    factors = {name: (growth or {}).get(name, (1.0,) * len(seeds)) for name in first}
    narrower = len(about["widths"]) - 1
    by_seed = {
        name: [[value] * len(seeds)] * narrower + [[value * f for f in factors[name]]] for name, value in first.items()
    }
    means = {name: [sum(values) / len(values) for values in found] for name, found in by_seed.items()}
    return {**about, **means, "by_seed": by_seed, "seeds": [seeds] * (narrower + 1)}


def alexnet(growth, **changes):
    return line(growth, **{"net": "alexnet", "data": "snakes", "widths": [1.0, 2.0, 3.0, 4.0], **changes})


def holds(statement, *lines, figure="fig6"):
    found = evaluate(FIGURES[f"samarin2022/{figure}"].claims, {"lines": list(lines)})
    return [row["holds"] for row in found if statement in row["statement"]]


KERNEL, JACOBIAN = "effective_rank_of_kernel", "effective_rank"
RISING, FALLING, UNCLEAR = (1.6, 1.7, 1.65), (0.6, 0.7, 0.65), (1.4, 1.5, 0.7)


@pytest.mark.parametrize(
    ("growth", "changes", "verdict"),
    [
        (RISING, {}, True),
        (FALLING, {}, False),
        (UNCLEAR, {}, None),
        ((1.6,), {}, None),
        (RISING, {"data": "mnist5k"}, None),
        (FALLING, {"rows": 1500}, None),
        (RISING, {"rows": 1500}, None),
        (RISING, {"widths": [1.0, 10.0]}, None),
        (FALLING, {"widths": [1.0, 10.0]}, None),
        (RISING, {"widths": [0.5, 60.0]}, None),
        (RISING, {"data": "cifar10"}, None),
    ],
)
def test_the_kernels_effective_rank_grows(growth, changes, verdict):
    """The Jacobian's is shown and not judged."""
    assert holds("effective rank grows with the width", line({KERNEL: growth}, **changes)) == [verdict]
    other = {KERNEL: growth, JACOBIAN: tuple(1 / f for f in growth)}
    assert holds("effective rank grows with the width", line(other, **changes)) == [verdict]


@pytest.mark.parametrize(
    ("growth", "changes", "verdict"),
    [
        (RISING, {}, True),
        (RISING, {"data": "mnist5k"}, None),
        (FALLING, {}, False),
        (RISING, {"widths": [1.0, 4.0]}, None),
    ],
)
def test_alexnets_is_judged_on_its_own_images(growth, changes, verdict):
    assert holds("effective rank grows with the width", alexnet({KERNEL: growth}, **changes)) == [verdict]


@pytest.mark.parametrize(
    ("start", "growth", "changes", "verdict"),
    [
        (168.0, RISING, {}, True),
        (3500.0, (1.1, 1.2, 1.1), {}, False),
        (2000.0, (1.4, 1.5, 1.6), {}, None),
        (168.0, (1.6,), {}, None),
        (168.0, RISING, {"rows": 1500}, None),
        (1000.0, RISING, {"rows": 1500}, None),
        (168.0, RISING, {"widths": [1.0, 10.0]}, None),  # wide ones have higher ranks
        (3500.0, (1.1, 1.2, 1.1), {"widths": [1.0, 10.0]}, False),
        (3500.0, (1.1, 1.2, 1.1), {"widths": [0.5, 1.0]}, None),
        (3500.0, (1.1, 1.2, 1.1), {"widths": [1.0, 100.0]}, None),
        (2900.0, (1.044, 1.05, 1.055), {}, None),  # one interval alone lies above the half, but each of two may
    ],
)
def test_the_effective_rank_is_far_below_the_rows(start, growth, changes, verdict):
    one = line({KERNEL: growth, JACOBIAN: growth}, {KERNEL: start, JACOBIAN: 5900.0}, **changes)
    assert holds("much lower than the number of rows", one) == [verdict]


@pytest.mark.parametrize(
    ("shifted", "verdict"),
    [((1.5, 1.6, 1.55), True), ((1.8, 1.9, 1.85), False), ((1.5, 1.7, 1.8), None), ((1.5,), None)],
)
def test_growth_is_compared_seed_by_seed(shifted, verdict):
    both = line({KERNEL: RISING[: len(shifted)]}), line({KERNEL: shifted}, shift=7)
    assert holds("on shifted digits the kernel's effective rank grows less", *both) == [verdict]


@pytest.mark.parametrize(
    ("growth", "grows", "marginally"),
    [
        ((1.05, 1.06, 1.07), True, True),
        ((1.6, 1.7, 1.8), True, False),
        ((0.99, 1.01, 1.02), None, None),
        (FALLING, False, False),
    ],
)
def test_alexnets_effective_rank_grows_marginally(growth, grows, marginally):
    one = alexnet({KERNEL: growth})
    assert holds("effective rank grows with the width", one) == [grows]
    assert holds("grows marginally", one) == [marginally]
    assert holds("grows marginally", alexnet({KERNEL: growth}, data="mnist5k")) == [None]
    assert holds("grows marginally", alexnet({KERNEL: (1.2, 1.22, 1.4)})) == [None]


@pytest.mark.parametrize(
    ("reached", "flow", "changes", "verdict"),
    [
        (0.93, 0.97, {}, True),
        (0.999, 0.999, {}, False),
        (0.93, 1.0, {}, False),
        (0.93, 1.0, {"rows": 1500}, None),
        (0.93, 0.97, {"rows": 1500}, None),
        (0.93, 0.97, {"widths": [2.0, 60.0]}, None),
    ],
)
def test_a_perfect_fit_needs_small_directions(reached, flow, changes, verdict):
    one = line(start={"reached_train_accuracy": reached, "flow_train_accuracy": flow}, **changes)
    assert holds("a perfect fit needs directions", one) == [verdict]
    one["by_seed"]["reached_train_accuracy"][0] = [0.98, 0.99, 1.0]
    one["by_seed"]["flow_train_accuracy"][0] = [0.97, 0.97, 0.97]
    assert holds("a perfect fit needs directions", one) == [None]


@pytest.mark.parametrize(
    ("accuracy", "rank", "condition", "verdict"),
    [
        ((1.05, 1.06, 1.04), RISING, FALLING, True),
        ((0.95, 0.94, 0.96), RISING, FALLING, False),
        ((1.05, 1.06, 1.04), FALLING, FALLING, False),
        ((1.05, 1.06, 1.04), RISING, RISING, False),
        ((1.05, 0.99, 1.0), RISING, FALLING, None),
    ],
)
def test_the_spectrum_explains_the_training_accuracy(accuracy, rank, condition, verdict):
    one = line({"flow_train_accuracy": accuracy, KERNEL: rank, "condition_number": condition})
    assert holds("training accuracy that gradient flow reaches", one) == [verdict]


@pytest.mark.parametrize("figure", ["fig7", "figA3"])
@pytest.mark.parametrize(
    ("smallest", "condition", "verdicts"),
    [
        ((8.2, 8.1, 8.3), (0.22, 0.21, 0.2), (True, True)),
        ((0.7, 0.8, 0.7), (1.3, 1.2, 1.3), (False, False)),
        ((0.6, 1.5, 1.8), (1.7, 0.7, 0.6), (None, None)),
        ((8.2,), (0.22,), (None, None)),
    ],
)
def test_width_improves_the_singular_values(figure, smallest, condition, verdicts):
    make = line if figure == "fig7" else alexnet
    one = make({"smallest": smallest, "condition_number": condition})
    found = tuple(holds(words, one, figure=figure)[0] for words in ("smallest singular values", "number falls with"))
    assert found == verdicts
    lost = {**one, "vanishing": [2.0, 0.0, 0.0, 0.0]}
    assert set(holds("", lost, figure=figure)) == {None}


@pytest.mark.parametrize("figure", ["fig7", "figA3"])
@pytest.mark.parametrize(
    ("condition", "verdict"),
    [((0.22, 0.25, 0.21), True), ((0.6, 0.61, 0.62), True), ((0.9, 0.8, 0.9), False), ((0.75, 0.68, 0.62), None)],
)
def test_width_remedies_the_kernels_conditioning(figure, condition, verdict):
    """The kernel's condition number is the square of the Jacobian's."""
    make = line if figure == "fig7" else alexnet
    assert holds("width remedies", make({"condition_number": condition}), figure=figure) == [verdict]


def test_means_of_an_earlier_version_are_shown_and_undetermined():
    one = line({KERNEL: (1.6,)})
    del one["by_seed"], one["reached_train_accuracy"], one["flow_train_accuracy"]
    rows = evaluate(FIGURES["samarin2022/fig6"].claims, {"lines": [one]}, kept=True)
    assert math.isclose(rows[0]["number"], 1.6)
    assert {row["holds"] for row in rows} == {None}
