"""Images shifted at random: how far, where to, and which pixels are new."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.data import Dataset, load_dataset
from ntk_repro.data.shifts import draw_shifts, shift_images, shifted
from tests.refusals import refused

FILL = np.array([-1.0, -2.0], np.float32)


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTK_REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_dataset("digits", n_train=300, n_test=100)


@given(st.integers(-4, 4), st.integers(-5, 5))
def test_an_image_moves_as_a_whole(down, right):
    """Pixel (i, j) is found at (i + down, j + right); nothing comes back on the other side."""
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 2)).astype(np.float32)
    moved = shift_images(x, np.array([[down, right]]), FILL)[0]
    for i in range(4):
        for j in range(5):
            a, b = i - down, j - right
            expected = x[0, a, b] if 0 <= a < 4 and 0 <= b < 5 else FILL
            np.testing.assert_array_equal(moved[i, j], expected)


def test_every_image_has_its_own_distance():
    x = np.random.default_rng(0).normal(size=(50, 6, 6, 2)).astype(np.float32)
    shifts = draw_shifts(50, 3, seed=1)
    alone = [shift_images(x[i : i + 1], shifts[i : i + 1], FILL) for i in range(50)]
    np.testing.assert_array_equal(shift_images(x, shifts, FILL), np.concatenate(alone))
    assert len(np.unique(shifts, axis=0)) > 20


def test_distances_are_uniform_and_reach_both_ends():
    shifts = draw_shifts(70_000, 3, seed=0)
    for axis in range(2):
        counts = np.bincount(shifts[:, axis] + 3, minlength=7)
        assert len(counts) == 7
        assert np.abs(counts - 10_000).max() < 5 * 10_000**0.5
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.02
    np.testing.assert_array_equal(draw_shifts(9, 3, seed=0), shifts[:9])


def test_shifts_are_drawn_by_other_streams_than_subsets():
    """Subsets permute by the streams (seed, 0) and (seed, 1): the same would tie an image's shift to its place."""
    for stream in (0, 1):
        ours = draw_shifts(50, 3, 0, stream)
        for other in (0, 1):
            theirs = np.random.default_rng([0, other]).integers(-3, 3, (50, 2), endpoint=True)
            assert (ours != theirs).any()


def test_a_seed_fixes_both_parts(digits):
    first, again, other = shifted(digits, 2, 5), shifted(digits, 2, 5), shifted(digits, 2, 6)
    for part in ("x_train", "x_test"):
        x = getattr(first, part)
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x, getattr(again, part))
        assert (x != getattr(other, part)).any()
        assert (x != getattr(digits, part)).any()
    np.testing.assert_array_equal(first.y_train, digits.y_train)
    # Training and test images have different shifts.
    assert (draw_shifts(100, 2, 5, stream=0) != draw_shifts(100, 2, 5, stream=1)).any()


def test_black_comes_in(digits):
    """Of an image of full brightness moved to the corner, the remainder is a black pixel after standardisation."""
    black = np.float32(-digits.provenance.mean[0] / digits.provenance.std[0])
    assert digits.x_train.min() == pytest.approx(black, rel=1e-6)
    moved = shifted(digits, 7, 0)
    assert moved.x_train.min() == pytest.approx(black, rel=1e-6)
    shifts = draw_shifts(300, 7, 0)
    far = int(np.argmax(shifts[:, 0]))
    np.testing.assert_allclose(moved.x_train[far, : shifts[far, 0]], black, rtol=1e-6)
    raw = load_dataset("digits", n_train=20, n_test=10, standardize=False)
    moved = shifted(raw, 6, 0)
    assert moved.x_train.min() == 0
    assert moved.x_train.sum() < raw.x_train.sum()


def test_provenance_records_the_shift(digits):
    provenance = shifted(digits, 2, 5).provenance
    assert provenance.label == "digits (8x8), shifted by up to 2"
    assert provenance.note == f"{digits.provenance.note}; every image moved by up to 2 pixels, seed 5"
    assert shifted(digits, 0) is digits


@pytest.mark.parametrize("bad", [-1, 8, 2.5, True])
def test_shifts_and_seeds_out_of_range_are_refused(digits, bad):
    refused(r"max_shift of 8 x 8 images must be (from 0 to 7|a whole number), not", shifted, digits, bad)
    refused("seed of the shifts must be at least 0, not -1", shifted, digits, 2, -1)
