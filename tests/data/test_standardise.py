import numpy as np
import pytest

from ntk_repro.data.standardise import channel_moments, standardise
from tests.refusals import refused


def images(n=2_500, channels=3, seed=0):
    scale, shift = np.array([1.0, 20.0, 0.01])[:channels], np.array([100.0, -3.0, 5.0])[:channels]
    return (np.random.default_rng(seed).normal(size=(n, 4, 3, channels)) * scale + shift).astype(np.float32)


def test_moments_equal_numpys_in_float64():
    x = images()  # more than one block, the last one partial
    mean, std = channel_moments(x)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(std, x.astype(np.float64).std(axis=(0, 1, 2)), rtol=1e-12)
    assert mean.dtype == std.dtype == np.float64


def test_the_training_part_has_mean_zero_and_deviation_one():
    x = images()
    z = standardise(x, *channel_moments(x))
    assert z.dtype == np.float32
    assert z.shape == x.shape
    np.testing.assert_allclose(z.mean(axis=(0, 1, 2), dtype=np.float64), 0, atol=2e-4)  # 5 +- 0.01 in float32
    np.testing.assert_allclose(z.std(axis=(0, 1, 2), dtype=np.float64), 1, rtol=1e-4)


def test_every_pixel_is_shifted_and_scaled_by_its_own_channel():
    x = images(n=2)
    mean, std = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 0.5])
    np.testing.assert_allclose(standardise(x, mean, std), (x - mean) / std, rtol=1e-5, atol=1e-6)


def test_the_input_is_left_alone():
    x = images(n=3)
    before = x.copy()
    standardise(x, *channel_moments(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_channel_becomes_zero(value):
    x = images()
    x[..., 1] = value
    mean, std = channel_moments(x)
    assert std[1] == 0
    assert (standardise(x, mean, std)[..., 1] == 0).all()
    other = images(seed=1)
    np.testing.assert_allclose(standardise(other, mean, std)[..., 1], other[..., 1] - np.float32(mean[1]), rtol=1e-6)


def test_a_nearly_constant_channel_is_not_taken_for_constant():
    x = np.ones((10, 2, 2, 1), np.float32)
    x[0, 0, 0, 0] = np.nextafter(np.float32(1), np.float32(2))
    _, std = channel_moments(x)
    assert std[0] > 0


def test_a_constant_training_part_is_refused():
    refused("are one constant image: give images that differ", channel_moments, np.full((5, 2, 2, 2), 0.1, np.float32))
