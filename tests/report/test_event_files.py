"""Curves of runs in event files, read back by TensorBoard."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from ntk_repro.__main__ import main
from ntk_repro.experiments import StudyConfig
from ntk_repro.record import RunFolder
from ntk_repro.report.event_files import export_events, training_curves
from tests.finished_run import INDICES, finished_run
from tests.refusals import refused


@dataclass(frozen=True)
class Config(StudyConfig):
    epochs: int = 3


def finished(root, **arrays):
    with RunFolder.open("own", Config(), root=root) as run:
        run.finish(**arrays)
    return RunFolder.read(run.path)


def test_a_loss_is_against_epochs_and_other_curves_against_the_steps_of_the_result(tmp_path):
    run = finished(
        tmp_path,
        network_loss=np.array([3.0, 2.0, 1.0]),
        followed_epochs=np.array([0, 1, 2, 5]),
        distance=np.array([0.0, 0.1, 0.2, 0.4]),
        test_accuracy=np.array(0.9),
        count=np.array(7),  # no measurement
        image=np.zeros((4, 5)),
    )
    found = {name: (steps.tolist(), values.tolist()) for name, steps, values in training_curves(run)}
    assert found == {
        "network_loss": ([1, 2, 3], [3.0, 2.0, 1.0]),
        "distance": ([0, 1, 2, 5], [0.0, 0.1, 0.2, 0.4]),
        "test_accuracy": ([0], [0.9]),
    }


def test_what_may_belong_to_rows_is_left_out_and_rows_have_names(tmp_path):
    widths, steps = np.array([0.5, 2.0, 4.0]), np.array([0, 10])
    run = finished(tmp_path, widths=widths, steps=steps, ntk=np.arange(6.0).reshape(3, 2), size=np.array([1.0, 2.0]))
    found = {name: (steps.tolist(), values.tolist()) for name, steps, values in training_curves(run)}
    assert found == {}, "size is of the two rows of something else"
    run = finished(tmp_path / "other", widths=widths, steps=steps, ntk=np.arange(6.0).reshape(3, 2))
    found = {name: (steps.tolist(), values.tolist()) for name, steps, values in training_curves(run)}
    assert found == {
        "ntk/0.5": ([0, 10], [0.0, 1.0]),
        "ntk/2": ([0, 10], [2.0, 3.0]),
        "ntk/4": ([0, 10], [4.0, 5.0]),
    }


@pytest.mark.slow
def test_the_command_writes_what_tensorboard_reads(tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    run, out = finished_run(tmp_path / "runs", epochs=20), tmp_path / "out"
    for _ in range(2):  # a second file would give every point twice
        main(["export", str(run.path), "--out", str(out), "--tensorboard"])
    folder = out / f"eigentasks-{run.path.name}"
    assert capsys.readouterr().out.splitlines()[-2:] == [str(folder), f"next: tensorboard --logdir {out}"]
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    assert {f"network_loss/{index}" for index in INDICES} <= set(events.Tags()["tensors"])
    curve = events.Tensors("network_loss/11")
    assert [one.step for one in curve] == list(range(1, 21))
    values = [float(make_ndarray(one.tensor_proto)) for one in curve]
    np.testing.assert_allclose(values, run.result()["network_loss"][1])
    (accuracy,) = events.Tensors("baseline_network_test_accuracy")
    assert float(make_ndarray(accuracy.tensor_proto)) == pytest.approx(0.93)


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    refused("TensorBoard is not installed: pip install tensorboard", export_events, tmp_path, tmp_path / "out")
