from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

FALLING = {"index": [2, 11, 51, 101], "network_accuracy": [0.9, 0.8, 0.7, 0.6], "baseline_accuracy": 0.7}
CURVES = {**FALLING, "linearized_accuracy": [0.95, 0.9, 0.85, 0.8], "width": 1.0}
CURVES |= {"n_train": 50000, "n_test": 10000, "epochs": 200}


def verdicts(net: str = "mlp", data: str = "mnist5k", figure: str = "fig2", **changes: Any):
    return evaluate(FIGURES[f"ortiz2021/{figure}"].claims, {"data": data, "nets": {net: CURVES | changes}})


@pytest.mark.parametrize(
    ("network", "outcomes"),
    [
        ([0.9, 0.8, 0.7, 0.6], [(True, -1), (True, -1), (True, 1)]),  # like the paper's
        ([0.6, 0.7, 0.8, 0.9], [(False, 1), (True, -1), (False, 0.75)]),  # rising
        ([0.775, 0.648, 0.580, 0.595], [(True, -0.8), (True, -1), (True, 1)]),  # a correlation of exactly the bound
    ],
)
def test_figure_2_wants_accuracies_that_fall_and_the_linearization_ahead(network, outcomes):
    rows = verdicts(network_accuracy=network)
    assert [(row["holds"], row["number"]) for row in rows] == [(holds, pytest.approx(x)) for holds, x in outcomes]


def test_a_linearization_that_falls_behind_fails_whatever_the_network_and_the_data():
    crossing: dict[str, Any] = {"linearized_accuracy": [0.95, 0.9, 0.65, 0.5]}
    for net, data in (("mlp", "mnist5k"), ("lenet", "mnist5k"), ("lenet", "cifar10")):
        row = verdicts(net, data=data, **crossing)[2]
        assert (row["holds"], row["number"], row["paper"]) == (False, 0.5, None)
        assert row["note"] == "behind beyond index 38"


NEARLY = [0.95, 0.9, 0.85, 0.58]


@pytest.mark.parametrize("figure", ["fig2", "fig11", "fig12"])
@pytest.mark.parametrize(
    ("linearized", "n_test", "holds", "number", "why"),
    [
        (NEARLY, 400, None, 0.75, "2.0 points behind at most, 2 standard errors of 400 test images are 7.0"),
        (NEARLY, 10000, False, 0.75, ""),
        (NEARLY, None, False, 0.75, ""),
        ([0.95, 0.9, 0.55, 0.595], 400, False, 0.5, ""),  # far behind at one index, whatever the others
        ([0.95, 0.9, 0.85, 0.6], 10000, None, 0.75, "0.0 points behind"),  # equal is not ahead
        ([None, 0.9, 0.85, 0.595], 400, None, 2 / 3, "0.5 points behind"),  # a missing one decides nothing
    ],
)
def test_a_linearization_behind_by_no_more_than_the_noise_is_not_judged(figure, linearized, n_test, holds, number, why):
    """Of 400 test images two standard errors of a difference are 7 points, of 10,000 they are 1.4."""
    row = verdicts(figure=figure, linearized_accuracy=linearized, n_test=n_test)[2]
    assert (row["holds"], row["number"]) == (holds, pytest.approx(number))
    assert f"not judged: {why}" in row["note"] if why else "not judged" not in row["note"]


INDICES = [2, 200, 400, 600, 1000]
MNIST: dict[str, Any] = {"index": INDICES, "n_train": 60000, "n_test": 10000, "network_accuracy": [0.7] * 5}


def crossing(linearized: list[float], net: str = "lenet", data: str = "mnist", **changes: Any):
    curves = {**MNIST, "linearized_accuracy": linearized, **changes}
    return verdicts(net, data, "fig12", **curves)[2:]


@pytest.mark.parametrize(
    ("linearized", "holds", "number", "note"),
    [
        ([0.9, 0.8, 0.75, 0.65, 0.6], True, 500, "ahead at 100% of the indices below it"),
        ([0.9, 0.65, 0.6, 0.6, 0.6], False, 2 + 198 * 0.8, "ahead at 100% of the indices below it"),  # too early
        ([0.9, 0.8, 0.8, 0.8, 0.8], False, 1000, "no crossing up to this index"),
        ([0.6, 0.8, 0.75, 0.65, 0.6], False, 500, "ahead at 67% of the indices below it"),
    ],
)
def test_figure_12_wants_lenets_curves_to_cross_around_500(linearized, holds, number, note):
    (row,) = crossing(linearized)
    assert (row["holds"], row["number"], row["paper"]) == (holds, pytest.approx(number), 500)
    assert row["note"] == note
    (mlp,) = crossing(linearized, net="mlp")  # of which the paper says that it is ahead everywhere
    assert (mlp["paper"], mlp["meaning"]) == (None, "share of indices at which it is ahead")


@pytest.mark.parametrize("linearized", [[0.9, 0.65, 0.6, 0.6, 0.6], [0.9, 0.8, 0.75, 0.65, 0.6], [0.9] * 5])
def test_where_the_curves_cross_is_not_judged_on_fewer_digits(linearized):
    (row,) = crossing(linearized, n_train=10000)
    assert row["holds"] is None
    assert (row["number"] is None) is (linearized == [0.9] * 5)  # no crossing, no number
    assert row["note"].endswith("not judged: 20,000 images of mnist, not all of MNIST")
    assert crossing(linearized, data="mnist5k")[0]["holds"] is None
    assert crossing([None] * 5)[0]["number"] is None  # pyright: ignore[reportArgumentType]


def test_a_diverged_network_is_left_out_and_said():
    rows = verdicts(network_accuracy=[0.9, 0.8, None, 0.6], linearized_accuracy=[0.95, 0.9, 0.85, 0.8])
    assert [(row["holds"], row["number"]) for row in rows] == [(True, -1.0), (True, -1.0), (True, 1.0)]
    assert rows[0]["note"] == "no number at 1 of 4, left out"
    assert rows[2]["note"] == "no crossing; no number at 1 of 4 indices, left out"
    nowhere = verdicts(network_accuracy=[None] * 4)[2]
    assert (nowhere["holds"], nowhere["number"]) == (None, None)


def test_behind_first_and_ahead_later_is_not_called_no_crossing():
    row = verdicts(linearized_accuracy=[0.5, 0.9, 0.85, 0.8])[2]
    assert (row["holds"], row["number"]) == (False, 0.75)
    assert row["note"] == "ahead at the last index, behind before"


def test_baseline_is_compared_with_table_1_on_cifar10_only():
    assert len(verdicts(data="mnist5k")) == 3
    row = verdicts("mlp", data="cifar10", baseline_accuracy=0.65)[3]
    assert (row["holds"], row["number"], row["paper"]) == (True, 0.65, 0.676)
    assert row["note"] == "50,000 training images, 200 epochs"
    assert verdicts("lenet", data="cifar10", baseline_accuracy=0.65)[3]["holds"] is False
    assert len(verdicts("mlp", data="cifar10", baseline_accuracy=None)) == 3
    assert len(verdicts("resnet18", data="cifar10", baseline_accuracy=0.8, width=0.125)) == 3


@pytest.mark.parametrize("less", [{"n_train": 10000}, {"epochs": 100}])
def test_a_baseline_of_less_training_is_shown_and_not_judged(less):
    row = verdicts("lenet", data="cifar10", baseline_accuracy=0.5, **less)[3]
    assert (row["holds"], row["number"], row["paper"]) == (None, 0.5, 0.75)
    assert row["note"].startswith("not judged: ")


def test_training_metrics_grow_and_a_loss_never_reached_counts_as_slowest():
    distances: dict[str, Any] = {"l2_distance": [1, 2, 3, 4], "cosine_distance": [4, 3, 2, None]}
    rows = verdicts("lenet", figure="fig14", epochs_to_target_loss=[2, 3, 4, None], **distances)
    assert [(row["holds"], row["number"]) for row in rows] == [(True, 1), (True, 1), (False, -1)]
    assert [row["note"] for row in rows] == ["not reached at 1 of 4", "", "no number at 1 of 4, left out"]
    nowhere = verdicts("mlp", figure="fig13", epochs_to_target_loss=[None] * 4, **distances)[0]
    assert (nowhere["holds"], nowhere["number"]) == (None, None)


def test_two_indices_decide_nothing_about_a_trend():
    two = {"index": [2, 11], "network_accuracy": [0.9, 0.8], "linearized_accuracy": [0.95, 0.9]}
    assert [row["holds"] for row in verdicts(**two)] == [None, None, True]
