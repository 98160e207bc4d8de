"""Dense and convolutional layers in NTK and in standard parameterization, for the architectures of Lee et al. 2019."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from ntk_repro.errors import check_name
from ntk_repro.models.infinite_width import InfiniteWidth
from ntk_repro.ranges import check_not_negative, check_positive, check_whole

PARAMETERIZATIONS = ("ntk", "standard")


@dataclasses.dataclass(frozen=True)
class Parameterization:
    """Where the scale of a layer enters: in its equation ("ntk") or in its initialization ("standard").

    With fan_in inputs to an output and omega, beta ~ N(0, 1) at initialization, both compute

        y = x W + b,    W = sigma_w / sqrt(fan_in) omega,    b = sigma_b beta,

    but "ntk" trains omega and beta, "standard" W and b themselves. The same key therefore gives the same function at
    initialization, and different gradients. With sigma_b = 0 there is no bias in either.

    Source: Lee et al. 2019, Eq. (1) (NTK parameterization) and section F (standard parameterization).

    Raises:
        UserError: for an unknown name, sigma_w not above 0, sigma_b below 0.
    """

    name: str
    sigma_w: float
    sigma_b: float

    def __post_init__(self):
        check_name("parameterization", self.name, PARAMETERIZATIONS)
        check_positive(sigma_w=self.sigma_w)
        check_not_negative(sigma_b=self.sigma_b)

    @property
    def use_bias(self) -> bool:
        """Whether layers have a bias."""
        return self.sigma_b > 0

    def dense(self, x: Float[Array, "... d_in"], features: int, name: str | None = None) -> Float[Array, "... d_out"]:
        """A new nn.Dense of the calling compact module, applied to x."""
        return self._scaled(x, x.shape[-1], lambda **inits: nn.Dense(features, name=name, **inits))

    def conv(
        self,
        x: Float[Array, "n height width c_in"],
        channels: int,
        kernel_size: tuple[int, int] = (3, 3),
        strides: int = 1,
        name: str | None = None,
    ) -> Float[Array, "n rows columns c_out"]:
        """A new nn.Conv with SAME padding of the calling compact module, applied to x."""
        fan_in = math.prod(kernel_size) * x.shape[-1]
        return self._scaled(
            x, fan_in, lambda **inits: nn.Conv(channels, kernel_size, strides, padding="SAME", name=name, **inits)
        )

    def _scaled(self, x: Array, fan_in: int, layer: Callable[..., Any]) -> Array:
        scale = self.sigma_w / math.sqrt(fan_in)
        kernel_std, bias_std = (scale, self.sigma_b) if self.name == "standard" else (1.0, 1.0)
        made = layer(
            use_bias=self.use_bias,
            kernel_init=nn.initializers.normal(kernel_std),
            bias_init=nn.initializers.normal(bias_std),
        )
        if self.name == "standard":
            return made(x)
        # Scaled outside of the layer, so that it remains an nn.Dense or nn.Conv, which the Gram engine knows.
        if not self.use_bias:
            return made(x * scale)
        return self.sigma_b * made(x * (scale / self.sigma_b))


class ParameterizedNetwork(nn.Module, kw_only=True):
    """The common part of the networks of Lee et al. 2019: the parameterization of their finite and infinite layers.

    Source: Lee et al. 2019; `Parameterization` says what sigma_w, sigma_b and parameterization mean.

    Raises:
        UserError: for sizes below 1, and what `Parameterization` refuses.
    """

    num_outputs: int = 1
    activation: str = "relu"
    sigma_w: float = 2**0.5
    sigma_b: float = 0.0
    parameterization: str = "ntk"

    def __post_init__(self):
        _ = self.finite  # which refuses values out of range
        for field in dataclasses.fields(self):
            if field.type is int:
                check_whole(field.name, getattr(self, field.name))
        super().__post_init__()

    @property
    def finite(self) -> Parameterization:
        """The layers of the network."""
        return Parameterization(self.parameterization, self.sigma_w, self.sigma_b)

    def infinite(self, degree: int) -> InfiniteWidth:
        """The layers of its twin by `nt.stax`; `degree` is of its quadrature."""
        return InfiniteWidth(self.parameterization, self.sigma_w, self.sigma_b, degree)
