"""Trainings in threads give what they give alone, in order, and end when no result is wanted any more."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro import Network
from ntk_repro.precision import float64_scope
from ntk_repro.training import Recipe, side_by_side, train, training_bytes
from ntk_repro.training.side_by_side import at_once, end_if_stopped
from tests.training.small import Small

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
