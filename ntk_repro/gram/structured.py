"""The exact Gram matrix by structure: features of each batch in one pass, then matrix products, tile by tile."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.gram.agreement import agreeing_layers
from ntk_repro.gram.features import Features, Plan, features_of, kernel_tile, plan_for
from ntk_repro.gram.layers import capture_fn, find_layers
from ntk_repro.gram.schedule import Schedule
from ntk_repro.network import Network
from ntk_repro.progress import progress

__all__ = ["block_fn", "fill", "structured_gram", "structured_plan"]


def structured_gram(
    net: Network,
    x1: Float[np.ndarray, "n1 ..."],
    x2: Float[np.ndarray, "n2 ..."] | None,
    outputs: str | int,
    num_outputs: int,
) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`, whose arguments it takes checked and cast."""
    plan = structured_plan(net, x1, outputs, num_outputs)
    n1, n2 = len(x1), len(x1) if x2 is None else len(x2)
    dtype = np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))
    schedule = Schedule.of(plan, n1, n2, dtype.itemsize)
    block = block_fn(net, plan, schedule, outputs if isinstance(outputs, int) else None)
    rows_per_sample = num_outputs if plan.blocks else 1
    k = np.empty((n1 * rows_per_sample, n2 * rows_per_sample), dtype)
    fill(k, plan, schedule, lambda i: block(x1, i), None if x2 is None else lambda j: block(x2, j))
    return k


def structured_plan(net: Network, x: Float[np.ndarray, "n ..."], outputs: str | int, num_outputs: int) -> Plan:
    """How the kernel of a network is multiplied out, after its layers were checked against autodiff on two samples."""
    layers = agreeing_layers(net, find_layers(net, x[:2]), x[:2])
    p_rest = net.num_params - sum(layer.num_params for layer in layers)
    cotangents = 1 if isinstance(outputs, int) else num_outputs
    return plan_for(layers, cotangents, outputs == "full", p_rest)


def block_fn(
    net: Network, plan: Plan, schedule: Schedule, output: int | None
) -> Callable[[Float[np.ndarray, "n ..."], int], Features]:
    """The function (x, index) -> features of one block of x, made pass by pass.

    Args:
        net: the network.
        plan: see `structured_plan`.
        schedule: sizes of passes and blocks.
        output: the output to differentiate, None for all.
    """
    features = _features_fn(net.apply_fn, plan, output)

    def block(x: np.ndarray, index: int) -> Features:
        rows = x[index * schedule.tile : (index + 1) * schedule.tile]
        passes = []
        for start in range(0, len(rows), schedule.batch):
            batch = rows[start : start + schedule.batch]
            # The last sample is repeated to fill the pass, so that one compiled function serves all.
            padded = np.concatenate([batch, np.repeat(batch[-1:], schedule.batch - len(batch), axis=0)])
            passes.append(features(net.params, net.state, padded))
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *passes) if len(passes) > 1 else passes[0]
        return jax.tree.map(lambda a: a[: len(rows)], joined)

    return block


def fill(
    k: Float[np.ndarray, "rows columns"],
    plan: Plan,
    schedule: Schedule,
    row_block: Callable[[int], Features],
    column_block: Callable[[int], Features] | None,
) -> None:
    """Computes all tiles into k; one triangle, and its mirror image, where there is no `column_block`."""
    step = schedule.tile * (plan.num_cotangents if plan.blocks else 1)
    tile_fn = _tile_fn(plan)

    def write(i: int, j: int, tile: Array) -> None:
        values = np.asarray(tile)
        rows, columns = slice(i * step, i * step + len(values)), slice(j * step, j * step + values.shape[1])
        if column_block is None and i == j:
            # Both halves of a product with itself differ in rounding: the upper one is taken.
            values = np.triu(values) + np.triu(values, 1).T
        k[rows, columns] = values
        if column_block is None and i != j:
            k[columns, rows] = values.T

    with progress("kernel", schedule.num_tiles(symmetric=column_block is None), "tiles") as advance:
        waiting = None
        for i, j, one, two in schedule.tiles(row_block, column_block):
            # The next tile is handed to the device before the last one is copied out.
            tile = tile_fn(one, two)
            if waiting is not None:
                write(*waiting)
                advance()
            waiting = (i, j, tile)
        if waiting is not None:
            write(*waiting)
            advance()


@functools.lru_cache(maxsize=16)
def _features_fn(apply_fn: Callable, plan: Plan, output: int | None) -> Callable[..., Features]:
    capture = capture_fn(apply_fn, plan.layers, output)
    return jax.jit(lambda params, state, x: features_of(capture(params, state, x), plan))


@functools.lru_cache(maxsize=16)
def _tile_fn(plan: Plan) -> Callable[[Features, Features], Array]:
    """Sums over cotangents are means over outputs here."""
    scale = 1 if plan.blocks else 1 / plan.num_cotangents
    return jax.jit(lambda one, two: scale * kernel_tile(plan, one, two))
