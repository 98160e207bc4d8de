"""Learning rates by layer with which a network in NTK parameterization trains as in the standard one.

Source: Lee et al. 2019, appendix F (Eqs. S36, S37).
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.precision import cast, float64_scope
from ntk_repro.training import Loss

PyTree = Any


class LayerRates(NamedTuple):
    """Learning rates of one layer in NTK parameterization.

    Attributes:
        weights: of its weights.
        biases: of its biases; None where sigma_b is 0, and there are none.
    """

    weights: float
    biases: float | None


def widest_layer(params: PyTree) -> int:
    """n_max, the largest number of inputs of a layer: the input of the network counts, its output does not."""
    return max(_fan_in(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params) if _name(path) == "kernel")


def standard_learning_rate(eta_0: float, n_max: int) -> float:
    """eta_std = eta_0 / n_max, the learning rate of all parameters of a network in standard parameterization.

    Source: Lee et al. 2019, appendix F.
    """
    return eta_0 / n_max


def layerwise_learning_rates(eta_0: float, fan_in: int, n_max: int, sigma_w: float, sigma_b: float) -> LayerRates:
    """The rates at which a layer in NTK parameterization trains as at `standard_learning_rate` in the standard one.

    Per layer n_l / (n_max sigma_w^2) eta_0 for weights and 1 / (n_max sigma_b^2) eta_0 for biases.
    Source: Lee et al. 2019, Eq. (S37).

    Args:
        eta_0: the learning rate that does not depend on the width.
        fan_in: n_l, the number of inputs of the layer.
        n_max: the largest n_l of the network.
        sigma_w: of W = sigma_w / sqrt(n_l) omega.
        sigma_b: of b = sigma_b beta.
    """
    return LayerRates(fan_in / (n_max * sigma_w**2) * eta_0, eta_0 / (n_max * sigma_b**2) if sigma_b else None)


def rates_by_parameter(params: PyTree, eta_0: float, sigma_w: float, sigma_b: float) -> PyTree:
    """Eq. S37 for each parameter of a network of dense and convolutional layers in NTK parameterization.

    Args:
        params: as Flax names them: every layer has a `kernel`, and a `bias` where sigma_b is not 0.
        eta_0: the learning rate that does not depend on the width.
        sigma_w: of W = sigma_w / sqrt(n_l) omega.
        sigma_b: of b = sigma_b beta.

    Returns:
        The parameters' structure with a number for each array.

    Raises:
        UserError: for parameters of other layers.
    """
    n_max = widest_layer(params)

    def rate(path: Any, leaf: Array) -> float:
        if _name(path) == "kernel":
            return layerwise_learning_rates(eta_0, _fan_in(leaf), n_max, sigma_w, sigma_b).weights
        _check_bias(path, sigma_b)
        return layerwise_learning_rates(eta_0, 1, n_max, sigma_w, sigma_b).biases or 0.0

    return jax.tree_util.tree_map_with_path(rate, params)


def standard_parameters(params: PyTree, sigma_w: float, sigma_b: float) -> PyTree:
    """The parameters in standard parameterization of the function that these have in NTK parameterization.

    W = sigma_w / sqrt(n_l) omega and b = sigma_b beta. Source: Lee et al. 2019, Eqs. (1) and (S36).

    Raises:
        UserError: for parameters of other layers than dense and convolutional ones.
    """

    def value(path: Any, leaf: Array) -> Array:
        if _name(path) == "kernel":
            return leaf * (sigma_w / np.sqrt(_fan_in(leaf)))
        _check_bias(path, sigma_b)
        return leaf * sigma_b

    return jax.tree_util.tree_map_with_path(value, params)


def one_step_apart(
    ntk: Network,
    standard: Network,
    x: Float[np.ndarray, "n ..."],
    y: Float[np.ndarray, "n k"],
    *,
    eta_0: float,
    sigma_w: float,
    sigma_b: float,
    loss: str = "half_mean_squared_error",
) -> float:
    """The difference between one step of gradient descent in the two parameterizations, as a share of the step.

    The networks start at the same function; the one in NTK parameterization steps by Eq. S37, the other by
    `standard_learning_rate`. In float64, so that 0 up to rounding means that Eq. S37 holds.

    Returns:
        max |f_ntk - f_standard| / max |f_standard - f_0| over the outputs on x after the step.
    """
    rates = rates_by_parameter(ntk.params, eta_0, sigma_w, sigma_b)
    rate = standard_learning_rate(eta_0, widest_layer(ntk.params))
    with float64_scope(), jax.default_matmul_precision("highest"):
        params = cast(ntk.params, np.dtype("float64"))
        starts = params, standard_parameters(params, sigma_w, sigma_b)
        step = _outputs_around_a_step(ntk.apply_fn, standard.apply_fn, Loss.named(loss))
        data = jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64)
        before, f_ntk, f_standard = step(starts, (ntk.state, standard.state), rates, rate, *data)
        return float(jnp.abs(f_ntk - f_standard).max() / jnp.abs(f_standard - before).max())


@functools.lru_cache(maxsize=8)
def _outputs_around_a_step(ntk_fn: Callable, standard_fn: Callable, loss: Loss) -> Callable[..., tuple[Array, ...]]:
    @jax.jit
    def outputs(starts, states, rates, rate, x, y):
        def after(apply_fn, params, state, rates):
            gradient = jax.grad(lambda params: loss(apply_fn(params, state, x), y))(params)
            return apply_fn(jax.tree.map(lambda p, g, eta: p - eta * g, params, gradient, rates), state, x)

        same = jax.tree.map(lambda _: rate, starts[1])
        return (
            standard_fn(starts[1], states[1], x),
            after(ntk_fn, starts[0], states[0], rates),
            after(standard_fn, starts[1], states[1], same),
        )

    return outputs


def _name(path: Any) -> str:
    return str(path[-1].key)


def _fan_in(kernel: Any) -> int:
    return int(np.prod(kernel.shape[:-1]))


def _check_bias(path: Any, sigma_b: float) -> None:
    if _name(path) != "bias" or not sigma_b:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        raise UserError(f"Eq. S37 has no learning rate for {name}: use a network of dense layers, and its sigma_b")
