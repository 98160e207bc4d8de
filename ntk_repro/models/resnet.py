"""ResNet18 with a 3x3 stem for small images, as in Ortiz-Jimenez et al. 2021."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.models.activations import activation_fn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm around a skip connection (projected where the shape changes)."""

    channels: int
    stride: int
    norm: Callable[..., nn.Module]
    act: Callable
    residual_scale_init: float

    @nn.compact
    def __call__(self, x):
        """Maps (n, h, w, c) to (n, h / stride, w / stride, channels)."""
        conv = partial(nn.Conv, self.channels, use_bias=False)
        y = self.act(self.norm()(conv((3, 3), strides=self.stride)(x)))
        y = self.norm(scale_init=nn.initializers.constant(self.residual_scale_init))(conv((3, 3))(y))
        if x.shape != y.shape:
            x = self.norm(name="norm_proj")(conv((1, 1), strides=self.stride, name="conv_proj")(x))
        return self.act(x + y)


class ResNet18(nn.Module):
    """Four stages of two residual blocks; BatchNorm uses its stored statistics unless `train` is set.

    `residual_scale_init` is the initial scale of each block's last BatchNorm: 0 as in the authors' public code, where
    every block starts as the identity and only about 2% of the parameters have a gradient at initialization, or 1.

    Source: Ortiz-Jimenez et al. 2021, appendix A.
    """

    channels: int = 64
    stage_sizes: Sequence[int] = (2, 2, 2, 2)
    num_outputs: int = 1
    activation: str = "relu"
    residual_scale_init: float = 0.0

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"], train: bool = False) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each; with `train` by the statistics of this very batch."""
        act = activation_fn(self.activation)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, epsilon=1e-5)
        x = nn.Conv(self.channels, (3, 3), padding=1, use_bias=False, name="conv_init")(x)
        x = act(norm(name="norm_init")(x))
        for stage, size in enumerate(self.stage_sizes):
            for block in range(size):
                stride = 2 if stage > 0 and block == 0 else 1
                x = ResidualBlock(self.channels * 2**stage, stride, norm, act, self.residual_scale_init)(x)
        return nn.Dense(self.num_outputs)(jnp.mean(x, axis=(1, 2)))
