import dataclasses
import sys
import types

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.widths import grid, training
from tests.widths.small import TRAINING

CONFIG = grid.Config(**TRAINING, baseline=False, learning_rates=(0.01, 0.1), weight_decays=(5e-5,))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def done(root):
    return grid.run(CONFIG, root=root)


def test_the_grid_holds_the_accuracies_of_its_trainings(done, root):
    result = done.result()
    np.testing.assert_array_equal(result["learning_rates"], [0.1, 0.01])
    assert result["network_test_accuracy"].shape == (2, 1)
    point = training.Config(**TRAINING, baseline=False, learning_rate=0.01)
    assert (
        result["linearized_test_accuracy"][1, 0] == training.run(point, root=root).result()["linearized_test_accuracy"]
    )


def test_shares_together_are_the_grid(done, root, tmp_path, monkeypatch):
    # The points are there: only what is left to whom is looked at.
    computed = []
    monkeypatch.setattr(training, "run", lambda point, root=None: computed.append(point.learning_rate))
    assert not grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=tmp_path).done
    assert not grid.run(dataclasses.replace(CONFIG, share=(1, 2)), root=tmp_path).done
    assert computed == [0.1, 0.01]
    assert grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=root).done


def test_a_share_that_is_not_the_last_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "run", lambda point, root=None: None)
    grid.show(grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=tmp_path))
    assert "the other shares" in capsys.readouterr().out


def test_the_grid_is_shown_with_what_diverged(done, capsys):
    grid.show(done)
    assert "learning rate" in capsys.readouterr().out
    assert grid._cell(float("nan"), 0.5) == "diverged"
    assert grid._cell(0.5, 0.5) == "[bold]50.00 %[/bold]"


def test_slurm_jobs_are_the_shares(root, tmp_path, monkeypatch):
    jobs = []

    class Executor:
        def __init__(self, folder):
            assert folder.endswith("slurm")

        def update_parameters(self, **settings):
            assert settings == {"timeout_min": 90, "name": "ntk_repro_grid", "slurm_partition": "short"}

        def submit(self, function, config, root):
            jobs.append(config)
            return types.SimpleNamespace(job_id=len(jobs), result=lambda: None)

    monkeypatch.setitem(sys.modules, "submitit", types.SimpleNamespace(AutoExecutor=Executor))
    config = dataclasses.replace(CONFIG, slurm_jobs=2, slurm_partition="short", slurm_hours=1.5)
    assert not grid.run(config, root=tmp_path).done
    assert [job.share for job in jobs] == [(0, 2), (1, 2)]
    assert [job.slurm_jobs for job in jobs] == [0, 0]


def test_without_submitit_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match="pip install submitit, or start the shares yourself"):
        grid.run(dataclasses.replace(CONFIG, slurm_jobs=2), root=tmp_path)
