"""Full-batch training of small networks, with their kernels and the factors of their Jacobians at every step.

Source: Lee et al. 2019, appendix G (Eqs. S42 to S46).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ntk_repro.wide_limit.jacobian_factors import (
    FactoredFcn,
    Factors,
    Params,
    gradient,
    jacobian_distance,
    jacobian_products,
    length,
    moved,
    norms,
    operator_norms,
)


@dataclass(frozen=True)
class Problem:
    """What networks are trained on, and how.

    Attributes:
        x: training inputs (n, d).
        y: targets (n,).
        x_test: test inputs (m, d).
        learning_rate: eta, of the loss 1/2 sum (f - y)^2; of the flow the time of one step.
        norm: what J J^T is divided by: the width in standard parameterization (Eq. S42), 1 in NTK parameterization.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    learning_rate: float
    norm: float


class Path(NamedTuple):
    """s networks at the times 0 to T, in steps; n training and m test inputs, L hidden layers.

    Attributes:
        residuals: g = f - y on the training inputs (s, T + 1, n).
        fx_test: outputs on the test inputs (s, T + 1, m).
        kernel: Theta_t (s, T + 1, n, n).
        test_kernel: Theta_t between test and training inputs (s, T + 1, m, n).
        middle: J J_t^T / norm with J halfway to the next parameters (s, T + 1, n, n); of the flow Theta_t.
        distance: ||theta_t - theta_0|| (s, T + 1).
        linear_distance: ||theta_t - theta_t^lin||, to the parameters of the linearized network (s, T + 1).
        activations: ||x^l|| over the training inputs, l = 1 to L (s, T + 1, L).
        deltas: ||delta^l||, l = 1 to L (s, T + 1, L).
    """

    residuals: np.ndarray
    fx_test: np.ndarray
    kernel: np.ndarray
    test_kernel: np.ndarray
    middle: np.ndarray
    distance: np.ndarray
    linear_distance: np.ndarray
    activations: np.ndarray
    deltas: np.ndarray


def descent_path(network: FactoredFcn, start: Params, problem: Problem, steps: int, flow: bool) -> tuple[Path, Params]:
    """Trains networks by gradient descent (Eq. S45) or gradient flow (Eq. S46).

    The flow is integrated by the Runge-Kutta method of fourth order, that of the linearized network, too, so eta must
    be well below 1 / lambda_max.

    Returns:
        the path, and the parameters at its end.
    """
    eta, norm = problem.learning_rate, problem.norm

    def slope(params: Params) -> Params:
        factors = network.factors(params, problem.x)
        return gradient(factors, problem.y - factors.fx)

    params, seen = start, []
    # The linearized network's parameters are theta_0 + J_0^T c, and a step takes c by -eta mean g^lin.
    first = network.factors(start, problem.x)
    linear = -eta * jacobian_products(first, first)
    mean = np.eye(len(problem.y)) + flow * (linear / 2 + linear @ linear / 6 + linear @ linear @ linear / 24)
    error, coefficients = first.fx - problem.y, np.zeros_like(first.fx)
    for step in range(steps + 1):
        factors, test = (network.factors(params, x) for x in (problem.x, problem.x_test))
        k1 = gradient(factors, problem.y - factors.fx)
        middle = factors if flow else network.factors(moved(params, k1, eta / 2), problem.x)
        path = Path(
            residuals=factors.fx - problem.y,
            fx_test=test.fx,
            kernel=jacobian_products(factors, factors) / norm,
            test_kernel=jacobian_products(test, factors) / norm,
            middle=jacobian_products(middle, factors) / norm,
            distance=length(moved(params, start, -1.0)),
            linear_distance=length(moved(moved(params, start, -1.0), gradient(first, coefficients), -1.0)),
            activations=norms(network.activations(factors)),
            deltas=norms(factors.deltas[:-1]),
        )
        seen.append(path)
        if step == steps:
            break
        if flow:
            k2 = slope(moved(params, k1, eta / 2))
            k3 = slope(moved(params, k2, eta / 2))
            k4 = slope(moved(params, k3, eta))
            k1 = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
        params = moved(params, k1, eta)
        of_step = np.einsum("sij,sj->si", np.broadcast_to(mean, linear.shape), error)
        coefficients, error = coefficients - eta * of_step, error + np.einsum("sij,sj->si", linear, of_step)
    return Path(*(np.stack(values, axis=1) for values in zip(*seen, strict=True))), params


class Ball(NamedTuple):
    """Constants of a ball around the start, for pairs of its centre and a point in one of three directions.

    The directions: a random one, that of the loss's gradient, and that of the gradient of one sample's output, whose
    part in every layer has rank one.

    Attributes:
        jacobian: ||J||_F / sqrt(norm) at the centre and the three points (s, 4).
        lipschitz: change of J / sqrt(norm) over the distance (s, 3).
        activations_lipschitz: change of x^l over the distance (s, 3, L).
        deltas_lipschitz: change of delta^l over the distance (s, 3, L).
        weights: operator norm of each weight matrix at the three points (s, 3, L + 1).
    """

    jacobian: np.ndarray
    lipschitz: np.ndarray
    activations_lipschitz: np.ndarray
    deltas_lipschitz: np.ndarray
    weights: np.ndarray


def ball_constants(
    network: FactoredFcn, start: Params, problem: Problem, radius: float, rng: np.random.Generator
) -> Ball:
    """The constants of Lemmas 1 and 2 and of their proof (Eqs. S47, S84 to S86, S99), in a ball of this radius."""
    centre = network.factors(start, problem.x)
    one = np.zeros_like(centre.fx)
    one[:, 0] = 1.0
    directions = (
        [rng.normal(size=matrix.shape) for matrix in start],
        gradient(centre, centre.fx - problem.y),
        gradient(centre, one),
    )
    points = [moved(start, direction, radius / length(direction)) for direction in directions]
    around = [network.factors(point, problem.x) for point in points]

    def size(factors: Factors) -> np.ndarray:
        return np.sqrt(np.trace(jacobian_products(factors, factors), axis1=1, axis2=2) / problem.norm)

    def change(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
        return norms([p - q for p, q in zip(a, b, strict=True)]) / radius

    x_0, d_0 = network.activations(centre), centre.deltas[:-1]
    return Ball(
        jacobian=np.stack([size(centre), *map(size, around)], axis=1),
        lipschitz=np.stack([jacobian_distance(centre, at) for at in around], axis=1) / radius / problem.norm**0.5,
        activations_lipschitz=np.stack([change(x_0, network.activations(at)) for at in around], axis=1),
        deltas_lipschitz=np.stack([change(d_0, at.deltas[:-1]) for at in around], axis=1),
        weights=np.stack([operator_norms(network, point) for point in points], axis=1),
    )
