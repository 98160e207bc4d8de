"""From coefficients in function space back to the weights: theta_0 + J^T c."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope


def weight_change(
    net: Network, x_train: Float[np.ndarray, "n ..."], coefficients: Float[np.ndarray, "*T n k"], batch_size: int = 500
) -> PyTree:
    """J^T c, the sum over samples and outputs of c times the gradient of that output, by reverse mode in batches.

    Source: Lee et al. 2019, Eq. (8), whose weights are net.params plus this.

    Args:
        net: the network; the gradients are taken at `net.params`, with its state frozen.
        x_train: the samples that the coefficients belong to.
        coefficients: of each sample and output; times of any shape *T come first.
        batch_size: samples whose gradients are summed at once.

    Returns:
        A pytree like `net.params`, each leaf with the axes *T first.

    Raises:
        UserError: coefficients of a shape that does not fit the samples and the network's outputs.
    """
    x_train, coefficients = np.asarray(x_train), np.asarray(coefficients)
    with precision_scope(_precision(net)):
        outputs = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct(x_train.shape, x_train.dtype))
        if coefficients.shape[-2:] != outputs.shape:
            raise UserError(f"coefficients must end in the outputs' shape {outputs.shape}, not {coefficients.shape}")
        flat = coefficients.reshape(-1, *outputs.shape).astype(outputs.dtype)

        @jax.jit
        def batch_change(params: Any, x: jax.Array, c: jax.Array) -> Any:
            _, pull = jax.vjp(lambda params: net.apply(params, x), params)
            return jax.vmap(pull)(c)[0]

        total: Any = None
        for start in range(0, len(x_train), batch_size):
            rows = slice(start, start + batch_size)
            change = batch_change(net.params, x_train[rows], flat[:, rows])
            total = change if total is None else jax.tree.map(jnp.add, total, change)
        return jax.tree.map(lambda leaf: leaf.reshape(*coefficients.shape[:-2], *leaf.shape[1:]), total)


def moved_weights(
    net: Network, x_train: Float[np.ndarray, "n ..."], coefficients: Float[np.ndarray, "*T n k"]
) -> PyTree:
    """`net.params` plus `weight_change`, in the precision of the parameters."""
    change = weight_change(net, x_train, coefficients)
    with precision_scope(_precision(net)):
        return jax.tree.map(lambda leaf, moved: leaf + moved, net.params, change)


def initial_outputs(net: Network, x_train: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n k"]:
    """The network's outputs in float64, computed in the precision of its parameters."""
    with precision_scope(_precision(net)):
        return net(x_train).astype(np.float64)


def _precision(net: Network) -> str:
    wide = any(np.dtype(leaf.dtype) == np.float64 for leaf in jax.tree.leaves(net.params))
    return "float64" if wide else "float32"
