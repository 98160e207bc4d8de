import copy
from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

FALLING = {"index": [2, 11, 51, 101], "network_accuracy": [0.9, 0.8, 0.7, 0.6], "baseline_accuracy": 0.7}
CURVES = {**FALLING, "linearized_accuracy": [0.95, 0.9, 0.85, 0.8]}


def verdicts(net: str = "mlp", data: str = "mnist5k", figure: str = "ortiz2021/fig2", **changes: Any):
    curves = {**copy.deepcopy(CURVES), **changes}
    return evaluate(FIGURES[figure].claims, {"data": data, "nets": {net: curves}})


def test_claims_hold_for_curves_like_the_papers():
    rows = verdicts()
    assert [row["holds"] for row in rows] == [True, True, True]
    assert [row["number"] for row in rows] == [-1.0, -1.0, 1.0]


def test_a_rising_curve_fails():
    rows = verdicts(network_accuracy=[0.6, 0.7, 0.8, 0.9])
    assert [row["holds"] for row in rows][:2] == [False, True]
    assert rows[0]["number"] == 1.0


def test_a_correlation_of_exactly_the_bound_holds():
    row = verdicts(network_accuracy=[0.775, 0.648, 0.580, 0.595])[0]
    assert (row["holds"], row["number"]) == (True, pytest.approx(-0.8))


def test_a_crossing_is_the_papers_finding_for_lenet_on_digits_only():
    crossing: dict[str, Any] = {"linearized_accuracy": [0.95, 0.9, 0.65, 0.5]}
    lenet = verdicts("lenet", **crossing)[2]
    assert (lenet["holds"], lenet["number"], lenet["paper"]) == (True, pytest.approx(11 + 40 * 2 / 3), 500)
    mlp = verdicts("mlp", **crossing)[2]
    assert (mlp["holds"], mlp["number"], mlp["paper"]) == (False, 0.5, None)
    assert not verdicts("lenet", data="cifar10", **crossing)[2]["holds"]


def test_a_diverged_network_is_left_out_and_said():
    rows = verdicts(network_accuracy=[0.9, 0.8, None, 0.6], linearized_accuracy=[0.95, 0.9, 0.85, 0.8])
    assert [(row["holds"], row["number"]) for row in rows] == [(True, -1.0), (True, -1.0), (True, 1.0)]
    assert rows[0]["note"] == "no number at 1 of 4 indices, left out"
    assert rows[2]["note"] == "no crossing; no number at 1 of 4 indices, left out"
    nowhere = verdicts(network_accuracy=[None] * 4)[2]
    assert (nowhere["holds"], nowhere["number"]) == (None, None)


def test_behind_first_and_ahead_later_is_not_called_no_crossing():
    row = verdicts(linearized_accuracy=[0.5, 0.9, 0.85, 0.8])[2]
    assert (row["holds"], row["number"]) == (False, 0.75)
    assert row["note"] == "ahead at the last index, behind before"


@pytest.mark.parametrize(("data", "holds"), [("mnist", True), ("digits", True), ("mnist_1d.npz", False)])
def test_which_data_are_digits(data, holds):
    assert verdicts("lenet", data=data, linearized_accuracy=[0.95, 0.9, 0.65, 0.5])[2]["holds"] == holds


def test_lenet_behind_from_the_start_fails_on_digits_too():
    row = verdicts("lenet", linearized_accuracy=[0.5, 0.4, 0.3, 0.2])[2]
    assert (row["holds"], row["number"]) == (False, 2.0)


def test_baseline_is_compared_with_table_1_on_cifar10_only():
    assert len(verdicts(data="mnist5k")) == 3
    row = verdicts("mlp", data="cifar10", baseline_accuracy=0.65)[3]
    assert (row["holds"], row["number"], row["paper"]) == (True, 0.65, 0.676)
    assert not verdicts("lenet", data="cifar10", baseline_accuracy=0.65)[3]["holds"]
    assert len(verdicts("mlp", data="cifar10", baseline_accuracy=None)) == 3


def test_training_metrics_grow_and_a_loss_never_reached_counts_as_slowest():
    growing: dict[str, Any] = {
        "epochs_to_target_loss": [2, 3, 4, None],
        "l2_distance": [1, 2, 3, 4],
        "cosine_distance": [4, 3, 2, 1],
    }
    rows = verdicts("lenet", figure="ortiz2021/fig14", **growing)
    assert [row["holds"] for row in rows] == [True, True, False]
    assert rows[0]["note"] == "not reached at 1 of 4 indices"
    rows = verdicts("lenet", figure="ortiz2021/fig14", **{**growing, "l2_distance": [4, 3, 2, None]})
    assert (rows[1]["number"], rows[1]["note"]) == (-1.0, "no number at 1 of 4 indices, left out")


def test_a_loss_reached_nowhere_decides_nothing():
    nowhere = {"epochs_to_target_loss": [None] * 4, "l2_distance": [1, 2, 3, 4], "cosine_distance": [1, 2, 3, 4]}
    row = verdicts("mlp", figure="ortiz2021/fig13", **nowhere)[0]
    assert (row["holds"], row["number"]) == (None, None)


def test_two_indices_decide_nothing_about_a_trend():
    two = {"index": [2, 11], "network_accuracy": [0.9, 0.8], "linearized_accuracy": [0.95, 0.9]}
    assert [row["holds"] for row in verdicts(**two)] == [None, None, True]
