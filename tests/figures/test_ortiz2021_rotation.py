from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from ntk_repro.plot import percent_axis
from ntk_repro.record import RunFolder
from ntk_repro.rotation import cifar2, pretrained, tracking
from tests.figures.scripts import drawn_without_jax, kept_run, verdicts


def finished(root, study, config, n_test=20, **arrays) -> RunFolder:
    provenance = {"label": "MNIST (5,000 digits)", "n_train": 80, "n_test": n_test}
    return kept_run(f"rotation_{study}", config, root, provenance, arrays)


def tracked(root, net="lenet", seed=0, **settings) -> RunFolder:
    """Energies 0.2, 0.4, 0.6 (and 0.01 more a seed); the alignment of the third eigenfunction of four grows most."""
    config = tracking.Config(net=net, seed=seed, **{"epochs": 5, "track": (1,), "num_eigenfunctions": 4, **settings})
    rows = 3 if config.epochs else 1
    energy = np.array([0.2, 0.4, 0.6])[:rows] + 0.01 * seed
    growth = np.array([[1.0, 1, 1, 1], [2, 2, 8, 2], [2, 2, 10, 3]])[:rows]
    return finished(
        root,
        "tracking",
        config,
        epochs=np.array([0, 1, 5])[:rows],
        energy_concentration=energy,
        energy_by_images=np.stack([energy + 0.1, energy], axis=1),
        images=[40, 80],
        kernel_cosine_distance=np.array([0, 0.1, 0.3])[:rows],
        mean_squared_gradient_norm=np.array([3.0, 6, 9])[:rows],
        label_alignment=np.array([1.0, 4, 20])[:rows],
        network_test_accuracy=np.array([0.5, 0.7, 0.8])[:rows],
        network_train_accuracy=np.array([0.5, 0.8, 1.0])[:rows],
        alignment=growth * np.array([0.8, 0.4, 0.2, 0.1]),
    )


def sized(root, net="mlp", seed=0, **settings) -> RunFolder:
    return finished(
        root,
        "cifar2",
        cifar2.Config(net=net, seed=seed, sizes=(128, 256, 512), **{"epochs": 10, **settings}),
        size=[128, 256, 512],
        network_test_accuracy=np.array([0.6, 0.7, 0.85]) + 0.02 * seed,
        linearized_test_accuracy=[0.6, 0.65, 0.7],
        network_distance=[1.0, 2, 3],
        linearized_distance=[1.5, 2, 2.5],
        approximation_error=np.array([0.1, 0.2, 0.4]) + 0.01 * seed,
        curve_epochs=[0, 2, 8, 9, 10],
        network_curve=[[0.5, 0.7, 0.6, 0.6, 0.6]] * 3,
        linearized_curve=[[0.5, 0.58, 0.59, 0.6, 0.59]] * 3,
        network_loss=[[0.5] * 4 + [0.01] * 6] * 3,
        linearized_loss=[[0.5] * 10] * 3,
        majority_rate=0.52,
    )


def linearized(root, net="resnet18", index: int | None = 400, seed=0) -> RunFolder:
    accuracies = np.array([0.9, 0.8, 0.7]) if index else np.array([0.6, 0.7, 0.75])
    losses = np.array([[0.6, 0.5, 0.4], [0.4, 0.2, 0.1], [0.2, 0.1, 0.05]])
    return finished(
        root,
        "pretrained",
        pretrained.Config(net=net, index=index, seed=seed, epochs=3, linearize_at=(1,), width=0.125),
        n_test=1000,
        epochs=[0, 1, 3],
        linearized_test_accuracy=np.stack([accuracies, accuracies - 0.01], axis=1),
        linearized_loss=np.stack([losses, losses / 2], axis=1),
        network_loss=[0.5, 0.2, 0.1],
        network_test_accuracy=0.72,
        eta_over_critical=[0.1, 1.0, 2.0],
        label_alignment=[1.0, 4.0, 20.0],
        mean_squared_gradient_norm=[1.0, 2.0, 4.0],
        majority_rate=0.52,
    )


def judged(figure, plotted):
    """The verdicts, as if on CIFAR-10."""
    return [row["holds"] for row in verdicts(f"ortiz2021/{figure}", {**plotted, "data": "cifar10"})]


def test_figure_5_plots_the_mean_of_the_seeds(tmp_path, numbers):
    runs = [sized(tmp_path, seed=s) for s in (0, 1)] + [sized(tmp_path, "lenet")]
    plotted = numbers("ortiz2021/fig5", *runs)
    assert list(plotted["nets"]) == ["mlp", "lenet"]
    mlp = plotted["nets"]["mlp"]
    assert mlp["size"] == [128, 256, 512]
    assert mlp["network_accuracy"] == pytest.approx([0.61, 0.71, 0.86])
    assert mlp["network_accuracy_std"] == pytest.approx([np.std([0, 0.02], ddof=1)] * 3)
    assert mlp["linearized_distance"] == [1.5, 2, 2.5]
    assert (mlp["epochs"], mlp["n_test"], mlp["approximation_error"]) == (10, 20, pytest.approx([0.105, 0.205, 0.405]))
    assert mlp["lead"][2] == pytest.approx([0.15, 0.17])  # of each seed
    assert mlp["network_epochs_to_loss"] == [[5, 5]] * 3
    assert mlp["linearized_epochs_to_loss"] == [[None, None]] * 3
    assert mlp["network_below_best"][0] == pytest.approx([0.1, 0.1])
    assert mlp["network_from_late"][0] == pytest.approx([0, 0])
    assert (mlp["network_epochs_to_best"][0], mlp["linearized_epochs_to_best"][0]) == ([2, 2], [8, 8])
    assert judged("fig5", plotted)


def test_networks_of_figure_5_grow_in_distance_and_error(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig5", *[sized(tmp_path, seed=s, epochs=200) for s in (0, 1)])
    rows = verdicts("ortiz2021/fig5", {**plotted, "data": "cifar10"})
    assert [row["holds"] for row in rows if "grows with the training-set size" in row["statement"]] == [True, True]


def test_figure_6_plots_what_was_tracked(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig6", *[tracked(tmp_path, seed=s) for s in (0, 1)])
    lenet = plotted["nets"]["lenet"]
    assert (lenet["epochs"], lenet["top"], lenet["images"]) == ([0, 1, 5], 50, 80)
    assert lenet["energy_concentration"] == pytest.approx([0.205, 0.405, 0.605])
    assert lenet["kernel_cosine_distance"] == [0, 0.1, 0.3]
    assert judged("fig6", plotted) == [None, None]
    lenet |= {"n_train": 50000, "images": 12000, "epochs": [0, 1, 200]}
    assert judged("fig6", plotted) == [True, None]


@pytest.mark.slow
@pytest.mark.parametrize("script", ["fig7", "fig15", "fig16"])
def test_alignments_are_on_the_papers_scale(script, tmp_path, numbers):
    runs = [tracked(tmp_path, index=i) for i in (3, 2)]
    plotted = numbers(f"ortiz2021/{script}", *runs)
    assert list(plotted["nets"]["lenet"]) == ["2", "3"]
    panel = plotted["nets"]["lenet"]["3"]
    assert panel["alignment_before"] == pytest.approx([80, 40, 20, 10])
    assert panel["alignment_after"] == pytest.approx([160, 80, 200, 30])
    assert panel["growth"] == [pytest.approx([2, 2, 10, 3])]
    assert (panel["gradient_norm_growth"], panel["label_growth"]) == ([3], [20])
    assert (panel["energy_before"], panel["energy_after"]) == ([0.2], [0.6])
    assert (panel["n_train"], panel["n_test"], panel["epochs"]) == (80, 20, 5)
    assert (panel["smallest_after"], panel["largest_after"]) == ([pytest.approx(30)], [pytest.approx(200)])
    assert judged(script, plotted)


@pytest.mark.slow
def test_seeds_of_a_task_decide_whether_its_alignment_spikes(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig7", *[tracked(tmp_path, index=i, seed=s) for i in (3, 2) for s in (0, 1)])
    for panel in plotted["nets"]["lenet"].values():
        panel |= {"n_train": 50000, "n_test": 10000, "epochs": 100}
    assert judged("fig7", plotted)[:2] == [False, True]  # the second did not grow most, the third did


@pytest.mark.slow
def test_figure_8_shows_the_usual_linearization_and_the_last_unbiased_one(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig8", *[linearized(tmp_path)])
    (task,) = plotted["tasks"]
    assert (task["net"], task["index"], task["width"]) == ("resnet18", 400, 0.125)
    assert task["initial_loss"] == [0.6, 0.5, 0.4]
    assert task["pretrained_loss"] == [0.1, 0.05, 0.025]
    assert [task[f"{m}_accuracy"] for m in ("network", "initial", "pretrained")] == pytest.approx([0.72, 0.9, 0.69])
    assert task["n_test"] == 1000
    assert task["initial_accuracy_by_seed"] == [0.9]
    assert (task["network_epochs_to_loss"], task["pretrained_epochs_to_loss"]) == ([None], [None])
    assert (task["initial_eta_over_critical"], task["pretrained_eta_over_critical"]) == (0.1, 2.0)
    assert judged("fig8", plotted) == [None] * 5  # width


def test_figure_9_has_a_panel_for_each_task(tmp_path, numbers):
    runs = [linearized(tmp_path, "mlp", None), linearized(tmp_path, "mlp"), linearized(tmp_path, "mlp", seed=1)]
    plotted = numbers("ortiz2021/fig9", *runs)
    assert [(task["index"], task["seeds"]) for task in plotted["tasks"]] == [(400, [0, 1]), (None, [0])]
    assert plotted["tasks"][0]["biased_accuracy"] == pytest.approx([0.9, 0.8, 0.7])
    assert plotted["tasks"][0]["unbiased_accuracy_std"] == [0, 0, 0]
    assert [task["n_test"] for task in plotted["tasks"]] == [1000, 1000]
    assert plotted["tasks"][0]["biased_loss"] == [0.4, 0.1, 0.05]
    assert plotted["tasks"][0]["unbiased_loss"] == [0.2, 0.05, 0.025]
    assert plotted["tasks"][0]["unbiased_accuracy_by_seed"] == [pytest.approx([0.89, 0.79, 0.69])] * 2
    assert plotted["tasks"][0]["network_accuracy_by_seed"] == [0.72, 0.72]
    assert plotted["tasks"][0]["label_alignment"] == [1, 4, 20]
    assert plotted["tasks"][0]["gradient_norm"] == [1, 2, 4]
    assert judged("fig9", plotted)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.935, 0.945, ["93.5%", "94%", "94.5%"]),
        (0.07, 0.29, ["7%", "18%", "29%"]),
        (0, 1, ["0%", "50%", "100%"]),
        (0.9, 1.1, ["90%", "100%", ""]),
    ],
)
def test_two_labels_of_per_cent_are_never_the_same(low, high, labels):
    ax = Figure().subplots()
    percent_axis(ax)
    ax.set_yticks([low, (low + high) / 2, high])
    assert [text.get_text() for text in ax.get_yticklabels()] == labels


def test_table_1_takes_starts_from_all_runs_and_ends_from_those_trained(tmp_path, numbers):
    untrained: dict[str, Any] = {"epochs": 0, "track": None}
    runs = [tracked(tmp_path), tracked(tmp_path, seed=1, **untrained), tracked(tmp_path, seed=2, **untrained)]
    runs += [tracked(tmp_path, "resnet18", residual_scale_init=scale, **untrained) for scale in (0.0, 1.0)]
    lenet, *resnets = numbers("ortiz2021/table1", *runs)["columns"]
    assert (lenet["net"], lenet["init_seeds"], lenet["end_seeds"], lenet["images"]) == ("lenet", 3, 1, 80)
    assert (lenet["energy_init"], lenet["energy_init_std"]) == (pytest.approx(0.21), pytest.approx(0.01))
    assert (lenet["energy_end"], lenet["test_accuracy"]) == (0.6, 0.8)
    assert (lenet["epochs"], lenet["train_images"], lenet["optimizer"], lenet["momentum"]) == (5, 80, "sgd", 0.9)
    assert (lenet["trend_images"], lenet["trend_energy"]) == ([40, 80], pytest.approx([0.31, 0.21]))
    assert [column["residual_scale_init"] for column in resnets] == [0, 1]
    assert [(column["energy_end"], column["epochs"]) for column in resnets] == [(None, None)] * 2


@pytest.mark.slow
def test_drawing_loads_no_jax(tmp_path):
    assert drawn_without_jax(tmp_path, ("ortiz2021/table1", tracked(tmp_path)))
