"""The Gram matrix by neural-tangents: `nt.empirical_kernel_fn` under `nt.batch`."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.network import Network
from ntk_repro.progress import progress

__all__ = ["neural_tangents_gram", "neural_tangents_kernel_fn"]


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


def neural_tangents_gram(
    net: Network,
    x1: Float[np.ndarray, "n1 ..."],
    x2: Float[np.ndarray, "n2 ..."] | None,
    outputs: str | int,
    num_outputs: int,
    batch_size: int = 32,
    implementation: int = 1,
) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`, whose arguments it takes checked and cast.

    `nt.batch` wants the number of samples to be a multiple of the batch size: the last sample is repeated to fill it,
    and the rows and columns of the repetitions are cut off.
    """
    from ntk_repro._neural_tangents import nt

    kernel = neural_tangents_kernel_fn(net.apply_fn, outputs, implementation)

    def padded(x):
        return np.concatenate([x, np.repeat(x[-1:], -len(x) % batch_size, axis=0)])

    n1, n2 = len(x1), len(x1) if x2 is None else len(x2)
    # One call a row of blocks, so that progress can be shown; nt.batch walks the blocks of the row.
    batched = nt.batch(lambda x1, x2: kernel(net.params, net.state, x1, x2), batch_size, store_on_device=False)
    columns = jnp.asarray(padded(x1 if x2 is None else x2))
    rows = []
    with progress("kernel by neural-tangents", -(-n1 // batch_size), "rows of blocks") as advance:
        for start in range(0, n1, batch_size):
            rows.append(np.asarray(batched(jnp.asarray(padded(x1[start : start + batch_size])), columns)))
            advance()
    k = np.concatenate(rows)[:n1, :n2]
    if outputs == "full":
        k = k.transpose(0, 2, 1, 3).reshape(n1 * num_outputs, n2 * num_outputs)
    return (k + k.T) / 2 if x2 is None else k
