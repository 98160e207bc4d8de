from typing import Any

import numpy as np
import pytest

from ntk_repro.eigentasks import EigentasksConfig
from ntk_repro.papers import FIGURES, evaluate
from ntk_repro.papers.presets import load_figure_preset
from tests.papers.ortiz2021.verdicts import SGD

FALLING = [0.9, 0.8, 0.7, 0.6]
CURVES: dict[str, Any] = {
    "index": [2, 11, 51, 101], "seeds": [0], "data": "cifar10", "width": 1.0, "residual_scale_init": 0.0,
    "n_train": 50000, "n_test": 10000, "epochs": 100, "baseline_epochs": 200, **SGD, "majority_rate": [0.5] * 4,
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


SETTINGS = {"fig11": {"optimizer": "adam", "learning_rate": 1e-3}, "fig12": {"data": "mnist", "n_train": 60000}}


def found(
    start: str, figure: str = "fig2", net: str = "mlp", rows: dict | None = None, noise: float = 0, **changes: Any
):
    """The verdicts of the claim whose statement begins so, on one network.

    `rows` replace accuracies by seed; with noise there are three seeds that far apart, in network and linearization
    independently.
    """
    by_seed = {name: row for name, row in {**CURVES["by_seed"], **(rows or {})}.items() if row is not None}
    settings = {**CURVES, **SETTINGS.get(figure, {}), **changes}
    if noise:
        shifts = {name: (0, 1, -1) if "linearized" in name else (1, 0, -1) for name in by_seed}
        by_seed = {
            name: [(np.array(row[0], float) + noise * shift).tolist() for shift in shifts[name]]
            for name, row in by_seed.items()
        }
        settings["seeds"] = [0, 1, 2]
    numbers = {"data_label": "a JPEG copy", "nets": {net: {**settings, "by_seed": by_seed}}}
    (claim,) = (claim for claim in FIGURES[f"ortiz2021/{figure}"].claims if claim.statement.startswith(start))
    return evaluate([claim], numbers)


def holds(*arguments: Any, **options: Any) -> bool | None:
    (row,) = found(*arguments, **options)
    return row["holds"]


@pytest.mark.parametrize("figure", ["fig2", "fig11", "fig12"])
@pytest.mark.parametrize(
    ("accuracies", "noise", "verdict"),
    [
        (FALLING, 0, True),
        (FALLING[::-1], 0, False),
        ([0.9, 0.8, 0.7, 0.85], 0, False),  # four of six pairs in order
        ([0.9, 0.8, 0.7, 0.702], 0, True),  # the last two differ by noise only, and do not count
        ([0.51, 0.50, 0.49, 0.50], 0.01, None),
        ([0.9, 0.8, None, None], 0, None),  # one pair
    ],
)
def test_accuracies_fall_in_the_pairs_that_noise_cannot_turn(figure, accuracies, noise, verdict):
    for model in ("network", "linearized"):
        rows = {model: [accuracies]}
        assert holds(f"{model} accuracy", figure, rows=rows, noise=noise) is verdict


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": "mnist"}, "data mnist (the paper: cifar10)"),
        ({"n_train": 10000}, "training images 10,000 (the paper: 50,000)"),
        ({"n_test": 2000}, "test images 2,000 (the paper: 10,000)"),
        ({"epochs": 50}, "epochs 50 (the paper: 100)"),
        ({"optimizer": "adam"}, "optimizer adam (the paper: sgd)"),
        ({"schedule": "constant"}, "schedule constant (the paper: linear)"),
        ({"learning_rate": 0.01}, "learning rate 0.01 (the paper: 0.05)"),
        ({"momentum": 0.0}, "momentum 0.0 (the paper: 0.9)"),
        ({"batch_size": 32}, "batch size 32 (the paper: 128)"),
        ({"width": 0.125}, "width 0.125 (the paper: 1)"),
        ({"net": "resnet18", "residual_scale_init": 1.0}, "residual scale 1.0 (the paper: 0)"),
        ({"net": "mine"}, "mine is none of the paper's networks"),
        ({"rows": {"network_train": [[0.5, 0.5, 0.501, 0.9]]}}, "in 3 of 4 tasks its training"),
    ],
)
@pytest.mark.parametrize("accuracies", [FALLING, FALLING[::-1]])
def test_other_settings_and_trainings_that_did_not_learn_are_not_judged_in_either_direction(changes, why, accuracies):
    rows = {"network": [accuracies], **changes.get("rows", {})}
    (row,) = found("network accuracy", **{**changes, "rows": rows})
    assert row["holds"] is None
    assert why in row["unless"]


def test_figure_11_is_about_adam_at_any_learning_rate():
    for start in ("network accuracy", "linearized accuracy", "network and lin", "with Adam"):
        assert holds(start, "fig11") is True
        assert holds(start, "fig11", learning_rate=0.1) is True
        assert holds(start, "fig11", optimizer="sgd") is None
        assert holds(start, "fig11", batch_size=32) is None


def test_figure_12_is_about_all_of_mnist_alone():
    assert holds("network accuracy", "fig12", "lenet") is True
    for other in ({"data": "cifar10", "n_train": 50000}, {"n_train": 10000}, {"data": "mnist5k"}, {"epochs": 20}):
        assert holds("network accuracy", "fig12", "lenet", **other) is None


def test_several_seeds_decide_by_their_spread():
    rows = [[0.9, 0.8, 0.7, 0.6], [0.91, 0.81, 0.69, 0.61], [0.89, 0.8, 0.71, 0.6]]
    noisy = [[0.9, 0.8, 0.7, 0.6], [0.5, 0.9, 0.8, 0.9], [0.7, 0.6, 0.9, 0.6]]
    for seeds, verdict in ((rows, True), (noisy, None)):
        assert holds("network accuracy", rows={"network": seeds}, seeds=[0, 1, 2]) is verdict


@pytest.mark.parametrize(
    ("linearized", "verdict"),
    [
        ([0.97, 0.9, 0.85, 0.75], True),
        ([0.75, 0.85, 0.9, 0.97], False),
        ([0.8, 0.801, 0.802, 0.799], None),  # no order in the linearization
    ],
)
@pytest.mark.parametrize("figure", ["fig2", "fig11", "fig12"])
def test_network_and_linearization_find_the_same_tasks_harder(figure, linearized, verdict):
    assert holds("network and lin", figure, rows={"linearized": [linearized]}) is verdict


@pytest.mark.parametrize(
    ("lead", "noise", "much", "clear"),
    [
        ([0.07, 0.1, 0.15, 0.15], 0, True, True),
        ([0.03, 0.03, 0.03, 0.03], 0, False, True),
        ([0.005, 0.01, 0.01, 0.005], 0, False, False),
        ([0.07, 0.1, 0.15, -0.06], 0, True, True),  # behind at one task, which is not what the paper speaks of
        ([0.07, 0.1, 0.15, -0.3], 0, False, False),
        ([0.07, 0.06, 0.06, 0.07], 0.01, None, True),
        ([0.01, 0.0, 0.01, 0.0], 0.01, False, None),
    ],
)
def test_how_far_the_linearization_is_ahead(lead, noise, much, clear):
    rows = {"linearized": [np.add(FALLING, lead).tolist()]}
    assert holds("on eigenfunctions", rows=rows, noise=noise) is much
    assert holds("with Adam", "fig11", rows=rows, noise=noise) is clear
    assert holds("on MNIST the MLP", "fig12", rows=rows, noise=noise) is clear
    assert found("on MNIST the MLP", "fig12", "lenet", rows=rows) == []


def test_tasks_at_which_both_guess_say_nothing_of_a_lead():
    guess = {"network": [[0.9, 0.8, 0.5, 0.5]], "linearized": [[0.97, 0.9, 0.5, 0.5]]}
    (row,) = found("on eigenfunctions", rows=guess)
    assert (row["holds"], row["number"]) == (True, pytest.approx(0.085))
    chance = {model: [[0.5] * 4] for model in ("network", "linearized")}
    assert holds("on eigenfunctions", rows=chance) is None


def test_alignment_ranks_the_tasks_with_the_classes_among_them():
    start = "the alignment of the labels"
    assert [row["holds"] for row in found(start)] == [True, False]  # the linearization's 75% on well aligned classes
    better = {"baseline_linearized": [0.95]}
    assert [row["holds"] for row in found(start, rows=better)] == [True, True]
    assert [row["holds"] for row in found(start, rows=better, noise=0.1)] == [None, None]
    assert [row["holds"] for row in found(start, baseline_alignment=None)] == [None, None]
    assert [row["holds"] for row in found(start, rows=better, baseline_epochs=100)] == [None, None]


def test_the_classes_are_out_of_order_even_where_all_eigenfunctions_are_in_it():
    """Of 18 tasks and the classes, 162 of 171 pairs are in order; of the classes' own, 9 of 18."""
    values = np.linspace(0.99, 0.6, 18)
    tasks: dict[str, Any] = {"index": [*range(2, 20)], "alignment": np.linspace(18, 1, 18).tolist()}
    tasks |= {"majority_rate": [0.5] * 18, "baseline_alignment": 20.0}
    rows = {f"{model}{part}": [values.tolist()] for model in ("network", "linearized") for part in ("", "_train")}
    rows |= {f"baseline_{model}": [float(values[8] + values[9]) / 2] for model in ("network", "linearized")}
    assert [row["holds"] for row in found("the alignment of the labels", rows=rows, **tasks)] == [False, False]
    best = {f"baseline_{model}": [1.0] for model in ("network", "linearized")}
    assert [row["holds"] for row in found("the alignment of the labels", rows=rows | best, **tasks)] == [True, True]
    unordered = {f"{model}": [values[::-1].tolist()] for model in ("network", "linearized")}
    rows |= best | unordered
    assert [row["holds"] for row in found("the alignment of the labels", rows=rows, **tasks)] == [False, False]


@pytest.mark.parametrize(
    ("gap", "noise", "verdict"),
    [
        ([0.01, 0.05, 0.1, 0.2], 0, True),
        ([0.2, 0.1, 0.05, 0.01], 0, False),
        ([0.01, 0.02, 0.01, 0.02], 0.01, None),
    ],
)
def test_the_generalization_gap_grows_with_the_index(gap, noise, verdict):
    for model, start in (("linearized", "the kernel's gen"), ("network", "the network overfits")):
        rows = {model: [FALLING], f"{model}_train": [np.add(FALLING, gap).tolist()]}
        assert holds(start, rows=rows, noise=noise) is verdict


@pytest.mark.parametrize(
    ("lead", "noise", "verdict"),
    [([0.1, 0.1, 0, 0], 0, True), ([-0.1] * 4, 0, False), ([0.1, -0.1, -0.1, -0.1], 0, False),
     ([0.1, 0.02, 0.02, 0], 0.01, None)],
)  # fmt: skip
def test_two_tasks_on_which_the_network_is_worse(lead, noise, verdict):
    start, rows = "there are two", {"linearized": [np.add(FALLING, lead).tolist()]}
    one = holds(start, rows=rows, noise=noise)
    assert one is (None if verdict is False else verdict)  # another network may have them
    if noise:
        return
    curves = {**CURVES, "by_seed": {**CURVES["by_seed"], **rows}}
    behind = {**CURVES, "by_seed": {**CURVES["by_seed"], "linearized": [np.subtract(FALLING, 0.05).tolist()]}}
    (claim,) = (claim for claim in FIGURES["ortiz2021/fig2"].claims if claim.statement.startswith(start))
    nets = {"mlp": curves, "lenet": behind, "resnet18": behind}
    assert evaluate([claim], {"nets": nets})[0]["holds"] is verdict
    nets["resnet18"] = {**behind, "width": 0.125}
    assert evaluate([claim], {"nets": nets})[0]["holds"] is (True if verdict else None)
    assert holds(start, data="digits") is None


@pytest.mark.parametrize(
    ("classes", "noise", "verdict"),
    [([0.85, 0.75], 0, True), ([0.85, 0.82], 0, False), ([0.75, 0.85], 0, False), ([0.85, 0.8], 0, None),
     (None, 0, None)],
)  # fmt: skip
def test_the_task_decides_who_is_far_ahead(classes, noise, verdict):
    rows = dict(zip(("baseline_network", "baseline_linearized"), [[one] for one in classes or [None] * 2], strict=True))
    rows = rows if classes else dict.fromkeys(rows)
    rows = {**rows, "linearized": [np.add(FALLING, [0.09, 0.1, 0.1, 0.1]).tolist()]}
    assert holds("which of the two", rows=rows, noise=noise) is verdict
    assert holds("which of the two", rows=rows, noise=noise, baseline_epochs=100) is None


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
    ("halfway", "noise", "verdict"),
    [
        ([0.97, 0.9, 0.85, 0.75], 0, True),
        ([0.97, 0.9, 0.85, 0.65], 0, False),
        ([0.97, 0.9, 0.85, 0.736], 0, None),  # 1.4 points, to within the noise of the test images
        ([0.97, 0.9, 0.85, 0.75], 0.02, True),  # seeds differ, but none changes
        (None, 0, None),
    ],
)
def test_the_accuracy_of_linearizations_is_stable(halfway, noise, verdict):
    rows = {"linearized_halfway": halfway and [halfway]}
    assert holds("100 epochs are enough for a stable", rows=rows, noise=noise) is verdict


@pytest.mark.parametrize(
    ("halves", "verdict"), [([0.0, 0.02, -0.02], None), ([0.04, 0.05, 0.06], None), ([0.05, 0.0501, 0.05], False)]
)
def test_one_task_of_many_refutes_stability_where_the_choice_among_them_cannot(halves, verdict):
    end = CURVES["by_seed"]["linearized"][0]
    rows = {"linearized": [end] * 3, "linearized_halfway": [[*end[:3], end[3] - half] for half in halves]}
    assert holds("100 epochs are enough for a stable", rows=rows, seeds=[0, 1, 2]) is verdict


@pytest.mark.parametrize(("overlap", "verdict"), [([0.78, 0.79] * 500, True), ([0.88] * 999 + [0.89], False)])
def test_a_sign_overlaps_its_eigenfunction(overlap, verdict):
    start, overlap = "an eigenfunction and its", overlap[1:]
    assert holds(start, sign_overlap=overlap) is verdict
    assert holds(start, sign_overlap=overlap, n_train=4000) is None
    assert holds(start, sign_overlap=overlap[:-1]) is None
    assert holds(start, sign_overlap=overlap, epochs=20) is verdict  # before training
    assert holds(start, sign_overlap=[*np.linspace(0.4, 1.2, 50), *[0.8] * 949]) is None  # up to 0.803
    wide = [0.0, 1.6] * 499 + [0.8]  # its interval contains a bound
    assert holds(start, sign_overlap=wide) is None


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
    for effect in (1e-4, 0.5):
        for other in ({"width": 0.125}, {"residual_scale_init": 1.0}):
            assert holds("BatchNorm is", net="resnet18", normalization_effect=effect, **other) is None


INDICES = [2, 300, 450, 550, 800, 1000]
MNIST: dict[str, Any] = {"index": INDICES, "majority_rate": [0.5] * 6}


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
        ([0.6, 0.6, 0.65, 0.75, 0.8, 0.9], 500, True),  # in the other direction
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
        (0.65, {"baseline_epochs": 100}, None),
    ],
)
def test_the_axis_of_figure_11(lowest, settings, verdict):
    (row,) = found("accuracies with", "fig11", rows={"network": [[0.9, 0.8, 0.7, lowest]]}, **settings)
    assert (row["holds"], row["paper"]) == (verdict, 0.7)


def test_the_axis_of_figure_11_has_the_baseline():
    rows: dict[str, Any] = {"network": [[0.9, 0.85, 0.8, 0.85]], "linearized": [[0.9, 0.85, 0.85, 0.9]]}
    for baseline, verdict in (([0.65], True), ([0.55], False)):
        (row,) = found("accuracies with", "fig11", rows={**rows, "baseline_network": baseline})
        assert (row["holds"], row["number"]) == (verdict, pytest.approx(baseline[0]))
    assert holds("accuracies with", "fig11", rows={**rows, "baseline_network": None}) is None


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


def test_printed_numbers_on_a_copy_of_the_images_name_it():
    rows = {name: [[1.0, 2.0, 3.0, 4.0]] for name in METRICS}
    for start, figure, net in (
        ("an eigenfunction and its", "fig2", "mlp"),
        ("accuracies with", "fig11", "mlp"),
        ("LeNet's epochs", "fig14", "lenet"),
    ):
        (row,) = found(start, figure, net, rows)
        assert "a JPEG copy" in row["note"]
