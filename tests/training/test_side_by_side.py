"""Trainings in threads give what they give alone, in order, and end when no result is wanted any more."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro import Network
from ntk_repro.precision import float64_scope
from ntk_repro.record import RunFolder
from ntk_repro.training import Checkpoint, Recipe, side_by_side, steps, train, training_bytes
from ntk_repro.training.side_by_side import at_once, end_if_stopped
from tests.training.small import Small

ROOT = Path(__file__).parents[2]
WAIT = 30  # seconds, for what should happen at once


@pytest.fixture
def two_processors(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "lenet", "lenet5"])
def test_trainings_side_by_side_are_those_alone_to_the_last_bit(two_processors, name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 16, 16, 1)).astype(np.float32)
    labels = rng.integers(0, 2, size=(3, 96))
    net = Network.create(name, 0, x.shape[1:], **({"image_size": 16} if name == "lenet5" else {}))
    recipe = Recipe(epochs=100, batch_size=32)
    batches = recipe.minibatches(0, len(x))
    assert len(batches) == 300

    def logits(y):
        return train(net, x, y, recipe=recipe, batches=batches).network(x)

    for alone, beside in zip(map(logits, labels), side_by_side(logits, list(labels), 1), strict=True):
        assert np.array_equal(alone, beside)


@dataclasses.dataclass(frozen=True)
class Config:
    name: str = "two tasks"


def two_tasks(root, kill_at=0):
    """The logits of two networks trained side by side; with `kill_at` the process is killed at that saved state."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(96, 5)).astype(np.float32), rng.integers(0, 2, size=(2, 96))
    net, recipe = Network.create(Small(), 0, (5,)), Recipe(epochs=100, batch_size=32)
    real, saved = RunFolder.save_part, []

    def save_part(self, name, **arrays):
        real(self, name, **arrays)
        saved.append((name, int(arrays["steps"])))
        if len({name for name, done in saved if done >= 2}) == 2 and len(saved) >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch, RunFolder.open("two_tasks", Config(), root=root) as folder:
        if kill_at:
            patch.setattr(RunFolder, "save_part", save_part)
            patch.setattr(Checkpoint, "due", True)
            patch.setattr(steps, "_SECONDS", 0.0)  # a state after every step
        settings = {"recipe": recipe, "batches": recipe.minibatches(0, len(x)), "folder": folder}
        states = [folder.load_part(f"{task}_state") for task in range(2)]

        def logits(task):
            return train(net, x, labels[task], name=str(task), **settings).network(x)

        return states, list(side_by_side(logits, range(2), 1))


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [4, 150])
def test_tasks_killed_together_continue_to_the_same_bytes(two_processors, tmp_path, kill_at):
    code = (
        "import sys; from tests.training.test_side_by_side import two_tasks; two_tasks(sys.argv[1], int(sys.argv[2]))"
    )
    child = subprocess.run([sys.executable, "-c", code, tmp_path / "killed", str(kill_at)], check=False, cwd=ROOT)
    assert child.returncode == -signal.SIGKILL
    states, again = two_tasks(tmp_path / "killed")
    assert all(state is not None and 0 < int(state["steps"]) < 300 for state in states)
    for one, whole in zip(again, two_tasks(tmp_path / "whole")[1], strict=True):
        assert np.array_equal(one, whole)


def test_two_run_at_once_and_results_come_in_order(two_processors):
    meeting = threading.Barrier(2, timeout=WAIT)

    def work(task):
        meeting.wait()
        return 10 * task

    assert list(side_by_side(work, [3, 1, 2, 0], 1)) == [30, 10, 20, 0]


def test_float64_of_the_caller_holds_in_each_task(two_processors):
    with float64_scope():
        assert set(side_by_side(lambda task: jnp.ones(1).dtype, range(3), 1)) == {jnp.dtype("float64")}
    assert set(side_by_side(lambda task: jnp.ones(1).dtype, range(3), 1)) == {jnp.dtype("float32")}


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_after_a_failure_others_end_and_none_begins(two_processors, stop, failing):
    begun, ended, meeting = [], threading.Event(), threading.Barrier(2, timeout=WAIT)

    def work(task):
        begun.append(task)
        if task < 2:
            meeting.wait()
        if task == failing:
            raise stop
        try:
            for _ in range(100 * WAIT):
                ended.wait(0.01)
                end_if_stopped()
        except RuntimeError:
            ended.set()
            raise

    with pytest.raises(stop):
        list(side_by_side(work, range(8), 1))
    assert ended.is_set()
    assert sorted(begun)[:2] == [0, 1]
    assert len(begun) < 8


def test_within_a_task_and_without_memory_they_follow_one_another(two_processors, monkeypatch):
    assert at_once(8, 1) == 2
    assert at_once(1, 1) == 1
    assert list(side_by_side(lambda task: at_once(8, 1), range(2), 1)) == [1, 1]
    monkeypatch.setitem(at_once.__globals__, "host_available_bytes", lambda: 4000)
    assert (at_once(8, 1000), at_once(8, 1001), at_once(8, 10**9)) == (2, 1, 1)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert at_once(8, 1) == 1


def test_the_memory_of_a_training_counts_weights_and_activations():
    net, x = Network.create(Small(), 0, (5,)), np.zeros((7, 5), np.float32)
    weights, rows = 5 * 8 + 8 + 8 + 1, 7 * (8 + 8 + 8 + 1 + 1)  # products, sums with biases and tanh
    found = training_bytes(net, x, Recipe().rule)
    # Five copies with those of momentum; biases are reshaped on the way.
    assert 4 * (5 * weights + 2 * rows) <= found <= 4 * (5 * weights + 2 * (rows + 2 * weights))
    assert training_bytes(net, x, Recipe(momentum=0.0).rule) == found - 4 * weights
