"""Full-batch training of a small network, with its kernel and the factors of its Jacobian at every step.

Source: Lee et al. 2019, appendix G (Eqs. S42 to S46).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.wide_limit.jacobian_factors import (
    FactoredFcn,
    Factors,
    Params,
    gradient,
    jacobian_distance,
    jacobian_products,
)


class Problem(NamedTuple):
    """What a network is trained on, and how.

    Attributes:
        x: training inputs (n, d).
        y: targets (n,).
        x_test: test inputs (m, d).
        learning_rate: eta, of the loss 1/2 sum (f - y)^2; of the flow the time of one step.
        norm: what J J^T is divided by: the width in standard parameterization (Eq. S42), 1 in NTK parameterization.
    """

    x: Array
    y: Array
    x_test: Array
    learning_rate: Array
    norm: Array


class Path(NamedTuple):
    """A network at the times 0 to T, in steps; n training and m test inputs, L hidden layers.

    Attributes:
        residuals: g = f - y on the training inputs (T + 1, n).
        fx_test: outputs on the test inputs (T + 1, m).
        kernel: Theta_t (T + 1, n, n).
        test_kernel: Theta_t between test and training inputs (T + 1, m, n).
        middle: J J_t^T / norm with J halfway to the next parameters (T + 1, n, n); of the flow Theta_t.
        distance: ||theta_t - theta_0|| (T + 1,).
        jacobian_distance: ||J_t - J_0||_F / sqrt(norm) (T + 1,).
        activations: ||x^l|| over the training inputs, l = 1 to L (T + 1, L).
        deltas: ||delta^l||, l = 1 to L (T + 1, L).
    """

    residuals: Array
    fx_test: Array
    kernel: Array
    test_kernel: Array
    middle: Array
    distance: Array
    jacobian_distance: Array
    activations: Array
    deltas: Array


def moved(params: Params, direction: Params, by: Array | float) -> Params:
    """params + by * direction."""
    return jax.tree.map(lambda p, d: p + by * d, params, direction)


def length(params: Params) -> Float[Array, ""]:
    """The Euclidean norm of all parameters together."""
    return jnp.sqrt(sum(jnp.sum(matrix**2) for matrix in params))


def norms(arrays: list[Array]) -> Float[Array, " L"]:
    """The Frobenius norm of each array."""
    return jnp.stack([jnp.linalg.norm(a) for a in arrays])


def descent_path(network: FactoredFcn, start: Params, problem: Problem, steps: int, flow: bool) -> tuple[Path, Params]:
    """Trains a network by gradient descent (Eq. S45) or gradient flow (Eq. S46).

    The flow is integrated by the Runge-Kutta method of fourth order, so eta must be well below 1 / lambda_max.

    Returns:
        the path and the last parameters.
    """
    first = network.factors(start, problem.x)

    def slope(params: Params) -> Params:
        factors = network.factors(params, problem.x)
        return gradient(factors, problem.y - factors.fx)

    def step(params: Params, _: None) -> tuple[Params, Path]:
        factors, test = (network.factors(params, x) for x in (problem.x, problem.x_test))
        k1, eta = gradient(factors, problem.y - factors.fx), problem.learning_rate
        if flow:
            k2 = slope(moved(params, k1, eta / 2))
            k3 = slope(moved(params, k2, eta / 2))
            k4 = slope(moved(params, k3, eta))
            direction = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
            middle = factors
        else:
            direction = k1
            middle = network.factors(moved(params, k1, eta / 2), problem.x)
        observed = Path(
            residuals=factors.fx - problem.y,
            fx_test=test.fx,
            kernel=jacobian_products(factors, factors) / problem.norm,
            test_kernel=jacobian_products(test, factors) / problem.norm,
            middle=jacobian_products(middle, factors) / problem.norm,
            distance=length(moved(params, start, -1.0)),
            jacobian_distance=jacobian_distance(factors, first) / jnp.sqrt(problem.norm),
            activations=norms(network.activations(factors)),
            deltas=norms(list(factors.deltas[:-1])),
        )
        return moved(params, direction, eta), observed

    last, path = jax.lax.scan(step, start, None, length=steps + 1)
    return path, last


class Ball(NamedTuple):
    """Constants of a ball around the start, for pairs of its centre and a point in one of three directions.

    The directions: a random one, that of the loss's gradient, and that of the gradient of one sample's output, whose
    part in every layer has rank one.

    Attributes:
        jacobian: ||J||_F / sqrt(norm) at the centre and the three points (4,).
        lipschitz: change of J / sqrt(norm) over the distance (3,).
        activations_lipschitz: change of x^l over the distance (3, L).
        deltas_lipschitz: change of delta^l over the distance (3, L).
        weights: operator norm of each weight matrix at the three points (3, L + 1).
    """

    jacobian: Array
    lipschitz: Array
    activations_lipschitz: Array
    deltas_lipschitz: Array
    weights: Array


def ball_constants(network: FactoredFcn, start: Params, problem: Problem, radius: Array, key: Array) -> Ball:
    """The constants of Lemmas 1 and 2 and of their proof (Eqs. S47, S84 to S86, S99), in a ball of this radius."""
    centre = network.factors(start, problem.x)
    keys = jax.random.split(key, len(start))
    directions = (
        tuple(jax.random.normal(k, matrix.shape, matrix.dtype) for k, matrix in zip(keys, start, strict=True)),
        gradient(centre, centre.fx - problem.y),
        gradient(centre, jnp.zeros_like(problem.y).at[0].set(1.0)),
    )
    points = [moved(start, direction, radius / length(direction)) for direction in directions]
    around = [network.factors(point, problem.x) for point in points]

    def size(factors: Factors) -> Array:
        return jnp.sqrt(jnp.trace(jacobian_products(factors, factors)) / problem.norm)

    def change(a: list[Array], b: list[Array]) -> Array:
        return norms([p - q for p, q in zip(a, b, strict=True)]) / radius

    start_activations, start_deltas = network.activations(centre), list(centre.deltas[:-1])
    return Ball(
        jacobian=jnp.stack([size(centre), *map(size, around)]),
        lipschitz=jnp.stack([jacobian_distance(centre, one) for one in around]) / radius / jnp.sqrt(problem.norm),
        activations_lipschitz=jnp.stack([change(start_activations, network.activations(one)) for one in around]),
        deltas_lipschitz=jnp.stack([change(start_deltas, list(one.deltas[:-1])) for one in around]),
        weights=jnp.stack([operator_norms(network, point) for point in points]),
    )


def operator_norms(network: FactoredFcn, params: Params) -> Float[Array, " layers"]:
    """The largest singular value of every weight matrix."""
    return jnp.stack([jnp.linalg.norm(matrix, ord=2) for matrix in network.weights(params)])
