from typing import Any

import numpy as np
import pytest

from ntk_repro.eigentasks import EigentasksConfig
from ntk_repro.papers import FIGURES, evaluate
from ntk_repro.papers.presets import load_figure_preset

FALLING = [0.9, 0.8, 0.7, 0.6]
CURVES: dict[str, Any] = {
    "index": [2, 11, 51, 101], "seeds": [0], "data": "cifar10", "width": 1.0, "n_train": 50000, "n_test": 10000,
    "all_images": True, "epochs": 100, "majority_rate": [0.5] * 4,
    "by_seed": {
        "network": [FALLING], "network_train": [[0.95, 0.9, 0.85, 0.8]],
        "linearized": [[0.97, 0.9, 0.85, 0.75]], "linearized_train": [[0.98, 0.95, 0.95, 0.9]],
        "linearized_halfway": [[0.97, 0.9, 0.85, 0.75]], "baseline_network": [0.85], "baseline_linearized": [0.75],
    },
    "alignment": [4.0, 3.0, 2.0, 1.0], "baseline_alignment": 3.5, "network_final_loss": [[0.001] * 4],
    "network_epochs_to_loss": [[10, 12, 14, 16]], "linearized_epochs_to_loss": [[50, 60, 70, 80]],
    "sign_overlap": [0.78, 0.79] * 500, "parameters": 100_000, "normalization_effect": None,
}  # fmt: skip
METRICS = {
    "epochs_to_target_loss": [2.0, 3, 4, 5],
    "l2_distance": [4.0, 5, 6, 7],
    "cosine_distance": [0.4, 0.5, 0.6, 0.65],
}


def found(start: str, figure: str = "fig2", net: str = "mlp", rows: dict | None = None, **changes: Any):
    """The verdicts of the claim whose statement begins so, on one network; `rows` replace accuracies by seed."""
    by_seed = {name: row for name, row in {**CURVES["by_seed"], **(rows or {})}.items() if row is not None}
    numbers = {"nets": {net: {**CURVES, "by_seed": by_seed, **changes}}}
    (claim,) = (claim for claim in FIGURES[f"ortiz2021/{figure}"].claims if claim.statement.startswith(start))
    return evaluate([claim], numbers)


def holds(*arguments: Any, **options: Any) -> bool | None:
    (row,) = found(*arguments, **options)
    return row["holds"]


@pytest.mark.parametrize("figure", ["fig2", "fig11", "fig12"])
@pytest.mark.parametrize(
    ("accuracies", "n_test", "verdict"),
    [
        (FALLING, 10000, True),
        (FALLING[::-1], 10000, False),
        ([0.9, 0.8, 0.7, 0.85], 10000, False),  # four of six pairs in order
        ([0.9, 0.8, 0.7, 0.702], 10000, True),  # the last two differ by noise only, and do not count
        ([0.51, 0.50, 0.49, 0.50], 400, None),
        ([0.9, 0.8, None, None], 10000, None),  # one pair
    ],
)
def test_accuracies_fall_in_the_pairs_that_noise_cannot_turn(figure, accuracies, n_test, verdict):
    for model in ("network", "linearized"):
        rows = {model: [accuracies]}
        assert holds(f"{model} accuracy", figure, rows=rows, n_test=n_test) is verdict


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": "fashion_mnist"}, "fashion_mnist, not CIFAR-10"),
        ({"width": 0.125}, "width 0.125"),
        ({"rows": {"network_train": [[0.5, 0.5, 0.52, 0.9]]}, "n_train": 1000}, "in 3 of 4 tasks its training"),
    ],
)
def test_other_data_widths_and_trainings_that_did_not_learn_are_not_judged(changes, why):
    (row,) = found("network accuracy", **changes)
    assert row["holds"] is None
    assert f"not judged: {why}" in row["note"]


def test_several_seeds_decide_by_their_spread():
    rows = [[0.9, 0.8, 0.7, 0.6], [0.91, 0.81, 0.69, 0.61], [0.89, 0.8, 0.71, 0.6]]
    noisy = [[0.9, 0.8, 0.7, 0.6], [0.5, 0.9, 0.8, 0.9], [0.7, 0.6, 0.9, 0.6]]
    for seeds, verdict in ((rows, True), (noisy, None)):
        assert holds("network accuracy", rows={"network": seeds}, seeds=[0, 1, 2]) is verdict


@pytest.mark.parametrize(
    ("linearized", "n_test", "verdict"),
    [
        ([0.97, 0.9, 0.85, 0.75], 10000, True),
        ([0.75, 0.85, 0.9, 0.97], 10000, False),
        ([0.8, 0.801, 0.802, 0.799], 10000, None),  # no order in the linearization
    ],
)
def test_network_and_linearization_find_the_same_tasks_harder(linearized, n_test, verdict):
    assert holds("network and lin", rows={"linearized": [linearized]}, n_test=n_test) is verdict


@pytest.mark.parametrize(
    ("lead", "n_test", "much", "clear"),
    [
        ([0.07, 0.1, 0.15, 0.15], 10000, True, True),
        ([0.03, 0.03, 0.03, 0.03], 10000, False, True),
        ([0.005, 0.01, 0.01, 0.005], 10000, False, False),
        ([0.07, 0.1, 0.15, -0.06], 10000, False, False),  # far behind at one task
        ([0.07, 0.1, 0.15, -0.005], 10000, True, True),  # a tie at one
        ([0.06, 0.05, 0.04, 0.05], 400, None, True),
        ([0.02, 0.02, 0.01, 0.02], 400, False, None),
    ],
)
def test_how_far_the_linearization_is_ahead(lead, n_test, much, clear):
    rows = {"linearized": [np.add(FALLING, lead).tolist()]}
    assert holds("on eigenfunctions", rows=rows, n_test=n_test) is much
    assert holds("with Adam", "fig11", rows=rows, n_test=n_test) is clear
    assert holds("on MNIST the MLP", "fig12", rows=rows, n_test=n_test, data="mnist") is clear
    assert found("on MNIST the MLP", "fig12", "lenet", rows=rows) == []


def test_tasks_at_which_both_guess_say_nothing_of_a_lead():
    guess = {"network": [[0.9, 0.8, 0.5, 0.5]], "linearized": [[0.97, 0.9, 0.5, 0.5]]}
    (row,) = found("on eigenfunctions", rows=guess)
    assert (row["holds"], row["number"]) == (True, pytest.approx(0.085))
    chance = {model: [[0.5] * 4] for model in ("network", "linearized")}
    assert holds("on eigenfunctions", rows=chance) is None


def test_alignment_ranks_the_tasks_with_the_classes_among_them():
    start = "the alignment of the labels"
    assert [row["holds"] for row in found(start)] == [True, False]  # the linearization's 75 % on well aligned classes
    better = {"baseline_linearized": [0.95]}
    assert [row["holds"] for row in found(start, rows=better)] == [True, True]
    assert [row["holds"] for row in found(start, rows=better, n_test=20)] == [None, None]
    assert [row["holds"] for row in found(start, baseline_alignment=None)] == [None, None]


@pytest.mark.parametrize(
    ("gap", "n_test", "verdict"),
    [
        ([0.01, 0.05, 0.1, 0.2], 10000, True),
        ([0.2, 0.1, 0.05, 0.01], 10000, False),
        ([0.01, 0.02, 0.01, 0.02], 400, None),
    ],
)
def test_the_generalization_gap_grows_with_the_index(gap, n_test, verdict):
    for model, start in (("linearized", "the kernel's gen"), ("network", "the network overfits")):
        rows = {model: [FALLING], f"{model}_train": [np.add(FALLING, gap).tolist()]}
        assert holds(start, rows=rows, n_test=n_test) is verdict


def test_a_training_that_stopped_early_cannot_refute_overfitting():
    rows = {"network_train": [np.add(FALLING, [0.2, 0.1, 0.05, 0.01]).tolist()]}
    (row,) = found("the network overfits", rows=rows, network_final_loss=[[0.001, 0.1, 0.2, 0.3]])
    assert row["holds"] is None
    assert "not trained to the end" in row["note"]


@pytest.mark.parametrize(
    ("lead", "n_test", "verdict"),
    [([0.1, 0.1, 0, 0], 10000, True), ([0, 0, 0, -0.1], 10000, False), ([0.1, 0.02, 0.02, 0], 400, None)],
)
def test_two_tasks_on_which_the_network_is_worse(lead, n_test, verdict):
    assert holds("there are two", rows={"linearized": [np.add(FALLING, lead).tolist()]}, n_test=n_test) is verdict
    assert holds("there are two", data="digits") is None


@pytest.mark.parametrize(
    ("classes", "n_test", "verdict"),
    [([0.85, 0.75], 10000, True), ([0.75, 0.85], 10000, False), ([0.85, 0.83], 400, None), (None, 10000, None)],
)
def test_the_task_decides_who_is_ahead(classes, n_test, verdict):
    rows = dict(zip(("baseline_network", "baseline_linearized"), [[one] for one in classes or [None] * 2], strict=True))
    rows = rows if classes else dict.fromkeys(rows)
    assert holds("which of the two", rows=rows, n_test=n_test) is verdict


@pytest.mark.parametrize(
    ("network", "linearized", "verdict"),
    [
        ([10, 12, 14, 16], [50, 60, 70, 80], True),
        ([10, 12, 14, 79], [50, 60, 70, 80], False),
        ([10, 12, 14, 35], [50, 60, 70, 80], None),  # of one training, to within a factor of 1.5
        ([10, 12, 14, None], [50, 60, 70, 80], False),
        ([10, 12, 14, None], [None, None, None, None], True),
        ([60, 70, None, None], [None, None, None, None], None),
        ([None] * 4, [None] * 4, None),
    ],
)
def test_networks_reach_a_low_loss_in_half_the_epochs(network, linearized, verdict):
    curves = {"network_epochs_to_loss": [network], "linearized_epochs_to_loss": [linearized]}
    assert holds("networks converge", **curves) is verdict


@pytest.mark.parametrize(
    ("losses", "settings", "verdict"),
    [
        ([[0.001, 0.002, 0.004, 0.004]], {}, True),
        ([[0.001, 0.002, 0.004, 0.05]], {}, False),
        ([[0.001, 0.002, 0.004, 0.012]], {}, None),  # one seed: a factor of 2 is its noise
        ([[0.001] * 4, [0.002] * 4, [0.001] * 4], {"seeds": [0, 1, 2]}, True),
        ([[0.001] * 4, [0.002] * 4, [0.001, None, None, None]], {"seeds": [0, 1, 2]}, None),
        ([[0.001] * 4], {"epochs": 20}, None),
        ([[0.001] * 4], {"n_train": 4000}, None),
        ([[0.001] * 4], {"data": "mnist"}, None),
    ],
)
def test_training_losses_are_close_to_zero(losses, settings, verdict):
    assert holds("100 epochs are enough for close", network_final_loss=losses, **settings) is verdict


@pytest.mark.parametrize(
    ("halfway", "n_test", "verdict"),
    [
        ([0.97, 0.9, 0.85, 0.75], 100000, True),
        ([0.97, 0.9, 0.85, 0.65], 100000, False),
        ([0.97, 0.9, 0.85, 0.75], 400, None),
        (None, 10000, None),
    ],
)
def test_the_accuracy_of_linearizations_is_stable(halfway, n_test, verdict):
    rows = {"linearized_halfway": halfway and [halfway]}
    assert holds("100 epochs are enough for a stable", rows=rows, n_test=n_test) is verdict


@pytest.mark.parametrize(("overlap", "verdict"), [([0.78, 0.79] * 500, True), ([0.88] * 999 + [0.89], False)])
def test_a_sign_overlaps_its_eigenfunction(overlap, verdict):
    start, overlap = "an eigenfunction and its", overlap[1:]
    assert holds(start, sign_overlap=overlap) is verdict
    assert holds(start, sign_overlap=overlap, n_train=4000) is None
    assert holds(start, sign_overlap=[*np.linspace(0.4, 1.2, 50), *[0.8] * 949]) in (True, None)
    wide = [0.0, 1.6] * 499 + [0.8]  # its interval contains a bound
    assert holds(start, sign_overlap=wide) is None


def test_the_data_sets_are_whole():
    assert holds("CIFAR-10 has") is True
    assert holds("CIFAR-10 has", n_train=49999) is False
    assert holds("CIFAR-10 has", n_train=10000, all_images=False) is None
    assert holds("MNIST has", "fig12", data="mnist", n_train=60000) is True
    assert holds("MNIST has", "fig12", data="mnist", n_train=50000) is False
    assert holds("MNIST has", "fig12", data="mnist5k", n_train=4000) is None


def test_the_sizes_of_the_networks():
    def sizes(**parameters):
        nets = {net: {**CURVES, "parameters": count} for net, count in parameters.items()}
        (claim,) = (one for one in FIGURES["ortiz2021/fig2"].claims if one.statement.startswith("MLP and LeNet are"))
        return evaluate([claim], {"nets": nets})[0]["holds"]

    assert sizes(mlp=300_000, lenet=100_000, resnet18=11_000_000) is True
    assert sizes(mlp=300_000, lenet=100_000, resnet18=500_000) is False
    assert sizes(mlp=300_000) is None


def test_batch_normalization_is_deactivated():
    assert found("BatchNorm is") == []
    assert holds("BatchNorm is", net="resnet18", normalization_effect=1e-4) is True
    assert holds("BatchNorm is", net="resnet18", normalization_effect=0.5) is False


INDICES = [2, 300, 450, 550, 800, 1000]
MNIST: dict[str, Any] = {"index": INDICES, "data": "mnist", "n_train": 60000, "majority_rate": [0.5] * 6}


def crossing(linearized: list[float | None], start: str = "on MNIST the curves", net: str = "lenet", **changes: Any):
    rows = {
        "network": [[0.7] * 6],
        "linearized": [linearized],
        "network_train": [[0.9] * 6],
        "linearized_train": [[0.9] * 6],
    }
    return found(start, "fig12", net, rows, **{**MNIST, **changes})


@pytest.mark.parametrize(
    ("linearized", "number", "verdict"),
    [
        ([0.9, 0.8, 0.75, 0.65, 0.6, 0.6], 500, True),
        ([0.9, 0.65, 0.6, 0.6, 0.6, 0.6], 2 + 298 * 0.8, False),  # too early
        ([0.9, 0.8, 0.8, 0.8, 0.8, 0.8], 1000, False),  # no crossing
        ([None] * 6, None, None),
        ([0.9, 0.75, 0.71, 0.705, 0.69, 0.6], 550 + 250 / 3, None),  # within the noise
    ],
)
def test_lenets_curves_cross_around_500(linearized, number, verdict):
    (row,) = crossing(linearized)
    assert (row["holds"], row["paper"]) == (verdict, 500)
    assert row["number"] == (number and pytest.approx(number))
    assert crossing(linearized, net="mlp") == []
    assert crossing(linearized, n_train=10000)[0]["holds"] is None
    assert crossing(linearized, data="mnist5k")[0]["holds"] is None


@pytest.mark.parametrize(
    ("linearized", "verdict"),
    [
        ([0.9, 0.8, 0.75, 0.65, 0.6, 0.6], True),
        ([0.9, 0.8, 0.8, 0.8, 0.8, 0.8], False),
        ([0.9, 0.8, 0.75, 0.7, 0.68, 0.68], None),
    ],
)
def test_on_mnist_the_target_decides_who_is_ahead(linearized, verdict):
    assert crossing(linearized, "for LeNet on MNIST")[0]["holds"] is verdict
    assert crossing(linearized, "for LeNet on MNIST", epochs=20)[0]["holds"] is None


@pytest.mark.parametrize(
    ("lowest", "settings", "verdict"),
    [
        (0.65, {}, True),
        (0.55, {}, False),
        (0.6, {}, None),
        (0.65, {"epochs": 10}, None),
        (0.65, {"n_train": 2000}, None),
    ],
)
def test_the_axis_of_figure_11(lowest, settings, verdict):
    (row,) = found("accuracies with", "fig11", rows={"network": [[0.9, 0.8, 0.7, lowest]]}, **settings)
    assert (row["holds"], row["paper"]) == (verdict, 0.7)


def metrics(start: str, figure: str, net: str, rows: dict, seeds: int = 3, **changes: Any):
    by_seed = {
        name: [np.add(row, 0.01 * seed).tolist() for seed in range(seeds)] for name, row in {**METRICS, **rows}.items()
    }
    return found(start, figure, net, by_seed, seeds=list(range(seeds)), **changes)


@pytest.mark.parametrize(("figure", "net"), [("fig3", "resnet18"), ("fig13", "mlp"), ("fig14", "lenet")])
def test_training_metrics_grow_where_several_seeds_say_so(figure, net):
    for metric, row in METRICS.items():
        start = metric.replace("_", " ")
        assert metrics(start, figure, net, {})[0]["holds"] is True
        assert metrics(start, figure, net, {metric: row[::-1]})[0]["holds"] is False
        assert metrics(start, figure, net, {metric: [1.0] * 4})[0]["holds"] is None
        assert metrics(start, figure, net, {}, seeds=1)[0]["holds"] is None
    assert metrics("l2", "fig3", "resnet18", {}, data="mnist5k")[0]["holds"] is None


def test_a_loss_that_no_seed_reaches_is_slowest_and_one_that_some_do_is_left_out():
    never = {"epochs_to_target_loss": [[2, 3, 4, None], [2.1, 3.1, 4.1, None]]}
    some = {"epochs_to_target_loss": [[2, 3, None, None], [2.1, 3.1, 4.1, 1.0]]}
    (row,) = found("epochs", "fig14", "lenet", never, seeds=[0, 1])
    assert (row["holds"], row["note"]) == (True, "missing in 2 of 8 trainings; 6 of 6 pairs differ beyond noise")
    assert found("epochs", "fig14", "lenet", some, seeds=[0, 1])[0]["holds"] is None


@pytest.mark.parametrize(
    ("last", "verdict"), [((40, 7.5, 0.6), True), ((90, 15.0, 0.95), False), ((20, 5.0, 0.4), None)]
)
def test_the_axes_of_figure_14(last, verdict):
    rows = {name: [*row[:-1], end] for (name, row), end in zip(METRICS.items(), last, strict=True)}
    rows = {
        "epochs_to_target_loss": [2, 3, 4, last[0]],
        "l2_distance": [1, 2, 3, last[1]],
        "cosine_distance": [0, 0, 0, last[2]],
    }
    for start in ("LeNet's epochs", "LeNet's l2", "LeNet's cosine"):
        assert metrics(start, "fig14", "lenet", rows)[0]["holds"] is verdict
        assert metrics(start, "fig14", "lenet", rows, seeds=1)[0]["holds"] is None
        assert metrics(start, "fig14", "lenet", rows, n_train=1000)[0]["holds"] is None


def test_a_seed_that_never_reaches_the_loss_is_not_left_out_of_the_axis_of_figure_14():
    never = {"epochs_to_target_loss": [[2, 3, 4, 40], [2, 3, 4, 41], [2, 3, 4, None]]}
    assert found("LeNet's epochs", "fig14", "lenet", never, seeds=[0, 1, 2])[0]["holds"] is None


@pytest.mark.parametrize("figure", ["fig2", "fig11", "fig12"])
def test_the_paper_trains_100_epochs_and_on_cifar2_200(figure):
    for config in load_figure_preset(FIGURES[f"ortiz2021/{figure}"], "paper").configs:
        assert isinstance(config, EigentasksConfig)
        recipes = [config.resolved().recipe.epochs, config.resolved().baseline_recipe.epochs]
        assert recipes == [100, 200 if config.data == "cifar10" else 100]
