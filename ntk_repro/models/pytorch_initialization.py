"""Dense and convolutional layers initialized as in PyTorch."""

import math
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Float


def uniform_by_fan_in(fan_in: int) -> jax.nn.initializers.Initializer:
    """Uniform in +-1/sqrt(fan_in): PyTorch's default for the weights and for the biases of a layer.

    For weights PyTorch writes it as He's uniform initialization with negative slope sqrt(5).

    Source: Samarin et al. 2022, section 3 ("standard PyTorch weight initialization").
    """
    bound = 1 / math.sqrt(fan_in)

    def init(key: Any, shape: Any, dtype: Any = float, out_sharding: Any = None) -> Any:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def dense(x: Float[Array, "... d_in"], features: int, name: str | None = None) -> Float[Array, "... d_out"]:
    """A new nn.Dense of the calling compact module, applied to x; initialized as torch.nn.Linear."""
    init = uniform_by_fan_in(x.shape[-1])
    return nn.Dense(features, kernel_init=init, bias_init=init, name=name)(x)


def conv(
    x: Float[Array, "n height width c_in"],
    channels: int,
    kernel_size: tuple[int, int],
    strides: int = 1,
    padding: int = 0,
    name: str | None = None,
) -> Float[Array, "n rows columns c_out"]:
    """A new nn.Conv of the calling compact module, applied to x; initialized as torch.nn.Conv2d.

    Args:
        x: images.
        channels: channels of the result.
        kernel_size: height and width of the kernel, pixels.
        strides: pixels from one output to the next, in both directions.
        padding: zeros on each of the four sides, pixels.
        name: of the layer in the parameters.
    """
    init = uniform_by_fan_in(math.prod(kernel_size) * x.shape[-1])
    sides = ((padding, padding), (padding, padding))
    return nn.Conv(channels, kernel_size, strides, padding=sides, kernel_init=init, bias_init=init, name=name)(x)
