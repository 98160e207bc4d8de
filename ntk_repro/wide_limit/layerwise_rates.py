"""Learning rates by layer with which a network in NTK parameterization trains as in the standard one.

Source: Lee et al. 2019, appendix F (Eqs. S36, S37).
"""

import functools
from collections.abc import Callable, Sequence
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


def outputs_apart(
    ntk: Network,
    standard: Network,
    x: Float[np.ndarray, "n ..."],
    y: Float[np.ndarray, "n k"],
    *,
    rates: PyTree,
    standard_rate: float,
    sigma_w: float,
    sigma_b: float,
    loss: str = "half_mean_squared_error",
    steps: Sequence[int] = (0, 1, 10, 100),
) -> Float[np.ndarray, " s"]:
    """The difference between gradient descent in the two parameterizations from one function, in float64.

    Source: Lee et al. 2019, appendix F: 0 up to rounding before the first step, and throughout by Eq. (S37).

    Args:
        ntk: the network in NTK parameterization, with the parameters to start from.
        standard: the same architecture in standard parameterization; its parameters are not used.
        x: training inputs, all in every step.
        y: targets.
        rates: a learning rate for each parameter in NTK parameterization, such as `rates_by_parameter`.
        standard_rate: that of all parameters in standard parameterization.
        sigma_w: of W = sigma_w / sqrt(n_l) omega.
        sigma_b: of b = sigma_b beta.
        loss: as for `ntk_repro.training.descend`.
        steps: after which steps, increasing.

    Returns:
        max |f_ntk - f_standard| / max |f_standard - f_0| over the outputs on x, before the first step / max |f_0|.
    """
    known = Loss.named(loss)
    with float64_scope(), jax.default_matmul_precision("highest"):
        params = cast(ntk.params, np.dtype("float64"))
        starts = {"ntk": params, "standard": standard_parameters(params, sigma_w, sigma_b)}
        all_rates = {"ntk": rates, "standard": jax.tree.map(lambda _: standard_rate, params)}
        data = jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64)
        fx_ntk, fx_standard = (
            np.asarray(_outputs_of_descent(net.apply_fn, known, max(steps))(starts[p], net.state, all_rates[p], *data))
            for p, net in (("ntk", ntk), ("standard", standard))
        )
    start = fx_standard[0]
    sizes = [np.abs(fx_standard[step] - (start if step else 0.0)).max() for step in steps]
    return np.array([np.abs(fx_ntk[step] - fx_standard[step]).max() for step in steps]) / sizes


@functools.lru_cache(maxsize=8)
def _outputs_of_descent(apply_fn: Callable, loss: Loss, steps: int) -> Callable[..., Float[Array, "s n k"]]:
    """Before the first step and after each."""

    @jax.jit
    def outputs(params, state, rates, x, y):
        def value(params):
            fx = apply_fn(params, state, x)
            return loss(fx, y), fx

        def step(params, _):
            gradient, fx = jax.grad(value, has_aux=True)(params)
            return jax.tree.map(lambda p, g, eta: p - eta * g, params, gradient, rates), fx

        return jax.lax.scan(step, params, length=steps + 1)[1]

    return outputs


def _name(path: Any) -> str:
    return str(path[-1].key)


def _fan_in(kernel: Any) -> int:
    return int(np.prod(kernel.shape[:-1]))


def _check_bias(path: Any, sigma_b: float) -> None:
    if _name(path) != "bias" or not sigma_b:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        raise UserError(f"Eq. S37 has no learning rate for {name}: use a network of dense layers, and its sigma_b")
