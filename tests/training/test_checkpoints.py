import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.training import Checkpoint, checkpoints

STATE = {
    "half": jnp.array([1.5, -0.0, jnp.inf], jnp.bfloat16),
    "single": jnp.array([[1e-45, 0.1]], jnp.float32),
    "count": jnp.array(7, jnp.int32),
    "none": None,
}
SEEN = [[np.float32(0.5) * np.ones(3, np.float32), np.arange(4)], [np.ones(3, np.float32), np.arange(4) + 1]]


def test_a_saved_state_is_restored_to_the_last_bit(folder):
    Checkpoint(folder, "a", "id").save(12, STATE, SEEN)
    found = Checkpoint(folder, "a", "id").load(jax.tree.map(jnp.zeros_like, STATE))
    assert found is not None
    steps, state, seen = found
    assert steps == 12
    assert jax.tree.structure(state) == jax.tree.structure(STATE)
    for mine, theirs in zip(jax.tree.leaves(state), jax.tree.leaves(STATE), strict=True):
        assert mine.dtype == theirs.dtype
        assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()
    for mine, theirs in zip(seen, SEEN, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_without_a_saved_state_there_is_none(folder):
    assert Checkpoint(folder, "a", "id").load(STATE) is None


def test_another_training_under_the_same_name_is_refused(folder):
    Checkpoint(folder, "a", "id").save(1, STATE, [])
    with pytest.raises(UserError, match=r"another training under a_state, or .* give this training another name"):
        Checkpoint(folder, "a", "other").load(STATE)
    assert Checkpoint(folder, "b", "other").load(STATE) is None


def test_a_discarded_state_is_gone(folder):
    checkpoint = Checkpoint(folder, "a", "id")
    checkpoint.discard()
    assert folder.load_part("a_state") is None
    checkpoint.save(1, STATE, [])
    assert checkpoint.written
    checkpoint.discard()
    assert not checkpoint.written
    assert Checkpoint(folder, "a", "other").load(STATE) is None


def test_saving_takes_a_small_share_of_the_time(folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(folder, "a", "id")
    now[0] = checkpoints.SECONDS_BETWEEN - 1
    assert not checkpoint.due
    now[0] = checkpoints.SECONDS_BETWEEN
    assert checkpoint.due

    def slow(*_, **__):
        now[0] += 60

    monkeypatch.setattr(folder, "save_part", slow)
    checkpoint.save(1, STATE, [])
    saved = now[0]
    now[0] = saved + 60 / 0.05 - 1
    assert not checkpoint.due
    now[0] = saved + 60 / 0.05
    assert checkpoint.due
