"""Fully connected networks whose Jacobian is kept as its factors, the inputs and the gradients of every layer.

Source: Lee et al. 2019, appendix G.3 (Eqs. S82, S83, S88).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.models import FCN, activation_fn

Params = tuple[Array, ...]
"""One matrix a layer, (fan_in + 1, fan_out): the weights, and under them the biases where there are any."""


class Factors(NamedTuple):
    """Outputs of m samples, and the factors of their Jacobian: sample i has u_i^l (delta_i^l)^T for layer l.

    Attributes:
        fx: outputs (m,).
        inputs: for each layer u^l (m, fan_in + 1): what its matrix multiplies.
        deltas: for each layer delta^l (m, fan_out): the gradient of the output with respect to what the matrix gives.
    """

    fx: Array
    inputs: tuple[Array, ...]
    deltas: tuple[Array, ...]


@dataclass(frozen=True)
class FactoredFcn:
    """An `FCN` of one output.

    Attributes:
        activation: its name.
        scales: for each layer the factor on its inputs.
        bias_scale: the factor on the biases, 0 where there are none.
    """

    activation: str
    scales: tuple[float, ...]
    bias_scale: float

    @classmethod
    def of(cls, module: FCN, input_size: int) -> Self:
        """The functions of a module with this many input numbers."""
        fan_ins = (input_size, *[module.hidden] * module.depth)
        if module.parameterization == "standard":
            return cls(module.activation, (1.0,) * len(fan_ins), float(module.finite.use_bias))
        return cls(module.activation, tuple(module.sigma_w / n**0.5 for n in fan_ins), module.sigma_b)

    def params(self, variables: Any) -> Params:
        """The matrices of the module's parameters, in the precision of the scope."""
        names = [*(f"Dense_{layer}" for layer in range(len(self.scales) - 1)), "readout"]
        layers = [variables["params"][name] for name in names]
        matrices = [
            jnp.concatenate([layer["kernel"], layer["bias"][None]]) if self.bias_scale else layer["kernel"]
            for layer in layers
        ]
        return tuple(jnp.asarray(matrix, float) for matrix in matrices)

    def weights(self, params: Params) -> tuple[Array, ...]:
        """The matrices without the biases."""
        return tuple(matrix[:-1] if self.bias_scale else matrix for matrix in params)

    def activations(self, factors: Factors) -> list[Float[Array, "m n"]]:
        """The outputs x^1, ..., x^L of the hidden layers."""
        inputs = [u[:, :-1] if self.bias_scale else u for u in factors.inputs]
        return [u / scale for u, scale in zip(inputs[1:], self.scales[1:], strict=True)]

    def factors(self, params: Params, x: Float[Array, "m d"]) -> Factors:
        """Outputs and Jacobian of some inputs."""
        act, inputs, slopes = activation_fn(self.activation), [], []
        for layer, (matrix, scale) in enumerate(zip(params, self.scales, strict=True)):
            u = scale * x
            if self.bias_scale:
                u = jnp.concatenate([u, jnp.full((len(x), 1), self.bias_scale)], axis=1)
            inputs.append(u)
            h = u @ matrix
            if layer < len(params) - 1:
                x, slope = jax.jvp(act, (h,), (jnp.ones_like(h),))
                slopes.append(slope)
        deltas = [jnp.ones_like(h)]
        for matrix, scale, slope in zip(self.weights(params)[:0:-1], self.scales[:0:-1], slopes[::-1], strict=True):
            deltas.append(scale * (deltas[-1] @ matrix.T) * slope)
        return Factors(h[:, 0], tuple(inputs), tuple(deltas[::-1]))


def jacobian_products(a: Factors, b: Factors) -> Float[Array, "m1 m2"]:
    """J_a J_b^T: of a network with itself its NTK."""
    layers = zip(a.inputs, b.inputs, a.deltas, b.deltas, strict=True)
    return sum((u @ v.T) * (d @ e.T) for u, v, d, e in layers)  # type: ignore[return-value]


def jacobian_distance(a: Factors, b: Factors) -> Float[Array, ""]:
    """||J_a - J_b||_F for the same samples."""
    traces = [jnp.trace(jacobian_products(*pair)) for pair in ((a, a), (b, b), (a, b))]
    return jnp.sqrt(jnp.maximum(traces[0] + traces[1] - 2 * traces[2], 0.0))


def gradient(factors: Factors, coefficients: Float[Array, " m"]) -> Params:
    """J^T c, the gradient of the outputs' sum with these coefficients."""
    layers = zip(factors.inputs, factors.deltas, strict=True)
    return tuple((u * coefficients[:, None]).T @ delta for u, delta in layers)
