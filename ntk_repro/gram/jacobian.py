"""The Gram matrix from whole Jacobians: the obviously right way, for few samples."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from ntk_repro.gram.arguments import KernelArguments
from ntk_repro.gram.memory import check_memory, host_available_bytes
from ntk_repro.network import Network


def jacobian(net: Network, x: Shaped[np.ndarray, "n ..."], num_outputs: int) -> Float[np.ndarray, "n k p"]:
    """The derivative of every output with respect to every parameter, by reverse mode, sample by sample.

    Raises:
        UserError: when it does not fit into memory.
    """
    dtype = np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))
    shape = (len(x), num_outputs, net.num_params)
    remedy = 'take fewer samples, or method="structured"'
    needed, available = math.prod(shape) * dtype.itemsize, 0.8 * host_available_bytes()
    check_memory(f"the Jacobian of {len(x):,} samples", needed, available, remedy)

    @jax.jit
    def one(x):
        tree = jax.jacrev(lambda params: net.apply(params, x[None])[0])(net.params)
        return [leaf.reshape(num_outputs, -1) for leaf in jax.tree.leaves(tree)]

    found = np.empty(shape, dtype)
    for row, sample in zip(found, x, strict=True):
        np.concatenate([np.asarray(leaf) for leaf in one(sample)], axis=-1, out=row)
    return found


def jacobian_gram(arguments: KernelArguments) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`."""
    net, x1, x2, outputs, num_outputs = arguments
    j1 = jacobian(net, x1, num_outputs)
    j2 = j1 if x2 is None else jacobian(net, x2, num_outputs)
    if isinstance(outputs, int):
        j1, j2 = j1[:, outputs : outputs + 1], j2[:, outputs : outputs + 1]
    if outputs == "full":
        k = j1.reshape(-1, j1.shape[-1]) @ j2.reshape(-1, j2.shape[-1]).T
    else:
        k = j1.reshape(len(j1), -1) @ j2.reshape(len(j2), -1).T / j1.shape[1]
    return (k + k.T) / 2 if x2 is None else k
