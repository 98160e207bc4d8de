import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.errors import UserError
from ntk_repro.training import Recipe, epoch_means, landmark_epochs, minibatches

sizes = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@given(sizes=sizes, epochs=st.integers(1, 6), seed=st.integers(0, 9))
def test_every_epoch_visits_every_sample_once(sizes, epochs, seed):
    n, batch_size = sizes
    batches = minibatches(seed, n, batch_size, epochs)
    assert batches.shape == (Recipe(batch_size=batch_size, epochs=epochs).steps(n), batch_size)
    assert batches.dtype == np.int32
    flat = batches.ravel()
    assert len(flat) > n * epochs - batch_size
    for start in range(0, len(flat) - n + 1, n):
        np.testing.assert_array_equal(np.sort(flat[start : start + n]), np.arange(n))


def test_epochs_and_seeds_are_shuffled_differently_and_reproducibly():
    batches = minibatches(0, 50, 50, 2)
    assert np.any(batches[0] != batches[1])
    assert np.any(batches != minibatches(1, 50, 50, 2))
    np.testing.assert_array_equal(batches, minibatches(0, 50, 50, 2))


@pytest.mark.parametrize("sizes", [(10, 11, 1), (0, 1, 1), (5, 0, 1), (5, 1, 0)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(UserError):
        minibatches(0, *sizes)


@given(sizes=sizes, epochs=st.integers(1, 6))
def test_every_epoch_has_a_mean(sizes, epochs):
    n, batch_size = sizes
    steps = epochs * n // batch_size
    means = epoch_means(np.arange(steps), n, batch_size)
    assert means.shape == (epochs,)
    assert np.all(np.diff(means) > 0)


def test_a_straddling_batch_counts_for_the_epoch_that_it_completes():
    # 5 samples, batches of 2: rows 01 23 4|0 12 34.
    np.testing.assert_allclose(epoch_means(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 5, 2), [1.5, 4.0])
    np.testing.assert_allclose(epoch_means(np.ones((5, 3)), 5, 2), np.ones((2, 3)))


@pytest.mark.parametrize("last", [0, 1, 2, 19, 200])
def test_landmarks_are_one_two_five_and_their_tens_with_the_ends(last):
    inner = [epoch for epoch in (0, 1, 2, 5, 10, 20, 50, 100) if epoch < last]
    assert landmark_epochs(last) == (*inner, last)
