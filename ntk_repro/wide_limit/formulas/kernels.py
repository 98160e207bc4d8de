"""Kernels of Lee et al. 2019: Eq. (4), footnote 10 and the recursions (S25) to (S29)."""

import functools

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.gram import AnalyticKernel, analytic_kernel, empirical_gram, fcn_kernels
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.wide_limit.formulas.measured import Measured, exact, furthest, residual, worst

Kernel = Float[np.ndarray, "n n"]

_INPUTS, _SIZE = 6, 12
_DRAWS, _WIDTH = 200_000, 256  # of Eq. (S25)


def _inputs(rng: np.random.Generator, count: int = _INPUTS, size: int = _SIZE) -> Float[np.ndarray, "n d"]:
    return rng.normal(size=(count, size))


def fcn_kernel(x: Float[np.ndarray, "n d"], activation: str, depth: int = 3, sigma_b: float = 0.0) -> AnalyticKernel:
    """The kernels of the infinitely wide network in float64, sigma_w^2 = 1.5."""
    module = build_model("fcn", hidden=8, depth=depth, activation=activation, sigma_w=1.5**0.5, sigma_b=sigma_b)
    return analytic_kernel(module, x)


def _sum_over_layers(rng: np.random.Generator) -> Measured:
    """Eq. (4): the kernel of each layer's parameters alone, added up."""
    x = _inputs(rng)
    net = Network.create("fcn", 0, x.shape[1:], hidden=32, depth=2, activation="tanh", sigma_b=0.3)
    parts = []
    for layer in net.params:

        def of_layer(params, inputs, layer=layer):
            return net.apply({**net.params, layer: params}, inputs)

        part = Network.from_apply(of_layer, net.params[layer])
        parts.append(empirical_gram(part, x, method="jacobian", precision="float64"))
    return residual(np.sum(parts, axis=0), empirical_gram(net, x, precision="float64"))


def _recursion(which: int):
    """Eqs. (S26) of the NNGP kernel and (S29) of the NTK, against `nt.stax`; ReLU and erf, depth 1 to 4.

    Between different inputs: on the diagonal the angle of ReLU is 0, which rounding turns into 1e-8 in `nt.stax`.
    """

    def formula(rng: np.random.Generator) -> Measured:
        x, found, apart = _inputs(rng), [], ~np.eye(_INPUTS, dtype=bool)
        for activation in ("relu", "erf"):
            for depth in (1, 2, 3, 4):
                for sigma_b in (0.0, 0.3):
                    ours = fcn_kernels(x, depth=depth, activation=activation, sigma_w=1.5**0.5, sigma_b=sigma_b)
                    theirs = fcn_kernel(x, activation, depth, sigma_b)
                    found.append(residual(ours[which][apart], (theirs.nngp, theirs.ntk)[which][apart]))
        return worst(found)

    return formula


def _base_case(rng: np.random.Generator) -> Measured:
    """Eq. (S27): the covariance of the first layer, from that of the second with the identity in between."""
    x = _inputs(rng)
    second = fcn_kernel(x, "identity", 1, 0.3).nngp
    return residual(1.5 * (x @ x.T) / x.shape[1] + 0.09, (second - 0.09) / 1.5)


@functools.cache
def _second_layer(seed: int) -> tuple[Float[np.ndarray, "draws units n"], Kernel]:
    """Two units of the second layer of random ReLU networks on three inputs, and their covariance K^2."""
    rng = np.random.default_rng(seed)
    x, sigma_w, sigma_b = _inputs(rng, 3, 3), 2**0.5, 0.3
    units = np.empty((_DRAWS, 2, len(x)))
    for start in range(0, _DRAWS, 1000):
        part = units[start : start + 1000]
        first = rng.normal(size=(len(part), _WIDTH, 3)) @ x.T * (sigma_w / 3**0.5)
        first += sigma_b * rng.normal(size=(len(part), _WIDTH, 1))
        part[:] = rng.normal(size=(len(part), 2, _WIDTH)) @ np.maximum(first, 0) * (sigma_w / _WIDTH**0.5)
        part += sigma_b * rng.normal(size=(len(part), 2, 1))
    return units, fcn_kernels(x, depth=1, activation="relu", sigma_w=sigma_w, sigma_b=sigma_b)[0]


def _units(rng: np.random.Generator) -> tuple[Float[np.ndarray, "draws units n"], Kernel]:
    return _second_layer(int(rng.integers(2**31)))  # the same for all formulas, which start from equal generators


def _mean(rng: np.random.Generator) -> Measured:
    """Eq. (S25): the mean of a unit, in its standard deviations."""
    units, k = _units(rng)
    return furthest(units.mean(axis=0) / np.sqrt(np.diag(k)), np.full(units.shape[1:], len(units) ** -0.5))


def _covariance(rng: np.random.Generator) -> Measured:
    """Eq. (S25): the covariance of a unit over inputs less K^2, as a share of the variances."""
    units, k = _units(rng)
    scale = np.sqrt(np.outer(np.diag(k), np.diag(k)))
    products = np.einsum("rui,ruj->ruij", units, units) / scale
    return furthest(products.mean(axis=0) - k / scale, products.std(axis=0) / len(units) ** 0.5)


def _independent_units(rng: np.random.Generator) -> Measured:
    """Eq. (S25): the correlation of two units, at any two inputs."""
    units, k = _units(rng)
    scale = np.sqrt(np.outer(np.diag(k), np.diag(k)))
    products = np.einsum("ri,rj->rij", units[:, 0], units[:, 1]) / scale
    return furthest(products.mean(axis=0), products.std(axis=0) / len(units) ** 0.5)


def _gaussian(rng: np.random.Generator) -> Measured:
    """Eq. (S25): the excess kurtosis of a unit, 0 of a Gaussian (of this width 15 / n)."""
    units, _ = _units(rng)
    z = units / units.std(axis=0)
    return furthest((z**4).mean(axis=0) - 3, np.full(units.shape[1:], (24 / len(units)) ** 0.5))


def off_proportional(theta: Kernel, k: Kernel) -> float:
    """The smallest ||Theta - c K|| / ||Theta|| over c."""
    c = np.sum(theta * k) / np.sum(k * k)
    return float(np.linalg.norm(theta - c * k) / np.linalg.norm(theta))


def _identity_is_proportional(rng: np.random.Generator) -> Measured:
    """Footnote 10: Theta = (L + 1) K with the identity as activation and no bias."""
    kernel = fcn_kernel(_inputs(rng), "identity")
    return residual(4 * kernel.nngp, kernel.ntk)


def _others_are_not(rng: np.random.Generator) -> Measured:
    """Footnote 10: with a bias, or another activation, K and Theta are not proportional; the nearest of these."""
    x = _inputs(rng, 20, 64)
    cases = [fcn_kernel(x, "identity", sigma_b=0.1**0.5), fcn_kernel(x, "tanh"), fcn_kernel(x, "relu")]
    return exact(min(off_proportional(kernel.ntk, kernel.nngp) for kernel in cases))


def _positive(activation: str):
    """Assumption 2 of appendix G: lambda_min / lambda_max of Theta on the unit sphere, of more inputs than numbers."""

    def formula(rng: np.random.Generator) -> Measured:
        x = _inputs(rng, 16, 4)
        values = np.linalg.eigvalsh(fcn_kernel(x / np.linalg.norm(x, axis=1, keepdims=True), activation).ntk)
        return exact(values[0] / values[-1])

    return formula


def block_errors(
    width: int, seeds: int, x: Float[np.ndarray, "n d"]
) -> tuple[Float[np.ndarray, "quantities seeds"], ...]:
    """Of random networks of one width, how far parts of their kernels are from what they converge to, relatively.

    Rows: blocks of different outputs, which are 0 in Eq. (S28); blocks of equal outputs less their mean; the readout's
    part less K (S31); the other layers' part less sigma_w^2 Theta T' (S35).
    """
    k, theta = fcn_kernels(x, depth=2, activation="relu", sigma_w=2**0.5, sigma_b=0.3)
    module = build_model("fcn", hidden=width, depth=2, activation="relu", sigma_w=2**0.5, sigma_b=0.3, num_outputs=3)
    n, rows = len(x), []
    for seed in range(seeds):
        net = Network.create(module, jax.random.fold_in(jax.random.key(width), seed), x.shape[1:])
        readout = list(net.params)[-1]

        def of_readout(params, inputs, net=net, readout=readout):
            return net.apply({**net.params, readout: params}, inputs)

        whole = empirical_gram(net, x, outputs="full").reshape(n, 3, n, 3).transpose(1, 3, 0, 2)
        part = empirical_gram(Network.from_apply(of_readout, net.params[readout]), x)
        diagonal, off = whole[range(3), range(3)], whole[~np.eye(3, dtype=bool)]
        mean = diagonal.mean(axis=0)
        before = theta - k
        rows.append(
            [
                np.sqrt((off**2).mean() / (theta**2).mean()),
                np.sqrt(((diagonal - mean) ** 2).mean() / (theta**2).mean()),
                np.linalg.norm(part - k) / np.linalg.norm(k),
                np.linalg.norm(mean - part - before) / np.linalg.norm(before),
            ]
        )
    return tuple(np.array(rows).T)


FORMULAS = {
    "4": _sum_over_layers,
    "footnote 10 identity": _identity_is_proportional,
    "footnote 10 others": _others_are_not,
    "S25 mean": _mean,
    "S25 covariance": _covariance,
    "S25 units": _independent_units,
    "S25 Gaussian": _gaussian,
    "S26": _recursion(0),
    "S27": _base_case,
    "S29": _recursion(1),
    **{f"positive {name}": _positive(name) for name in ("tanh", "erf", "relu", "identity")},
}
"""By the equation or footnote: (generator) -> what it is measured by."""
