import dataclasses
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import grid, training
from ntk_repro.record import RunInUseError
from tests.finite_width.small import TRAINING

RUN = grid.run
CONFIG = grid.Config(**TRAINING, baseline=False, learning_rates=(0.01, 0.1), weight_decays=(5e-5,))


@pytest.mark.slow
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
    monkeypatch.setattr(training, "run", lambda point, root, data: computed.append(point.learning_rate))
    assert not grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=tmp_path).done
    assert not grid.run(dataclasses.replace(CONFIG, share=(1, 2)), root=tmp_path).done
    assert computed == [0.1, 0.01]
    assert grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=root).done


def test_a_share_that_is_not_the_last_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "run", lambda point, root, data: None)
    grid.show(grid.run(dataclasses.replace(CONFIG, share=(0, 2)), root=tmp_path))
    assert "the other shares" in capsys.readouterr().out


def test_the_grid_is_shown_with_what_diverged(done, capsys):
    accuracies = {"linearized_test_accuracy": np.array([[np.nan], [0.5]])}
    run: Any = SimpleNamespace(done=True, config=done.config, result=lambda: {**done.result(), **accuracies})
    grid.show(run)
    shown = capsys.readouterr().out
    assert "learning rate" in shown
    assert "diverged" in shown
    assert "50.00%" in shown


def test_a_point_that_another_process_has_open_comes_last(root, tmp_path, monkeypatch):
    seen = []

    def run(point, root, data, wait=False):
        seen.append((point.learning_rate, wait))
        if point.learning_rate == 0.1 and not wait:
            raise RunInUseError("being written by another process")

    monkeypatch.setattr(training, "run", run)
    grid.run(CONFIG, root=tmp_path)
    assert seen == [(0.1, False), (0.01, False), (0.1, True)]


def test_points_that_are_done_are_not_trained_again(done, root, monkeypatch):
    trained = []
    monkeypatch.setattr(training, "train", lambda *a, **k: trained.append(a))
    assert grid.run(dataclasses.replace(CONFIG, learning_rates=(0.01,)), root=root).done
    assert trained == []


def test_a_grid_of_other_images_is_refused(done, root, monkeypatch):
    real = grid.images(CONFIG)
    other = dataclasses.replace(real, provenance=dataclasses.replace(real.provenance, sha256="0" * 64))
    monkeypatch.setattr(grid, "images", lambda config: other)
    with pytest.raises(UserError, match=r"are not those that .*finite_width_grid.* was begun with"):
        grid.run(CONFIG, root=root)


@pytest.fixture
def slurm(monkeypatch):
    """In place of submitit: what was asked for, the jobs, and the numbers of those that fail or were awaited."""
    cluster = SimpleNamespace(asked={}, jobs=[], failing=(), awaited=[])

    def executor(folder):
        assert folder.endswith("slurm")
        return SimpleNamespace(update_parameters=cluster.asked.update, submit=submit, cluster="slurm")

    def submit(function, config, root):
        cluster.jobs.append(config)
        number = len(cluster.jobs)
        return SimpleNamespace(job_id=number, result=lambda: result(number))

    def result(number):
        cluster.awaited.append(number)
        if number in cluster.failing:
            raise TimeoutError("Traceback\njob timed out")

    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=executor))
    return cluster


def test_slurm_jobs_are_the_shares(slurm, tmp_path):
    settings = {"slurm_partition": "short", "slurm_hours": 1.5, "slurm_gpus": 1, "slurm_cpus": 2, "slurm_memory": 8.0}
    assert not grid.run(dataclasses.replace(CONFIG, slurm_jobs=2, **settings), root=tmp_path).done
    assert slurm.asked == {
        "timeout_min": 90, "name": "ntk_repro_grid", "slurm_partition": "short", "gpus_per_node": 1,
        "cpus_per_task": 2, "mem_gb": 8.0,
    }  # fmt: skip
    assert [(job.share, job.slurm_jobs) for job in slurm.jobs] == [((0, 2), 0), ((1, 2), 0)]


def test_a_failed_job_is_reported_after_all_have_ended(slurm, tmp_path):
    slurm.failing = (1,)
    with pytest.raises(UserError, match=r"1 of 2 jobs did not finish \(job 1: job timed out\)"):
        grid.run(dataclasses.replace(CONFIG, slurm_jobs=2), root=tmp_path)
    assert slurm.awaited == [1, 2]
    assert slurm.asked.keys() == {"timeout_min", "name", "cpus_per_task", "mem_gb"}


@pytest.mark.slow
def test_jobs_of_submitit_compute_the_grid(done, tmp_path):
    """Without Slurm they are processes of this machine."""
    pytest.importorskip("submitit", reason="needs submitit: pip install submitit")
    found = grid.run(dataclasses.replace(CONFIG, slurm_jobs=2, slurm_cpus=1, slurm_memory=2.0), root=tmp_path)
    for name, array in done.result().items():
        np.testing.assert_allclose(found.result()[name], array, atol=0.04, err_msg=name)


def test_without_submitit_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'ntk_repro\[slurm\]', or start the shares yourself"):
        grid.run(dataclasses.replace(CONFIG, slurm_jobs=2), root=tmp_path)
