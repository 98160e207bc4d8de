"""Images of directions, read off the axes."""

import numpy as np
from matplotlib import pyplot

from ntk_repro.plot import directions
from tests.refusals import refused

VECTORS = np.random.default_rng(0).normal(size=(4, 6, 5, 1))


def test_directions_are_images_around_grey_with_their_relative_alignments():
    _, axes = pyplot.subplots(1, 3)
    assert directions(axes, VECTORS, values=[2.0, 1.0, 0.5, 0.1]) is axes
    for j, ax in enumerate(axes):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), VECTORS[j, ..., 0])
        low, high = image.get_clim()
        assert low == -high == -np.abs(VECTORS[j]).max()
    assert [ax.get_title() for ax in axes] == ["$v_{1}$\n1.00", "$v_{2}$\n0.25", "$v_{3}$\n0.06"]


def test_colours_and_fourier_magnitudes_have_a_row_each():
    _, axes = pyplot.subplots(2, 2)
    colours = np.repeat(VECTORS, 3, axis=-1)
    directions(axes, colours, fourier=np.abs(colours))
    np.testing.assert_allclose(axes[0, 0].images[0].get_array(), colours[0] / (2 * np.abs(colours[0]).max()) + 0.5)
    np.testing.assert_allclose(axes[1, 0].images[0].get_array(), np.sqrt(3) * np.abs(VECTORS[0, ..., 0]))
    assert [row[0].get_ylabel() for row in axes] == ["pixels", "Fourier"]


def test_directions_that_do_not_fit_their_axes_are_refused():
    _, axes = pyplot.subplots(1, 5)
    refused("5 axes need as many directions, not 4", directions, axes, VECTORS)
    refused(r"axes must be of shape \(2, count\) with", lambda: directions(axes, VECTORS, fourier=VECTORS))
    refused("directions must be of shape", directions, axes[:2], VECTORS[0, 0])
    two_rows = pyplot.subplots(2, 3)[1]
    refused("3 axes need as many images in fourier, not 2", lambda: directions(two_rows, VECTORS, fourier=VECTORS[:2]))
    refused(r"values must be of shape \(4,\)", directions, axes[:2], VECTORS, [1.0])
