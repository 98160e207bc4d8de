"""Neural anisotropy directions as images."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import checked_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def directions(
    axes: Any, directions: ArrayLike, values: ArrayLike | None = None, fourier: ArrayLike | None = None
) -> Any:
    """A row of the first directions as images, light around grey, and below it their magnitudes in Fourier space.

    Source: Ortiz-Jimenez et al. 2021, Figure 10.

    Args:
        axes: a row of axes (count,), or two rows (2, count) with `fourier`.
        directions: at least `count` images (d, height, width) or (d, height, width, channels), 1 or 3 channels, as
            `neural_anisotropy_directions` has them.
        values: their singular values (d,); alpha_j = values_j^2 relative to the first stands above each, None: nothing.
        fourier: magnitudes in Fourier space in the shape of the directions, frequency 0 in the middle.

    Returns:
        The axes.

    Raises:
        UserError: arrays of other shapes, entries that are not finite, fewer directions than axes.
    """
    rows = np.asarray(axes, dtype=object)
    wanted = 1 if fourier is None else 2
    if (rows.shape[0] if rows.ndim == 2 else 1) != wanted or not 1 <= rows.ndim <= 2:
        shape = "(2, count) with" if fourier is not None else "(count,) without"
        raise UserError(f"axes must be of shape {shape} magnitudes in Fourier space, not {rows.shape}")
    rows = rows.reshape(wanted, -1)
    images = _images(directions, "directions")
    count = rows.shape[1]
    if len(images) < count:
        raise UserError(f"{count} axes need as many directions, not {len(images)}: give fewer axes")
    for j, ax in enumerate(rows[0]):
        largest = np.abs(images[j]).max() or 1.0
        ax.imshow(images[j].squeeze(-1) if images.shape[-1] == 1 else images[j] / (2 * largest) + 0.5,
                  **({"cmap": "gray", "vmin": -largest, "vmax": largest} if images.shape[-1] == 1 else {}))  # fmt: skip
    if fourier is not None:
        magnitudes = _images(fourier, "fourier")
        if len(magnitudes) < count:
            raise UserError(f"{count} axes need as many images in fourier, not {len(magnitudes)}: give fewer axes")
        for j, ax in enumerate(rows[1]):
            ax.imshow(np.sqrt((magnitudes[j] ** 2).sum(axis=-1)), cmap="magma")
    for ax in rows.flat:
        _bare(ax)
    shares = [""] * count
    if values is not None:
        values = checked_array(values, "values", (len(images),))
        shares = [f"\n{share:.2f}" for share in (values / (values[0] or 1.0)) ** 2]
    for j, ax in enumerate(rows[0]):
        ax.set_title(f"$v_{{{j + 1}}}${shares[j]}", fontsize=7)
    for row, name in zip(rows, ("pixels", "Fourier"), strict=False):
        row[0].set_ylabel(name, fontsize=7)
    return axes


def _images(array: ArrayLike, name: str) -> np.ndarray:
    shapes = (("d", "height", "width"), ("d", "height", "width", 1), ("d", "height", "width", 3))
    images = checked_array(array, name, *shapes)
    return images if images.ndim == 4 else images[..., None]


def _bare(ax: "Axes") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
