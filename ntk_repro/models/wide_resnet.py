"""The wide residual network of Lee et al. 2019, Table S1, with its infinite-width twin where there is one."""

from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.infinite_width import NUMERICAL_DEGREE
from ntk_repro.models.parameterized import Parameterization, ParameterizedNetwork

_STRIDES = (1, 2, 2)


class WideResNetBlock(nn.Module):
    """Twice BatchNorm, activation and 3x3 convolution, around a skip connection.

    Where the block halves the image, the skip connection is a 1x1 convolution of the same stride on the normalised and
    activated input, as in Zagoruyko and Komodakis' public code.
    """

    channels: int
    stride: int
    norm: Callable[[Array, str], Array]
    act: Callable[[Array], Array]
    how: Parameterization

    @nn.compact
    def __call__(self, x):
        """Maps (n, h, w, c) to (n, h / stride, w / stride, channels)."""
        y = self.act(self.norm(x, "norm_0"))
        skip = x
        if self.stride != 1 or x.shape[-1] != self.channels:
            skip = self.how.conv(y, self.channels, (1, 1), self.stride, name="conv_skip")
        y = self.how.conv(y, self.channels, strides=self.stride, name="conv_0")
        y = self.how.conv(self.act(self.norm(y, "norm_1")), self.channels, name="conv_1")
        return skip + y


class WideResNet(ParameterizedNetwork):
    """A 3x3 convolution, three groups of `blocks` residual blocks with strides 1, 2, 2, an average over all pixels and
    a dense readout.

    Every layer has `channels` channels. The order is BatchNorm-ReLU-Conv, with BatchNorm and ReLU once more before the
    average. BatchNorm uses its stored statistics unless `train` is set. With `batch_norm=False` the same without it.

    Source: Lee et al. 2019, Table S1 and Figure 4 (N = `blocks` = 1, 1,024 channels); skip connections and the last
    BatchNorm, which the table leaves out, as in Zagoruyko and Komodakis 2016. Further settings and errors as in
    `ParameterizedNetwork`.
    """

    channels: int = 1024
    blocks: int = 1
    batch_norm: bool = True
    sigma_w: float = field(default=1.0, kw_only=True)

    @nn.compact
    def __call__(self, x: Float[Array, "n height width channels"], train: bool = False) -> Float[Array, "n outputs"]:
        """Maps images to `num_outputs` numbers each; with `train` by the statistics of this very batch."""
        act = activation_fn(self.activation)
        how = self.finite
        norm = partial(_normalised, train=train) if self.batch_norm else _unchanged
        x = how.conv(x, self.channels, name="conv_init")
        for group, stride in enumerate(_STRIDES):
            for block in range(self.blocks):
                name = f"group_{group}_block_{block}"
                x = WideResNetBlock(self.channels, stride if block == 0 else 1, norm, act, how, name=name)(x)
        x = act(norm(x, "norm_last")).mean((1, 2))
        self.sow("intermediates", "readout_inputs", x)
        return how.dense(x, self.num_outputs, name="readout")

    def stax_twin(self, degree: int = NUMERICAL_DEGREE) -> tuple[Any, Any, Any]:
        """(init_fn, apply_fn, kernel_fn) of the same architecture by `nt.stax`; `degree` is of its quadrature.

        Raises:
            UserError: with BatchNorm, whose infinite-width limit `nt.stax` does not have.
        """
        if self.batch_norm:
            raise UserError(
                "wide_resnet has no analytic kernel with BatchNorm: build it with batch_norm=False, or take its "
                "empirical kernel (empirical_gram)"
            )
        infinite = self.infinite(degree)
        stax = infinite.stax
        act = partial(infinite.activation, self.activation)
        layers = [infinite.conv(self.channels)]
        for stride in _STRIDES:
            for block in range(self.blocks):
                s = stride if block == 0 else 1
                main = (infinite.conv(self.channels, strides=s), act(), infinite.conv(self.channels))
                if s == 1:
                    layers.append(infinite.residual(stax.Identity(), stax.serial(act(), *main)))
                else:
                    skip = infinite.conv(self.channels, (1, 1), s)
                    layers += [act(), infinite.residual(skip, stax.serial(*main))]
        return stax.serial(*layers, act(), stax.GlobalAvgPool(), infinite.dense(self.num_outputs))


def _normalised(x: Array, name: str, train: bool) -> Array:
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name=name)(x)


def _unchanged(x: Array, name: str) -> Array:
    return x
