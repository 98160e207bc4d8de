"""Poolings: the maximum or mean of each window, and averages over a grid of any size."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def max_pool(x: Float[Array, "n height width c"], size: int, strides: int) -> Float[Array, "n rows columns c"]:
    """The maximum of every size x size window, windows `strides` apart; incomplete windows are left out.

    Two equal entries of a window share the derivative.
    """
    return _pooled(x, size, strides, jnp.maximum)


def average_pool_2x2(x: Float[Array, "n height width c"]) -> Float[Array, "n rows columns c"]:
    """The mean of every 2x2 window, without a last odd row or column."""
    return _pooled(x, 2, 2, lambda one, other: (one + other) / 2)


def _pooled(
    x: Float[Array, "n height width c"], size: int, strides: int, combine: Callable[[Array, Array], Array]
) -> Float[Array, "n rows columns c"]:
    """Windows combined entry by entry, first along rows and then along columns.

    Entries that are combined lie in long runs, a whole row of an image first, which XLA's code for a CPU is made for.
    """
    n, height, width, c = x.shape
    rows, columns = (height - size) // strides + 1, (width - size) // strides + 1
    x = _along(x.reshape(n, height, width * c), rows, size, strides, combine)
    return _along(x.reshape(n * rows, width, c), columns, size, strides, combine).reshape(n, rows, columns, c)


def _along(
    x: Float[Array, "n length c"], count: int, size: int, strides: int, combine: Callable[[Array, Array], Array]
) -> Float[Array, "n count c"]:
    n, _, c = x.shape
    if size == strides:
        windows = x[:, : count * size].reshape(n, count, size, c)
        parts = [windows[:, :, i] for i in range(size)]
    else:
        parts = [jax.lax.slice_in_dim(x, i, i + strides * (count - 1) + 1, strides, 1) for i in range(size)]
    return functools.reduce(combine, parts)


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
