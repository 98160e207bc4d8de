"""Images shifted at random by whole pixels: the harder MNIST of Samarin et al. 2022."""

import dataclasses

import numpy as np
from jaxtyping import Float32, Int

from ntk_repro.data.dataset import Dataset
from ntk_repro.ranges import check_whole


def shifted(dataset: Dataset, max_shift: int, seed: int = 0) -> Dataset:
    """The data set with every image of both parts shifted by up to `max_shift` pixels down or up and right or left.

    Both distances of an image are drawn uniformly from -max_shift .. max_shift, once: the same seed gives the same
    images in every epoch and every run. New pixels are black, which for standardised images is -mean / std; the
    standardisation remains that of the original images. A max_shift of 0 gives the data set itself.

    Source: Samarin et al. 2022, section 4.1 (Figure 3).

    Args:
        dataset: images and labels.
        max_shift: pixels, below height and width.
        seed: of the distances.

    Raises:
        UserError: for a max_shift or seed that is not a whole number in its range.
    """
    height, width = dataset.x_train.shape[1:3]
    check_whole(f"max_shift of {height} x {width} images", max_shift, 0, min(height, width) - 1)
    check_whole("seed of the shifts", seed, 0)
    if max_shift == 0:
        return dataset
    # In a data set that was not standardised black is 0.
    given = dataset.provenance
    mean, std = (np.array(moment, np.float64) for moment in (given.mean, given.std))
    black = -mean / np.where(std == 0, 1, std) if given.standardized else np.zeros(len(mean))
    parts = {}
    for stream, (name, x) in enumerate((("x_train", dataset.x_train), ("x_test", dataset.x_test))):
        parts[name] = shift_images(x, draw_shifts(len(x), max_shift, seed, stream), black.astype(np.float32))
    note = f"every image moved by up to {max_shift} pixels, seed {seed}"
    provenance = dataclasses.replace(
        given,
        label=f"{given.label}, shifted by up to {max_shift}",
        note=f"{given.note}; {note}" if given.note else note,
    )
    return dataclasses.replace(dataset, **parts, provenance=provenance)


def draw_shifts(n: int, max_shift: int, seed: int, stream: int = 0) -> Int[np.ndarray, "n 2"]:
    """How far down and right each of n images is shifted, uniform in -max_shift .. max_shift.

    Args:
        n: number of images; a smaller number gives the beginning of a larger one.
        max_shift: pixels.
        seed: of the draw.
        stream: 0 for training and 1 for test images, so that neither part depends on the other's size.
    """
    # 0 and 1 after the seed are the streams of the subsets (`load_dataset`).
    return np.random.default_rng([seed, 2 + stream]).integers(-max_shift, max_shift, (n, 2), endpoint=True)


def shift_images(
    x: Float32[np.ndarray, "n height width c"],
    shifts: Int[np.ndarray, "n 2"],
    fill: Float32[np.ndarray, " c"],
) -> Float32[np.ndarray, "n height width c"]:
    """Each image shifted by its own number of pixels down and right; new pixels are `fill`."""
    _, height, width, _ = x.shape
    moved = np.empty_like(x)
    moved[:] = fill
    # Images with the same shift are copied together: a few hundred copies of blocks instead of one for each image.
    distances, group = np.unique(shifts, axis=0, return_inverse=True)
    for number, (down, right) in enumerate(distances.tolist()):
        rows = np.flatnonzero(group.ravel() == number)
        to, start = _overlap(down, height), _overlap(-down, height)
        across, begin = _overlap(right, width), _overlap(-right, width)
        moved[rows, to, across] = x[rows, start, begin]
    return moved


def _overlap(distance: int, size: int) -> slice:
    return slice(max(0, distance), size + min(0, distance))
