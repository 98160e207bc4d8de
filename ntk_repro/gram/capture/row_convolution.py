"""A convolution of few channels as matrix products over whole rows of pixels, which on a CPU beats XLA's convolution.

A row of outputs is a linear function of the rows of inputs that its kernel meets: one banded matrix serves all rows of
all images. It multiplies by many zeros, but large matrices run near the machine's peak, where XLA's convolution of 3 to
6 channels (LeNet's first, 5 x 5) reached a fortieth of it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.gram.capture.layer import Layer

__all__ = ["row_convolution", "takes_rows"]

# Up to so many products of channels the zeros cost less than they save, forward and backward (measured: 3 to 6, 1 to 6
# and 6 to 16 channels gain a factor of 1.5 to 4, 12 to 32 nothing, 12 to 24 on wide images loses).
_MOST_CHANNEL_PAIRS = 128


def takes_rows(layer: Layer) -> bool:
    """Whether a layer is a convolution that goes faster by `row_convolution` on this machine."""
    geometry = layer.geometry
    if geometry is None or jax.default_backend() != "cpu":
        return False
    channels = layer.inputs[0][-1] * layer.d_out
    plain = geometry.is_plain and min(min(p) for p in geometry.padding) >= 0
    return plain and channels <= _MOST_CHANNEL_PAIRS and min(geometry.kernel_size) > 1


def row_convolution(
    layer: Layer, a: Float[Array, "n y x i"], kernel: Float[Array, "k l i o"]
) -> Float[Array, "n v u o"]:
    """The outputs of a plain convolution, without its bias."""
    assert layer.geometry is not None
    (rows, columns), (above, left) = layer.geometry.kernel_size, (pads[0] for pads in layer.geometry.padding)
    n, height, width, channels = a.shape
    below, right = (pads[1] for pads in layer.geometry.padding)
    tall, wide = height + above + below - rows + 1, width + left + right - columns + 1
    # Which input column an output column meets at each offset of the kernel.
    meets = np.arange(width)[:, None] == np.arange(wide) + np.arange(columns)[:, None, None] - left
    banded = jnp.einsum("lxu,klio->kxiuo", meets.astype(kernel.dtype), kernel)
    padded = jnp.pad(a.reshape(n, height, width * channels), ((0, 0), (above, below), (0, 0)))
    stacked = jnp.concatenate([padded[:, k : k + tall] for k in range(rows)], axis=-1)
    y = stacked @ banded.reshape(rows * width * channels, -1)
    return y.reshape(n, tall, wide, kernel.shape[-1])
