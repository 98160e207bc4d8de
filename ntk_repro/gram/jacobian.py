"""The Gram matrix from whole Jacobians: the obviously right way, for few samples."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.gram.arguments import KernelArguments
from ntk_repro.memory import check_memory, host_available_bytes
from ntk_repro.network import Network
from ntk_repro.reservations import reserving
from ntk_repro.samples import Samples, number_of, take


def jacobian(net: Network, x: Samples, num_outputs: int) -> Float[np.ndarray, "n k p"]:
    """The derivative of every output with respect to every parameter, by reverse mode, sample by sample.

    Raises:
        UserError: when it does not fit into memory.
    """
    dtype = np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))
    shape = (number_of(x), num_outputs, net.num_params)
    remedy = 'take fewer samples, or method="structured"'
    needed = math.prod(shape) * dtype.itemsize

    @jax.jit
    def one(x):
        tree = jax.jacrev(lambda params: net.apply(params, take(x, None))[0])(net.params)
        return [leaf.reshape(num_outputs, -1) for leaf in jax.tree.leaves(tree)]

    with reserving(needed):
        check_memory(f"the Jacobian of {number_of(x):,} samples", needed, 0.8 * host_available_bytes(), remedy)
        found = np.empty(shape, dtype)
        for number, row in enumerate(found):
            np.concatenate([np.asarray(leaf) for leaf in one(take(x, number))], axis=-1, out=row)
    return found


def jacobian_gram(arguments: KernelArguments) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`."""
    _, x1, x2, outputs, _ = arguments
    j1 = _of_outputs(arguments, x1)
    j2 = j1 if x2 is None else _of_outputs(arguments, x2)
    if outputs == "full":
        k = j1.reshape(-1, j1.shape[-1]) @ j2.reshape(-1, j2.shape[-1]).T
    else:
        k = j1.reshape(len(j1), -1) @ j2.reshape(len(j2), -1).T / j1.shape[1]
    return (k + k.T) / 2 if x2 is None else k


def jacobian_diagonal(arguments: KernelArguments) -> Float[np.ndarray, "n"] | Float[np.ndarray, "n k"]:
    """The diagonal of the kernel, as `empirical_gram` returns it."""
    j = _of_outputs(arguments, arguments.x1)
    norms = np.einsum("nkp,nkp->nk", j, j)
    return norms if arguments.outputs == "full" else norms.mean(axis=1)


def _of_outputs(arguments: KernelArguments, x: Samples) -> Float[np.ndarray, "n c p"]:
    """The Jacobian of the outputs that are asked for."""
    j = jacobian(arguments.net, x, arguments.num_outputs)
    return j if arguments.output is None else j[:, [arguments.output]]
