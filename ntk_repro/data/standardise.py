"""Standardisation per channel, from the training part."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Float64

from ntk_repro.errors import UserError

_BLOCK = 1_000  # images at a time, so that float64 copies stay small


def channel_moments(
    x: Float32[np.ndarray, "n H W C"],
) -> tuple[Float64[np.ndarray, " C"], Float64[np.ndarray, " C"]]:
    """Mean and standard deviation (population) of every channel over images and pixels, in float64.

    Raises:
        UserError: every channel is constant over all images.
    """
    count = x[..., 0].size
    mean, variance = np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for block in _blocks(x):
        mean += block.sum(axis=1) / count
    # Two passes: the difference of mean square and squared mean would lose digits.
    for block in _blocks(x):
        block -= mean[:, None]
        variance += np.einsum("cp,cp->c", block, block) / count
    std = np.sqrt(variance)
    # By rounding a constant channel has a tiny deviation: only then are its pixels compared.
    for channel in np.flatnonzero(std <= 1e-6 * np.abs(mean)):
        if x[..., channel].min() == x[..., channel].max():
            std[channel] = 0.0
    if not std.any():
        raise UserError("all training images are one constant image: give images that differ")
    return mean, std


def standardise(
    x: Float32[np.ndarray, "n H W C"], mean: Float64[np.ndarray, " C"], std: Float64[np.ndarray, " C"]
) -> Float32[np.ndarray, "n H W C"]:
    """(x - mean) / std for every channel; a channel with std 0 is only shifted (so it is 0 on the training part)."""
    pixels = x[0, ..., 0].size
    # One row per image: NumPy is several times slower when the innermost axis has three entries.
    shift = np.tile(mean.astype(np.float32), pixels)
    scale = np.tile(np.where(std == 0, 1.0, std).astype(np.float32), pixels)
    rows = x.reshape(len(x), -1) - shift
    rows /= scale
    return rows.reshape(x.shape)


def _blocks(x: Float32[np.ndarray, "n H W C"]) -> Iterator[Float64[np.ndarray, "C pixels"]]:
    """The channels of the images, some images at a time: (C, pixels) in float64, contiguous."""
    for start in range(0, len(x), _BLOCK):
        yield x[start : start + _BLOCK].reshape(-1, x.shape[-1]).T.astype(np.float64, order="C")
