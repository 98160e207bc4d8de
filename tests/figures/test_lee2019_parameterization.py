import numpy as np
import pytest

from ntk_repro.papers.drawing import json_ready
from ntk_repro.record import RunFolder
from ntk_repro.wide_limit.parameterization import Config
from tests.figures.scripts import draw, kept_run, verdicts
from tests.refusals import refused


def finished(root, ntk=(0.2, 0.9, np.nan), standard=(0.2, 0.9, np.nan), **settings) -> RunFolder:
    config = Config(**{"log2_etas": (-1, 1, 3), **settings}).resolved()
    arrays: dict = {"log2_eta": config.log2_etas, "compared": [0, 1], "layerwise_apart": [[0, 1e-14]]}
    arrays["plain_apart"] = [[0.0, 0.3 + 0.01 * config.seed]]
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
    names = ["ReLU, cross-entropy", "ReLU, squared loss", "tanh, cross-entropy", "tanh, squared loss"]
    assert [curve["name"] for curve in panels[1]["curves"]] == names


def test_the_plotted_numbers_are_those_of_the_run(tmp_path):
    (panel,) = numbers(finished(tmp_path, standard=(0.1, 0.8, 0.7)))["panels"]
    (curve,) = panel["curves"]
    assert curve["log2_eta"] == [-1, 1, 3]
    assert curve["ntk_accuracy"] == [0.2, 0.9, None]
    assert curve["standard_accuracy"] == [0.1, 0.8, 0.7]
    assert curve["ntk_log2_eta_critical"] == 2.0
    assert (curve["compared"], curve["layerwise_apart"], curve["plain_apart"]) == ([0, 1], [[0, 1e-14]], [[0, 0.3]])
    assert (curve["n_train"], curve["n_test"]) == (4000, 1000)


def test_a_rate_that_diverged_is_a_cross_at_the_bottom(tmp_path):
    drawn = drawing(finished(tmp_path, standard=(0.1, 0.8, 0.7)))
    crosses = [line for line in drawn.picture.axes[0].lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1, 0]
    assert crosses[0].get_xdata()[0] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("loss", "marks"), [("cross_entropy", []), ("half_mean_squared_error", ["-", "--"])])
def test_only_the_squared_loss_has_a_critical_rate(tmp_path, loss, marks):
    lines = drawing(finished(tmp_path, loss=loss)).picture.axes[0].lines
    assert [line.get_linestyle() for line in lines if list(line.get_xdata()) == [2.0, 2.0]] == marks


def test_seeds_are_averaged(tmp_path):
    runs = [finished(tmp_path, ntk=(0.2, 0.9, last), seed=seed) for seed, last in ((0, np.nan), (1, 0.5))]
    (curve,) = numbers(*runs)["panels"][0]["curves"]
    assert curve["seeds"] == [0, 1]
    assert curve["ntk_accuracy"] == [0.2, 0.9, 0.5]
    assert curve["ntk_seeds"] == [2, 2, 1]
    assert curve["ntk_accuracy_by_seed"] == [[0.2, 0.9, None], [0.2, 0.9, 0.5]]
    assert curve["plain_apart"] == [[0, 0.3], [0, 0.31]]


def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    run = finished(tmp_path)
    refused("differ in epochs", drawing, run, finished(tmp_path, seed=1, epochs=3))
    refused("have the same seed", drawing, run, RunFolder.read(run.path))


def test_claims_read_what_is_drawn(tmp_path):
    runs = [finished(tmp_path, seed=seed, standard=(0.19, 0.89 + 0.002 * seed, 0.85)) for seed in (0, 1)]
    rows = verdicts("lee2019/figS7", numbers(*runs))
    # At the third rate one diverges, the other reaches 85%.
    assert [row["holds"] for row in rows] == [True, False, True, True, True]
    assert rows[0]["note"].startswith("90.0% in NTK parameterization and 89.1% in the standard one")
    assert rows[0]["note"].endswith("diverged at 1 and 0 of 3 rates")
