import numpy as np
import pytest

from ntk_repro.papers.drawing import json_ready
from ntk_repro.record import RunFolder
from ntk_repro.wide_limit.parameterization import Config
from tests.figures.scripts import draw, kept_run, verdicts
from tests.refusals import refused


def finished(root, ntk=(0.2, 0.9, np.nan), standard=(0.2, 0.9, np.nan), **settings) -> RunFolder:
    config = Config(**{"log2_etas": (-1, 1, 3), **settings}).resolved()
    arrays: dict = {"log2_eta": config.log2_etas, "one_step_apart": 1e-14}
    for name, accuracy in (("ntk", ntk), ("standard", standard)):
        arrays |= {f"{name}_test_accuracy": accuracy, f"{name}_eta_critical": 4.0}
    provenance = {"label": f"Label of {config.data}", "n_train": 4000, "n_test": 1000}
    return kept_run("wide_limit_parameterization", config, root, provenance, arrays)


def drawing(*runs):
    return draw("lee2019/figS7", runs)


def numbers(*runs):
    return json_ready(drawing(*runs).numbers)


def test_each_data_set_has_a_panel_and_each_activation_and_loss_a_curve(tmp_path):
    runs = [
        finished(tmp_path, data=data, activation=activation, loss=loss)
        for data in ("mnist5k", "cifar10")
        for activation in ("relu", "tanh")
        for loss in ("cross_entropy", "half_mean_squared_error")
    ]
    drawn = drawing(*runs)
    assert [ax.get_title().strip() for ax in drawn.picture.axes] == ["Label of mnist5k", "Label of cifar10"]
    panels = json_ready(drawn.numbers)["panels"]
    assert [panel["data"] for panel in panels] == ["mnist5k", "cifar10"]
    names = ["relu, cross-entropy", "relu, squared loss", "tanh, cross-entropy", "tanh, squared loss"]
    assert [curve["name"] for curve in panels[1]["curves"]] == names


def test_the_plotted_numbers_are_those_of_the_run(tmp_path):
    (panel,) = numbers(finished(tmp_path, standard=(0.1, 0.8, 0.7)))["panels"]
    (curve,) = panel["curves"]
    assert curve["log2_eta"] == [-1, 1, 3]
    assert curve["ntk_accuracy"] == [0.2, 0.9, None]
    assert curve["standard_accuracy"] == [0.1, 0.8, 0.7]
    assert curve["ntk_log2_eta_critical"] == 2.0
    assert curve["one_step_apart"] == 1e-14


def test_a_rate_that_diverged_is_a_cross_at_the_bottom(tmp_path):
    drawn = drawing(finished(tmp_path, standard=(0.1, 0.8, 0.7)))
    crosses = [line for line in drawn.picture.axes[0].lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1, 0]
    assert crosses[0].get_xdata()[0] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("loss", "marks"), [("cross_entropy", 0), ("half_mean_squared_error", 2)])
def test_only_the_squared_loss_has_a_critical_rate(tmp_path, loss, marks):
    lines = drawing(finished(tmp_path, loss=loss)).picture.axes[0].lines
    assert sum(line.get_marker() == "v" for line in lines) == marks


def test_seeds_are_averaged(tmp_path):
    runs = [finished(tmp_path, ntk=(0.2, 0.9, last), seed=seed) for seed, last in ((0, np.nan), (1, 0.5))]
    (curve,) = numbers(*runs)["panels"][0]["curves"]
    assert curve["seeds"] == [0, 1]
    assert curve["ntk_accuracy"] == [0.2, 0.9, 0.5]
    assert curve["ntk_seeds"] == [2, 2, 1]


def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    run = finished(tmp_path)
    refused("differ in epochs", drawing, run, finished(tmp_path, seed=1, epochs=3))
    refused("have the same seed", drawing, run, RunFolder.read(run.path))


def claims(run):
    return verdicts("lee2019/figS7", numbers(run))


def test_claims_hold_for_curves_like_the_papers(tmp_path):
    rows = claims(finished(tmp_path, ntk=(0.2, 0.9, np.nan), standard=(0.19, 0.89, 0.91)))
    assert [row["holds"] for row in rows] == [True, True, True]
    assert [row["number"] for row in rows] == [pytest.approx(-0.01), pytest.approx(0.01), 1e-14]
    assert rows[0]["note"] == "90.0% at eta 2^1 in NTK, 91.0% at 2^3 in standard parameterization"
    assert rows[1]["note"] == "at 2 rates, largest 0.010, 1 left out where one diverged"
    assert rows[0]["subject"] == "mnist5k, relu, cross-entropy"


def test_claims_fail_for_curves_that_differ(tmp_path):
    rows = claims(finished(tmp_path, ntk=(0.2, 0.3, 0.9), standard=(0.2, 0.9, 0.95)))
    assert [row["holds"] for row in rows] == [False, False, True]
    assert rows[1]["number"] == pytest.approx(0.05)


def test_a_curve_that_diverges_everywhere_decides_nothing(tmp_path):
    rows = claims(finished(tmp_path, ntk=(np.nan,) * 3))
    assert [row["holds"] for row in rows] == [None, None, True]
    assert rows[0]["note"] == "no training converged"
