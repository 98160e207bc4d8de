"""A view moves entries as NumPy does."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.gram.capture.view import View

A = np.arange(12).reshape(3, 4)
WHOLE = View((3, 4), (3, 4))


def test_every_step_is_numpys():
    assert np.array_equal(WHOLE.transpose((1, 0))(A), A.T)
    assert np.array_equal(WHOLE.reshape((2, 6))(A), A.reshape(2, 6))
    assert np.array_equal(WHOLE.flip((1,))(A), A[:, ::-1])
    assert np.array_equal(WHOLE.broadcast((3, 2, 4), (0, 2))(A), np.repeat(A[:, None], 2, axis=1))


@given(st.lists(st.sampled_from(["transpose", "reshape", "flip"]), max_size=6))
def test_jax_and_numpy_agree_and_entries_say_where_from(steps):
    view = WHOLE
    for step in steps:
        if step == "transpose":
            view = view.transpose((1, 0))
        elif step == "reshape":
            view = view.reshape((view.shape[0] * 2, view.shape[1] // 2) if view.shape[1] % 2 == 0 else (4, 3))
        else:
            view = view.flip((0,))
    assert view(A).shape == view.shape
    assert view.is_permutation
    assert np.array_equal(view(A), A.reshape(-1)[view.entries()])
    assert np.array_equal(view(A), view(jnp.asarray(A)))


def test_views_are_the_same_by_what_they_show():
    assert WHOLE.transpose((1, 0)).transpose((1, 0)).same_as(WHOLE)
    assert not WHOLE.flip((0,)).same_as(WHOLE)
    assert not WHOLE.reshape((4, 3)).same_as(WHOLE.transpose((1, 0)))
    assert not WHOLE.same_as(View((4, 3), (3, 4), (("reshape", (3, 4)),)))


@pytest.mark.parametrize(("shape", "expected"), [((1, 3, 4), True), ((2, 3, 4), False)])
def test_a_broadcast_that_repeats_is_no_permutation(shape, expected):
    assert WHOLE.broadcast(shape, (1, 2)).is_permutation is expected
