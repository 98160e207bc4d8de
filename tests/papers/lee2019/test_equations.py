import pytest

from ntk_repro.papers import FIGURES
from ntk_repro.papers.claims import evaluate

CLAIMS = FIGURES["lee2019/equations"].claims
TABLE = {
    "image_size": 32, "N": 2, "width": 16, "output_size": [32, 32, 16, 8], "convolutions": [1, 4, 4, 4], "pooled": 8,
    "averages": True, "channels": [16] * 9, "order": [1e-7, 0.4],
}  # fmt: skip


def names_of(claim):
    return [name for name, *_ in claim.arguments[0]]


def holds(claim, rows):
    return [row["holds"] for row in evaluate([claim], {"rows": rows})]


# One that holds, one that fails, and one that leaves each kind of predicate undetermined.
KINDS = {
    "14": ([1e-12] * 3, [0.5] * 3, [1e-7, 1e-9, 1e-6]),
    "all layers": ([0.2] * 3, [1e-4] * 3, [0.01, 0.005, 0.02]),
    "no posterior tanh": ([0.3] * 3, [0.01] * 3, [0.05, 0.04, 0.06]),
    "footnote 10 others": ([0.1] * 3, [1e-9] * 3, [0.01, 0.005, 0.02]),
    "S3": ([0.5] * 3, [0.1] * 3, [0.4, 0.3, 0.5]),
    "D variance": ([-1e-3] * 3, [0.1] * 3, [0.0, -1.0, 1.0]),
    "S25 mean": ([0.005, -0.005, 0.015], [0.05, 0.04, 0.06], [0.015, 0.005, 0.025]),
    "S25 Gaussian": ([0.03, -0.01, 0.07], [0.5, 0.4, 0.6], [0.08, 0.05, 0.11]),
    "S31 readout": ([-0.5, -0.6, -0.4], [0.5, 0.4, 0.6], [-0.1, -0.3, 0.1]),
    "positive relu": ([0.1] * 3, [1e-12] * 3, [0.0, -1.0, 1.0]),
    "positive identity": ([-1e-17] * 3, [1e-3] * 3, [1e-7, 1e-9, 1e-6]),
    "S62 above": ([0.01] * 3, [-0.01] * 3, [0.0, -1.0, 1.0]),
    "S81 t = 2": ([0.2, 0.1, 0.3], [-0.2, -0.3, -0.1], [0.0, -0.1, 0.1]),
    "S115": ([0.99] * 3, [1.1] * 3, [1.0, 0.9, 1.1]),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_claim_holds_fails_and_is_undetermined_by_its_interval(name):
    (claim,) = [claim for claim in CLAIMS if name in names_of(claim)]
    at = names_of(claim).index(name)
    verdicts = []
    for row in KINDS[name]:
        rows = {other: [0.0] * 3 for other in names_of(claim)} | {name: row}
        verdicts.append(holds(claim, rows)[at])
    assert verdicts == [True, False, None]


def test_every_row_is_in_one_claim():
    names = [name for claim in CLAIMS for name in names_of(claim)]
    assert len(set(names)) == len(names)


def table(**changes):
    rows = evaluate(FIGURES["lee2019/tableS1"].claims, TABLE | changes)
    return [row["subject"] for row in rows if row["holds"] is False], [row["holds"] for row in rows].count(None)


def test_the_table_is_judged_cell_by_cell():
    assert table() == ([], 0)
    assert table(output_size=[32, 32, 32, 16]) == (["conv3", "conv4"], 0)
    assert table(convolutions=[1, 4, 2, 4]) == (["conv3"], 0)
    assert table(averages=False) == (["avg-pool", "avg-pool"], 0)
    assert table(order=[0.3, 0.4]) == (["residual block"], 0)
    assert table(order=[1e-7, 1e-7]) == (["residual block"], 0)
    assert table(channels=[16] * 8 + [8]) == (["wide_resnet"], 0)


def test_printed_numbers_are_compared_at_the_papers_settings():
    def printed(**changes):
        return [row["paper"] for row in evaluate(FIGURES["lee2019/tableS1"].claims[:2], TABLE | changes)]

    assert printed() == [32, 32, 16, 8, 1, 1, None, None, None, 8]
    assert printed(N=1, convolutions=[1, 2, 2, 2])[5:9] == [1, 2, 2, 2]
    assert printed(image_size=8)[:5] == [None] * 5


def test_sizes_of_other_images_are_undetermined():
    assert table(image_size=8, output_size=[8, 8, 4, 2], pooled=2) == ([], 6)
