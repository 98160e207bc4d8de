"""Verdicts on made-up numbers of parameters."""

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
