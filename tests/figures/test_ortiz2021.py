from pathlib import Path

import numpy as np
import pytest

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import by_net, net_names, settings, settings_of_panels
from ntk_repro.record import run_folder
from tests.figures.scripts import draw, drawn_without_jax
from tests.finished_run import INDICES, finished_run


@pytest.mark.slow
def test_figure_2_plots_what_the_runs_hold(tmp_path, numbers):
    runs = [finished_run(tmp_path, net) for net in ("lenet", "mlp")]
    plotted = numbers("ortiz2021/fig2", *runs)
    assert (plotted["preset"], plotted["data"]) == ("quick", "mnist5k")
    assert list(plotted["nets"]) == ["mlp", "lenet"]
    mlp = plotted["nets"]["mlp"]
    assert mlp["index"] == list(INDICES)
    assert mlp["network_accuracy"] == [0.95, 0.85, 0.75, 0.65]
    assert mlp["linearized_accuracy"] == pytest.approx([0.98 - 0.002 * i for i in INDICES])
    assert mlp["baseline_accuracy"] == pytest.approx(0.93)
    assert len(mlp["all_linearized_accuracy"]) == 100
    assert (mlp["n_train"], mlp["n_test"], mlp["epochs"], mlp["baseline_epochs"]) == (4000, 1000, 20, 20)
    assert [mlp[name] for name in ("optimizer", "schedule", "learning_rate", "batch_size")] == [
        "sgd",
        "linear",
        0.05,
        128,
    ]
    assert mlp["by_seed"]["network"] == [mlp["network_accuracy"]]
    assert mlp["by_seed"]["baseline_network"] == [pytest.approx(0.93)]
    assert mlp["network_epochs_to_loss"] == [[3, 5, 9, None]]
    assert (mlp["alignment"], mlp["baseline_alignment"]) == (pytest.approx([1 / i for i in INDICES]), 0.4)
    assert (len(mlp["sign_overlap"]), mlp["parameters"], mlp["normalization_effect"]) == (100, 317_501, None)


def test_a_panel_names_adam(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig11", finished_run(tmp_path, optimizer="adam", learning_rate=1e-3))
    mlp = plotted["nets"]["mlp"]
    assert (mlp["optimizer"], mlp["learning_rate"]) == ("adam", 1e-3)


def test_two_versions_of_a_network_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = []
    for size in (4, 5):
        Path("mine.py").write_text(f"import flax.linen as nn\n\nclass Net(nn.Dense):\n    features: int = {size}\n")
        runs.append(finished_run(tmp_path, "mine.py:Net"))
    first, second = (run.config["net"].removeprefix("mine.py:") for run in runs)
    assert first != second
    assert by_net(runs, "eigentasks") == {first: runs[:1], second: runs[1:]}
    assert list(by_net(runs[:1], "eigentasks")) == ["Net"]
    assert list(by_net(runs[:1], "eigentasks", net_names(runs))) == [first]
    assert [net_title(net) for net in (first, f"mine.py:{first}")] == [first, "Net"]


def curves(figure, runs, net="mlp"):
    return draw(f"ortiz2021/{figure}", runs).numbers["nets"][net]


def test_figure_2_averages_over_seeds_and_saves_their_spread(tmp_path):
    runs = [finished_run(tmp_path, seed=s, network=[0.9 + 0.02 * s, 0.8, 0.7, 0.6]) for s in (0, 1)]
    mlp = curves("fig2", runs)
    assert mlp["network_accuracy"][0] == pytest.approx(0.91)
    assert mlp["network_accuracy_std"] == pytest.approx([np.std([0.9, 0.92], ddof=1), 0, 0, 0])
    assert mlp["baseline_accuracy"] == pytest.approx(0.935)
    assert mlp["seeds"] == [0, 1]


def test_figure_2_without_a_baseline_says_so(tmp_path):
    plotted = curves("fig2", [finished_run(tmp_path, baseline=False)])
    assert plotted["baseline_accuracy"] is plotted["baseline_alignment"] is None
    assert "baseline_network" not in plotted["by_seed"]


@pytest.mark.slow
@pytest.mark.parametrize(("script", "net"), [("fig3", "resnet18"), ("fig13", "mlp"), ("fig14", "lenet")])
def test_training_metrics_are_plotted_and_a_loss_never_reached_is_null(tmp_path, script, net, numbers):
    plotted = numbers(f"ortiz2021/{script}", finished_run(tmp_path, net))["nets"][net]
    assert plotted["epochs_to_target_loss"] == [3, 5, 9, None]
    assert plotted["l2_distance"] == [1, 2, 4, 8]
    assert plotted["cosine_distance"] == [0.1, 0.2, 0.3, 0.4]


def test_a_seed_without_a_number_is_left_out_of_the_mean_and_counted(tmp_path):
    runs = [
        finished_run(tmp_path, seed=s, epochs_to=[2, 4, at, np.nan], l2_distance=[1, 2, moved, np.nan])
        for s, at, moved in ((0, 6, 4), (1, 10, 6), (2, np.nan, np.nan))
    ]
    metrics = curves("fig13", runs)
    np.testing.assert_array_equal(metrics["epochs_to_target_loss"], [2, 4, 8, np.nan])
    assert metrics["epochs_to_target_loss_seeds"].tolist() == [3, 3, 2, 0]
    np.testing.assert_array_equal(
        metrics["by_seed"]["l2_distance"], [[1, 2, 4, np.nan], [1, 2, 6, np.nan], [1, 2, np.nan, np.nan]]
    )
    np.testing.assert_allclose(metrics["epochs_to_target_loss_std"], [0, 0, 8**0.5, np.nan])
    np.testing.assert_array_equal(metrics["l2_distance"], [1, 2, 5, np.nan])
    accuracies = ([0.9, 0.8, 0.7, 0.6], [0.8, 0.8, 0.7, np.nan])
    runs = [finished_run(tmp_path / "2", seed=s, network=network) for s, network in enumerate(accuracies)]
    mlp = curves("fig2", runs)
    assert mlp["network_accuracy"] == pytest.approx([0.85, 0.8, 0.7, 0.6])
    assert mlp["network_accuracy_seeds"].tolist() == [2, 2, 2, 1]


def test_only_epochs_have_a_mark_for_never(tmp_path):
    run = finished_run(tmp_path, epochs_to=[2, 4, 6, np.nan], l2_distance=[1, 2, 3, np.nan])
    epochs, l2, cosine = draw("ortiz2021/training_metrics", [run]).picture.axes
    assert [line.get_marker() for line in epochs.lines] == ["o", "^"]
    assert [line.get_marker() for line in (*l2.lines, *cosine.lines)] == ["o", "o"]
    notes = [ax.get_xlabel().split("\n")[1:] for ax in (epochs, l2, cosine)]
    assert notes == [["(△ not within 20 epochs)"], ["(diverged at 1 of 4 indices)"], []]


def test_settings_that_are_not_the_papers_are_named(tmp_path):
    usual = "4,000 + 1,000 images, 20 epochs"
    assert settings([finished_run(tmp_path, "resnet18")]) == usual
    unusual = finished_run(tmp_path, "resnet18", batch_size=32, residual_scale_init=1.0)
    assert settings([unusual]) == f"{usual}, batches of 32, residual scale 1"


def test_settings_that_all_panels_share_are_named_once(tmp_path):
    narrow = finished_run(tmp_path, "resnet18", width=0.125, batch_size=32)
    shared, own = settings_of_panels([[finished_run(tmp_path)], [narrow]])
    assert shared == "4,000 + 1,000 images, 20 epochs"
    assert own == ["", "width ×1/8, batches of 32"]


def test_a_result_is_read_once(tmp_path, monkeypatch):
    reads = []
    real = run_folder.load_arrays
    monkeypatch.setattr(run_folder, "load_arrays", lambda path: (reads.append(path), real(path))[1])
    draw("ortiz2021/training_metrics", [finished_run(tmp_path)])
    assert len(reads) == 1


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(tmp_path, numbers):
    run = finished_run(tmp_path)
    for out in ("a", "b"):
        numbers("ortiz2021/fig2", run, out=tmp_path / out)
    for ending in ("png", "pdf", "json"):
        first, second = ((tmp_path / out / f"ortiz2021_fig2.{ending}").read_bytes() for out in ("a", "b"))
        assert first == second


@pytest.mark.slow
def test_drawing_loads_no_jax(tmp_path):
    assert drawn_without_jax(tmp_path, ("ortiz2021/fig2", finished_run(tmp_path)))
