"""The Gram matrix by neural-tangents: `nt.empirical_kernel_fn` under `nt.batch`."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import KernelArguments
from ntk_repro.gram.structured.schedule import Blocks
from ntk_repro.progress import progress

_BATCH = 32


@functools.lru_cache(maxsize=16)
def neural_tangents_kernel_fn(apply_fn: Callable, outputs: str | int, implementation: int = 1) -> Callable:
    """The jitted kernel of a block: (params, state, x1, x2) -> (n1, n2), or (n1, n2, k, k) for "full".

    Args:
        apply_fn: of the network.
        outputs: as in `empirical_gram`.
        implementation: neural-tangents' 1 (Jacobian contraction) or 2 (NTK-vector products).
    """
    from ntk_repro._neural_tangents import nt

    def kernel(params, state, x1, x2):
        def f(params, x):
            fx = apply_fn(params, state, x)
            return fx[:, outputs, None] if isinstance(outputs, int) else fx

        axes = () if outputs == "full" else (-1,)
        kernel_fn = nt.empirical_kernel_fn(f, trace_axes=axes, vmap_axes=0, implementation=implementation)
        return kernel_fn(x1, x2, "ntk", params)

    return jax.jit(kernel)


def neural_tangents_gram(arguments: KernelArguments) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`.

    `nt.batch` wants the number of samples to be a multiple of the batch size: the last sample is repeated to fill it,
    and the rows and columns of the repetitions are cut off.
    """
    from ntk_repro._neural_tangents import nt

    net, x1, x2, outputs, num_outputs = arguments
    if not isinstance(x1, np.ndarray):
        raise UserError('method="neural_tangents" takes one array of inputs: take method="structured" for several')
    kernel = neural_tangents_kernel_fn(net.apply_fn, outputs)
    blocks, n2 = Blocks(len(x1), _BATCH, _BATCH), arguments.n2
    # One call a row of blocks, so that progress can be shown; nt.batch walks the blocks of the row.
    batched = nt.batch(lambda x1, x2: kernel(net.params, net.state, x1, x2), _BATCH, store_on_device=False)
    columns = jnp.asarray(Blocks(n2, n2 + -n2 % _BATCH, _BATCH).take(x1 if x2 is None else x2, 0))
    rows = []
    with progress("kernel by neural-tangents", blocks.count, "rows of blocks") as advance:
        for block in range(blocks.count):
            rows.append(np.asarray(batched(jnp.asarray(blocks.take(x1, block)), columns)))
            advance()
    k = np.concatenate(rows)[: len(x1), :n2]
    if outputs == "full":
        k = k.transpose(0, 2, 1, 3).reshape(len(x1) * num_outputs, n2 * num_outputs)
    return (k + k.T) / 2 if x2 is None else k
