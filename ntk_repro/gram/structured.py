"""The exact Gram matrix by structure: features of each batch in one pass, then matrix products, tile by tile."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.gram.features import Features, Plan, features_of, gradient, kernel_tile, plan_for
from ntk_repro.gram.layers import Layer, capture_fn, find_layers
from ntk_repro.gram.memory import available_bytes, readable_bytes
from ntk_repro.network import Network
from ntk_repro.progress import progress

__all__ = ["NOT_FINITE", "structured_gram", "structured_plan"]

NOT_FINITE = "the kernel is not finite: the network overflows on these inputs, or its parameters are broken"

# Half-made features of this many bytes stay in the CPU's cache, which makes them about 4 times faster than large ones.
_CPU_PASS_BYTES = 16 * 2**20
# Largest intermediate of a tile in positions form.
_TILE_BYTES = 256 * 2**20
# The share of the available memory that features may take.
_FEATURE_SHARE = 0.5


def structured_gram(
    net: Network,
    x1: Float[np.ndarray, "n1 ..."],
    x2: Float[np.ndarray, "n2 ..."] | None,
    outputs: str | int,
    num_outputs: int,
) -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`, whose arguments it takes checked and cast."""
    plan = structured_plan(net, x1, outputs, num_outputs)
    n2 = len(x1) if x2 is None else len(x2)
    dtype = np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))
    schedule = _Schedule.of(plan, len(x1), n2, dtype.itemsize)
    features = _features_fn(net.apply_fn, plan, outputs if isinstance(outputs, int) else None)

    def block(x: np.ndarray, index: int) -> Features:
        """Features of one tile's rows, made pass by pass; the last rows are repeated to fill the block."""
        rows = x[index * schedule.tile : (index + 1) * schedule.tile]
        passes = []
        for start in range(0, len(rows), schedule.batch):
            batch = rows[start : start + schedule.batch]
            padded = np.concatenate([batch, np.repeat(batch[-1:], schedule.batch - len(batch), axis=0)])
            passes.append(features(net.params, net.state, padded))
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *passes) if len(passes) > 1 else passes[0]
        return jax.tree.map(lambda a: a[: len(rows)], joined)

    rows_per_sample = num_outputs if plan.blocks else 1
    k = np.empty((len(x1) * rows_per_sample, n2 * rows_per_sample), dtype)
    step = schedule.tile * rows_per_sample
    scale = 1 / num_outputs if outputs == "mean" else 1
    tile_fn = _tile_fn(plan)

    def write(i: int, j: int, tile: Array) -> None:
        values = np.asarray(tile)
        if scale != 1:
            values = values * dtype.type(scale)
        rows, columns = slice(i * step, i * step + len(values)), slice(j * step, j * step + values.shape[1])
        if x2 is not None:
            k[rows, columns] = values
        elif i == j:
            # Both halves of a product with itself differ in rounding: the upper one is taken.
            k[rows, columns] = np.triu(values) + np.triu(values, 1).T
        else:
            k[rows, columns] = values
            k[columns, rows] = values.T

    with progress("kernel", schedule.num_tiles(symmetric=x2 is None), "tiles") as advance:
        waiting = None
        for i, j, one, two in schedule.tiles(lambda i: block(x1, i), None if x2 is None else lambda j: block(x2, j)):
            # The next tile is handed to the device before the last one is copied out.
            tile = tile_fn(one, two)
            if waiting is not None:
                write(*waiting)
                advance()
            waiting = (i, j, tile)
        if waiting is not None:
            write(*waiting)
            advance()
    return k


def structured_plan(net: Network, x: Float[np.ndarray, "n ..."], outputs: str | int, num_outputs: int) -> Plan:
    """How the kernel of a network is multiplied out, after its layers were checked against autodiff on two samples."""
    layers = _agreeing(net, find_layers(net, x[:2]), x[:2])
    p_rest = net.num_params - sum(layer.num_params for layer in layers)
    cotangents = 1 if isinstance(outputs, int) else num_outputs
    return plan_for(layers, cotangents, outputs == "full", p_rest)


def _agreeing(net: Network, layers: tuple[Layer, ...], x: np.ndarray) -> tuple[Layer, ...]:
    """The layers whose captured gradients are those of autodiff; the others, named in a warning, go by autodiff.

    A layer fails whose weights are used in another way as well than by calling it (tied weights).
    """
    if not layers:
        return layers
    try:
        structured, dense = jax.device_get(_probe_fn(net.apply_fn, layers)(net.params, net.state, x))
    except jax.errors.UnexpectedTracerError:
        # Some layer is inside a lifted transform and cannot hand out its inputs: find those that can.
        return tuple(one for layer in layers for one in _agreeing(net, (layer,), x)) if len(layers) > 1 else ()
    tolerance = 1e-9 if structured[0].dtype == np.float64 else 1e-3
    kept = []
    for layer, ours, autodiff in zip(layers, structured, dense, strict=True):
        if not np.isfinite(autodiff).all():
            raise UserError(NOT_FINITE)
        if np.abs(ours - autodiff).max() <= tolerance * np.abs(autodiff).max():
            kept.append(layer)
        else:
            warnings.warn(
                f"the weights of layer {'/'.join(layer.path)} are used outside its own call: it goes by autodiff, "
                "which is exact but slower",
                stacklevel=4,
            )
    return tuple(kept)


@functools.lru_cache(maxsize=16)
def _probe_fn(apply_fn: Callable, layers: tuple[Layer, ...]) -> Callable:
    def probe(params, state, x):
        captured = capture_fn(apply_fn, layers, 0)(params, state, x)
        structured = [gradient(layer, captured.inputs[layer.path], captured.cotangents[layer.path]) for layer in layers]
        per_sample = jax.vmap(jax.grad(lambda p, x: apply_fn(p, state, x[None])[0, 0]), in_axes=(None, 0))(params, x)
        dense = []
        for layer in layers:
            own: Any = per_sample
            for name in layer.path:
                own = own[name]
            names = ("kernel", "bias") if layer.use_bias else ("kernel",)
            dense.append(jnp.concatenate([own[name].reshape(len(x), 1, -1) for name in names], axis=-1))
        return structured, dense

    return jax.jit(probe)


@functools.lru_cache(maxsize=16)
def _features_fn(apply_fn: Callable, plan: Plan, output: int | None) -> Callable[..., Features]:
    capture = capture_fn(apply_fn, plan.layers, output)
    return jax.jit(lambda params, state, x: features_of(capture(params, state, x), plan))


@functools.lru_cache(maxsize=16)
def _tile_fn(plan: Plan) -> Callable[[Features, Features], Array]:
    return jax.jit(functools.partial(kernel_tile, plan))


@dataclasses.dataclass(frozen=True)
class _Schedule:
    """In which order tiles are computed and how many blocks of features are held.

    Attributes:
        batch: samples in one pass through the network.
        tile: samples in a block of features, a multiple of `batch` unless there are fewer.
        rows: blocks of rows in all.
        columns: blocks of columns in all.
        held: blocks of row features held at once; the others are made again when their turn comes.
    """

    batch: int
    tile: int
    rows: int
    columns: int
    held: int

    @classmethod
    def of(cls, plan: Plan, n1: int, n2: int, itemsize: int) -> "_Schedule":
        """The schedule for this machine.

        Raises:
            UserError: when not even two blocks of features fit into memory.
        """
        on_cpu = jax.default_backend() == "cpu"
        sample = plan.floats_per_sample * itemsize
        making = plan.floats_per_pass * itemsize
        budget = _FEATURE_SHARE * (available_bytes() - (n1 * n2 * itemsize if on_cpu else 0))
        longest = max(n1, n2)
        batch = (_CPU_PASS_BYTES if on_cpu else budget / 8) // making
        batch = int(min(max(batch, 8), 256 if on_cpu else 1024, longest))
        positions = [
            layer.positions for layer, form in zip(plan.layers, plan.forms, strict=True) if form == "positions"
        ]
        widest = max([1, *positions]) * (plan.num_cotangents if plan.blocks else 1)
        largest = min(int((_TILE_BYTES / itemsize) ** 0.5 / widest), 512 if on_cpu else 8192)
        # Two blocks at least are held: the row's and the column's.
        fitting = int(budget / 2 / sample)
        if fitting < 1:
            raise UserError(
                f"the features of one sample need {readable_bytes(sample)} and {readable_bytes(budget)} may be used: "
                "free memory or take a narrower network"
            )
        batch = min(batch, fitting)
        tile = max(min(largest, fitting, longest) // batch, 1) * batch
        rows, columns = -(-n1 // tile), -(-n2 // tile)
        held = int(budget // (sample * tile)) - 1
        return cls(batch, tile, rows, columns, max(min(held, rows), 1))

    def num_tiles(self, symmetric: bool) -> int:
        return self.rows * (self.rows + 1) // 2 if symmetric else self.rows * self.columns

    def tiles(
        self, row_block: Callable[[int], Features], column_block: Callable[[int], Features] | None
    ) -> Iterator[tuple[int, int, Features, Features]]:
        """All tiles (of the upper triangle where there is no `column_block`) with their features, each once.

        Row features are held for a group of blocks; a column's features are made once a group.
        """
        for start in range(0, self.rows, self.held):
            stop = min(start + self.held, self.rows)
            group = {i: row_block(i) for i in range(start, stop)}
            for j in range(start if column_block is None else 0, self.columns):
                two = column_block(j) if column_block else group[j] if j in group else row_block(j)
                for i in range(start, stop):
                    if column_block is None and i > j:
                        break
                    yield i, j, group[i], two
