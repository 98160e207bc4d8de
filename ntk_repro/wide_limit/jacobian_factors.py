"""Fully connected networks whose Jacobian is kept as its factors, the inputs and the gradients of every layer.

In NumPy and float64, with many networks at once on the first axis of every array: compiling a program for each width
would take longer than training these small networks.

Source: Lee et al. 2019, appendix G.3 (Eqs. S82, S83, S88).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float

from ntk_repro.models import FCN

Params = list[np.ndarray]
"""One array a layer, (networks, fan_in + 1, fan_out): the weights, and under them the biases where there are any."""


def _erf(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import erf

    return erf(h), 2 / np.pi**0.5 * np.exp(-(h**2))


def _tanh(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = np.tanh(h)
    return value, 1 - value**2


# Values and slopes of the activations with a Lipschitz derivative.
ACTIVATIONS = {"tanh": _tanh, "erf": _erf, "identity": lambda h: (h, np.ones_like(h))}


class Factors(NamedTuple):
    """Outputs of m samples, and the factors of their Jacobian: sample i has u_i^l (delta_i^l)^T for layer l.

    Attributes:
        fx: outputs (s, m), of s networks.
        inputs: for each layer u^l (s, m, fan_in + 1): what its matrix multiplies.
        deltas: for each layer delta^l (s, m, fan_out): the gradient of the output by what the matrix gives.
    """

    fx: np.ndarray
    inputs: list[np.ndarray]
    deltas: list[np.ndarray]


@dataclass(frozen=True)
class FactoredFcn:
    """An `FCN` of one output.

    Attributes:
        activation: one of `ACTIVATIONS`.
        sizes: numbers of inputs, of units in each hidden layer, and of outputs.
        scales: for each layer the factor on its inputs.
        bias_scale: the factor on the biases, 0 where there are none.
        weight_stds: for each layer the standard deviation of a weight at initialization.
        bias_std: that of a bias.
    """

    activation: str
    sizes: tuple[int, ...]
    scales: tuple[float, ...]
    bias_scale: float
    weight_stds: tuple[float, ...]
    bias_std: float

    @classmethod
    def of(cls, module: FCN, input_size: int) -> Self:
        """The functions of a module with this many input numbers."""
        fan_ins = (input_size, *[module.hidden] * module.depth)
        scales, ones = tuple(module.sigma_w / n**0.5 for n in fan_ins), (1.0,) * len(fan_ins)
        bias = float(module.finite.use_bias)
        if module.parameterization == "standard":
            return cls(module.activation, (*fan_ins, 1), ones, bias, scales, module.sigma_b)
        return cls(module.activation, (*fan_ins, 1), scales, module.sigma_b, ones, bias)

    def initial(self, rng: np.random.Generator, networks: int) -> Params:
        """Parameters at initialization."""
        layers = []
        for fan_in, fan_out, std in zip(self.sizes[:-1], self.sizes[1:], self.weight_stds, strict=True):
            layer = [std * rng.normal(size=(networks, fan_in, fan_out))]
            if self.bias_scale:
                layer.append(self.bias_std * rng.normal(size=(networks, 1, fan_out)))
            layers.append(np.concatenate(layer, axis=1))
        return layers

    def weights(self, params: Params) -> Params:
        """The matrices without the biases."""
        return [matrix[:, :-1] if self.bias_scale else matrix for matrix in params]

    def activations(self, factors: Factors) -> list[Float[np.ndarray, "s m n"]]:
        """The outputs x^1, ..., x^L of the hidden layers."""
        inputs = [u[..., :-1] if self.bias_scale else u for u in factors.inputs]
        return [u / scale for u, scale in zip(inputs[1:], self.scales[1:], strict=True)]

    def factors(self, params: Params, x: Float[np.ndarray, "m d"]) -> Factors:
        """Outputs and Jacobian of some inputs."""
        act, inputs, slopes = ACTIVATIONS[self.activation], [], []
        values = h = np.broadcast_to(x, (len(params[0]), *x.shape))
        for matrix, scale in zip(params, self.scales, strict=True):
            u = scale * values
            if self.bias_scale:
                u = np.concatenate([u, np.full((*u.shape[:2], 1), self.bias_scale)], axis=2)
            inputs.append(u)
            h = u @ matrix
            values, slope = act(h)
            slopes.append(slope)
        deltas = [np.ones_like(h)]
        back = zip(self.weights(params)[:0:-1], self.scales[:0:-1], slopes[-2::-1], strict=True)
        for matrix, scale, slope in back:
            deltas.append(scale * (deltas[-1] @ matrix.swapaxes(1, 2)) * slope)
        return Factors(h[..., 0], inputs, deltas[::-1])


def jacobian_products(a: Factors, b: Factors) -> Float[np.ndarray, "s m1 m2"]:
    """J_a J_b^T: of a network with itself its NTK."""
    layers = zip(a.inputs, b.inputs, a.deltas, b.deltas, strict=True)
    return sum((u @ v.swapaxes(1, 2)) * (d @ e.swapaxes(1, 2)) for u, v, d, e in layers)  # type: ignore[return-value]


def jacobian_distance(a: Factors, b: Factors) -> Float[np.ndarray, " s"]:
    """||J_a - J_b||_F for the same samples."""
    aa, bb, ab = (np.trace(jacobian_products(*pair), axis1=1, axis2=2) for pair in ((a, a), (b, b), (a, b)))
    return np.sqrt(np.maximum(aa + bb - 2 * ab, 0.0))


def gradient(factors: Factors, coefficients: Float[np.ndarray, "s m"]) -> Params:
    """J^T c, the gradient of the outputs' sum with these coefficients."""
    layers = zip(factors.inputs, factors.deltas, strict=True)
    return [(u * coefficients[..., None]).swapaxes(1, 2) @ delta for u, delta in layers]


def moved(params: Params, direction: Params, by: float | Float[np.ndarray, " s"]) -> Params:
    """params + by * direction."""
    factor = np.reshape(by, (-1, 1, 1))
    return [p + factor * d for p, d in zip(params, direction, strict=True)]


def length(params: Params) -> Float[np.ndarray, " s"]:
    """The Euclidean norm of all parameters of a network together."""
    return np.sqrt(sum(np.sum(matrix**2, axis=(1, 2)) for matrix in params))


def norms(arrays: Sequence[np.ndarray]) -> Float[np.ndarray, "s arrays"]:
    """The Frobenius norm of each array, of every network."""
    return np.stack([np.linalg.norm(a, axis=(1, 2)) for a in arrays], axis=1)


def operator_norms(network: FactoredFcn, params: Params) -> Float[np.ndarray, "s layers"]:
    """The largest singular value of every weight matrix."""
    return np.stack([np.linalg.norm(matrix, 2, axis=(1, 2)) for matrix in network.weights(params)], axis=1)
