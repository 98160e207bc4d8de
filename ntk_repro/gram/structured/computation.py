"""The exact Gram matrix by structure: features of each batch in one pass, then matrix products, tile by tile."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import KernelArguments
from ntk_repro.gram.capture import Layer, capture_fn, find_layers
from ntk_repro.gram.matrices import mirrored, place_tile
from ntk_repro.gram.probing import RecentlyUsed, signature
from ntk_repro.gram.shardings import shardings
from ntk_repro.gram.structured.agreement import agreeing_layers
from ntk_repro.gram.structured.feature_blocks import block_source
from ntk_repro.gram.structured.features import BlockFeatures, Features, Plan, Share, features_of, plan_for
from ntk_repro.gram.structured.products import kernel_tile
from ntk_repro.gram.structured.schedule import Blocks, Schedule, Tile
from ntk_repro.network import Network
from ntk_repro.parameters import layers_of
from ntk_repro.progress import progress
from ntk_repro.reservations import reserving
from ntk_repro.samples import Samples, shape_of_one, take


def structured_plan(net: Network, x: Samples, outputs: str | int, num_outputs: int) -> Plan:
    """How the kernel of a network is multiplied out, after its layers were checked against autodiff on two samples."""
    return _plan(net, _checked_layers(net, x), outputs, num_outputs)


def _plan(net: Network, layers: Sequence[Layer], outputs: str | int, num_outputs: int) -> Plan:
    p_others = net.num_params - sum(layer.num_params for layer in layers)
    cotangents = 1 if isinstance(outputs, int) else num_outputs
    return plan_for(layers, cotangents, outputs == "full", p_others)


def layerwise_plan(net: Network, x: Samples, outputs: str | int, num_outputs: int) -> tuple[Plan, tuple[Share, ...]]:
    """The plan of the kernel, and the share of each layer in the sense of `layers_of`."""
    leaves, numbers_of = jax.tree.leaves(net.params), layers_of(net.params)
    home = {number: name for name, numbers in numbers_of.items() for number in numbers}
    # A bias that stands in another layer than its kernel goes by autodiff, beside those of its own.
    layers = [
        layer if layer.bias is None or home[layer.bias] == home[layer.kernel] else dataclasses.replace(layer, bias=None)
        for layer in _checked_layers(net, x)
    ]
    plan = _plan(net, layers, outputs, num_outputs)
    captured = {number for layer in layers for number in (layer.kernel, layer.bias)}
    sizes = [0 if number in captured else np.size(leaf) for number, leaf in enumerate(leaves)]
    stops = np.cumsum(sizes).tolist()
    shares = []
    for name, numbers in numbers_of.items():
        own = [layer for layer in layers if home[layer.kernel] == name]
        columns = tuple((stops[i] - sizes[i], stops[i]) for i in numbers if i not in captured)
        others = sum(stop - start for start, stop in columns)
        shares.append(Share(name, plan_for(own, plan.num_cotangents, plan.blocks, others), columns))
    return plan, tuple(shares)


def _checked_layers(net: Network, x: Samples) -> tuple[Layer, ...]:
    # How weights are used depends on the function and on shapes, not on values: one check serves them all. One that
    # leaves a layer out warns of it, so it is done each time.
    key = signature(net, x)
    if key not in _checked:
        two = take(x, slice(2))
        layers = find_layers(net, two)
        kept = agreeing_layers(net, layers, two)
        if kept != layers:
            return kept
        _checked[key] = layers
    return _checked[key]


_checked = RecentlyUsed()


def structured_gram(arguments: KernelArguments, precision: str = "float32") -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`."""
    net, x1, _, outputs, num_outputs = arguments
    return _in_memory(arguments, structured_plan(net, x1, outputs, num_outputs), (), precision)


def structured_layerwise_gram(
    arguments: KernelArguments, precision: str = "float32"
) -> dict[str, Float[np.ndarray, "rows columns"]]:
    """The layerwise kernels of `empirical_gram`, from one pass over the samples."""
    net, x1, _, outputs, num_outputs = arguments
    plan, shares = layerwise_plan(net, x1, outputs, num_outputs)
    stacked = _in_memory(arguments, plan, shares, precision)
    return {share.name: k for share, k in zip(shares, stacked, strict=True)}


def _in_memory(arguments: KernelArguments, plan: Plan, shares: tuple[Share, ...], precision: str) -> np.ndarray:
    """The kernel (n1 c, n2 c), with shares one behind the other, (L, n1 c, n2 c)."""
    _, x1, x2, *_ = arguments
    c = plan.rows_per_sample
    stack = (len(shares),) if shares else ()
    k = np.empty((*stack, arguments.n1 * c, arguments.n2 * c), arguments.dtype)
    computation = Computation.planned(arguments, plan, precision, shares, result=k.nbytes)
    rows, columns = computation.schedule.rows, computation.schedule.columns or computation.schedule.rows

    def write(i: int, j: int, tile: np.ndarray) -> None:
        place_tile(k, i * rows.tile * c, j * columns.tile * c, tile, x2 is None)

    computation.run(write, x1, x2)
    return k


def structured_diagonal(
    arguments: KernelArguments, layerwise: bool = False
) -> dict[str, Float[np.ndarray, "n"]] | dict[str, Float[np.ndarray, "n k"]]:
    """The diagonal of each layer's kernel, as `empirical_gram` returns it; without `layerwise` that of all, "".

    Each sample's features are multiplied by themselves, so that memory holds those of one batch.
    """
    net, x, _, outputs, num_outputs = arguments
    plan, shares = structured_plan(net, x, outputs, num_outputs), ()
    if layerwise:
        plan, shares = layerwise_plan(net, x, outputs, num_outputs)
    computation = Computation.planned(arguments, plan, "float32", shares)
    batch = computation.schedule.rows.batch
    blocks = Blocks(arguments.n1, batch, batch)
    rows = []
    with progress("diagonal", blocks.count, "batches") as advance:
        for block in range(blocks.count):
            of_block = _diagonal(plan, shares, computation.features(x, blocks, block))
            rows.append(np.asarray(of_block)[: min(batch, arguments.n1 - block * batch)])
            advance()
    found = np.concatenate(rows)
    found = found if plan.blocks else found[..., 0] / plan.num_cotangents
    return {name: found[:, i] for i, name in enumerate([share.name for share in shares] or [""])}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _diagonal(plan: Plan, shares: tuple[Share, ...], features: BlockFeatures) -> Float[Array, "n L c"]:
    """The products of each sample's features with themselves, for each share (or all)."""

    def one(features: BlockFeatures) -> Array:
        return jnp.stack([jnp.diagonal(k) for k in _tiles(plan, shares, features, features)])

    return jax.vmap(one)(jax.tree.map(lambda part: part[:, None], features))


def _tiles(
    plan: Plan, shares: tuple[Share, ...], one: BlockFeatures, two: BlockFeatures
) -> list[Float[Array, "rows columns"]]:
    """The kernel between two blocks, or that of each share."""
    if isinstance(one, Features) and isinstance(two, Features):
        return [kernel_tile(plan, one, two)]
    assert isinstance(one, list)
    assert isinstance(two, list)
    return [kernel_tile(share.plan, a, b) for share, a, b in zip(shares, one, two, strict=True)]


@dataclasses.dataclass(frozen=True)
class Computation:
    """The computation of a kernel.

    Attributes:
        net: the network, its parameters in the float type of the kernel.
        plan: see `structured_plan`.
        schedule: sizes and order of blocks.
        output: the output to differentiate, None for all.
        precision: of the products between features: "float32" or "float64" (that of the features), "tf32", "bf16".
        shares: where each layer's kernel is computed by itself, else none: features are then one a share.
    """

    net: Network
    plan: Plan
    schedule: Schedule
    output: int | None
    precision: str
    shares: tuple[Share, ...] = ()

    @classmethod
    def planned(
        cls, arguments: KernelArguments, plan: Plan, precision: str, shares: tuple[Share, ...] = (), **limits: Any
    ) -> "Computation":
        """The computation on this machine.

        Args:
            arguments: of the kernel.
            plan: see `structured_plan`.
            precision: as in `empirical_gram`.
            shares: see `layerwise_plan`.
            limits: result, memory, like: see `Schedule.of`.
        """
        itemsize = 2 if precision == "bf16" else arguments.dtype.itemsize
        n2 = None if arguments.x2 is None else arguments.n2
        schedule = Schedule.of(plan, arguments.n1, n2, itemsize, **limits)
        return Computation(arguments.net, plan, schedule, arguments.output, precision, shares)

    @property
    def _features_fn(self) -> Callable[..., Any]:
        return _features_fn(self.net.apply_fn, self.plan, self.shares, self.output, self.precision == "bf16")

    def features(self, x: Samples, blocks: Blocks, index: int) -> BlockFeatures:
        """The features of one block of x, made pass by pass, its samples shared out among the devices of this host."""
        rows, fn = blocks.take(x, index), self._features_fn
        split, replicated = shardings(blocks.batch)
        params, state = self.net.params, self.net.state
        if replicated is not None:
            params, state = jax.device_put((params, state), replicated)
        starts = range(0, blocks.tile, blocks.batch)
        batches = [take(rows, slice(start, start + blocks.batch)) for start in starts]
        if split is None and len(batches) > 1:
            # Each goes where it stays while it is in the processor's cache. Room and pass are two programs, as the one
            # of the pass, which takes long to compile, serves blocks of any size.
            one_pass = jax.eval_shape(fn, params, state, batches[0])
            joined = jax.tree.map(lambda part: jnp.zeros((blocks.tile, *part.shape[1:]), part.dtype), one_pass)
            for start, batch in zip(starts, batches, strict=True):
                joined = _filled(joined, fn(params, state, batch), np.int32(start))
            return joined
        passes = [fn(params, state, batch if split is None else jax.device_put(batch, split)) for batch in batches]
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *passes) if len(passes) > 1 else passes[0]
        return joined if split is None else jax.device_put(joined, split)

    def operations_a_pass(self, x: Samples) -> float:
        """Floating-point operations of one pass, as XLA counts them before it compiles."""
        batch = shape_of_one(x, self.schedule.rows.batch)
        fn: Any = self._features_fn
        counted: Any = fn.lower(self.net.params, self.net.state, batch).cost_analysis()
        return float((counted[0] if isinstance(counted, list) else counted)["flops"])

    def tile(self, one: BlockFeatures, two: BlockFeatures) -> Array:
        """The kernel between two blocks: rows shared out among the devices, columns known to all of them.

        With shares those of all, (L, rows, columns).
        """
        _, replicated = shardings(self.schedule.rows.batch)
        level = "tensorfloat32" if self.precision == "tf32" else "highest"
        with jax.default_matmul_precision(level):
            tiles = _tiles(self.plan, self.shares, one, two if replicated is None else jax.device_put(two, replicated))
        k = jnp.stack(tiles) if self.shares else tiles[0]
        # Sums over cotangents are means over outputs here.
        return k if self.plan.blocks or self.plan.num_cotangents == 1 else k / self.plan.num_cotangents

    def run(
        self,
        write: Callable[[int, int, np.ndarray], None],
        x1: Samples,
        x2: Samples | None = None,
        wanted: Collection[Tile] | None = None,
        scratch: Path | None = None,
        reserved: int = 0,
    ) -> None:
        """Computes all tiles, or those wanted, and hands each to `write(i, j, values)`.

        Args:
            write: receives a tile; while it works the next tile is already being computed.
            x1: samples of the rows.
            x2: samples of the columns, None for a symmetric kernel.
            wanted: tiles (i, j); i <= j where the kernel is symmetric.
            scratch: folder where features that do not fit into memory may be kept, None: they are made again.
            reserved: bytes of the disk that are needed for other things.

        Raises:
            UserError: names the sample whose kernel is not finite.
        """
        schedule = self.schedule
        c = self.plan.rows_per_sample
        columns = schedule.columns or schedule.rows
        wanted = set(schedule.order() if wanted is None else wanted)
        make = functools.partial(self.features, x1, schedule.rows)
        # Beside the blocks held, one of columns and one in the making.
        itemsize = 2 if self.precision == "bf16" else jnp.result_type(*jax.tree.leaves(self.net.params)).itemsize
        blocks = (schedule.held + 2) * schedule.rows.tile * self.plan.floats_per_sample * itemsize
        with (
            # Those of an accelerator lie in its own memory.
            reserving(blocks if jax.default_backend() == "cpu" else 0),
            # The first block takes seconds to compile: the progress bar is shown before.
            progress("kernel", len(wanted), "tiles") as advance,
            block_source(make, schedule, wanted, scratch, reserved) as row_block,
        ):

            def column_block(j: int) -> BlockFeatures:
                return row_block(j) if x2 is None else self.features(x2, columns, j)

            def hand_over(i: int, j: int, tile: Array) -> None:
                rows, cols = schedule.rows.samples(i), columns.samples(j)
                values = np.asarray(tile)[..., : (rows.stop - rows.start) * c, : (cols.stop - cols.start) * c]
                if not np.isfinite(values.sum()):
                    _check_finite(values.sum(axis=tuple(range(values.ndim - 2))), rows.start, cols.start, c)
                if x2 is None and i == j:
                    values = mirrored(values)
                write(i, j, values)
                advance()

            waiting = None
            for i, j, one, two in schedule.tiles(row_block, column_block, wanted):
                # The next tile is handed to the device before the last one is copied out.
                tile = self.tile(one, two)
                if waiting is not None:
                    hand_over(*waiting)
                waiting = (i, j, tile)
            if waiting is not None:
                hand_over(*waiting)


def _check_finite(values: np.ndarray, row: int, column: int, rows_per_sample: int) -> None:
    """Names the sample, of those from `row` or `column` on, whose whole row or column is not finite."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return  # the sum alone overflowed
    rows = np.flatnonzero(bad.all(axis=1))
    sample = row + rows[0] // rows_per_sample if len(rows) else column + np.argmax(bad.any(axis=0)) // rows_per_sample
    reason = "the network overflows there, or its parameters are broken"
    raise UserError(f"the kernel is not finite at sample {sample} (counted from 0): {reason}")


@functools.lru_cache(maxsize=16)
def _features_fn(
    apply_fn: Callable, plan: Plan, shares: tuple[Share, ...], output: int | None, half: bool
) -> Callable[..., Any]:
    capture = capture_fn(apply_fn, plan.layers, output)

    def features(params, state, x):
        captured = capture(params, state, x)
        made = [features_of(share.of(captured), share.plan) for share in shares] or features_of(captured, plan)
        return jax.tree.map(lambda a: a.astype(jnp.bfloat16), made) if half else made

    return jax.jit(features)


@functools.partial(jax.jit, donate_argnums=0)
def _filled(block: BlockFeatures, made: BlockFeatures, start: Array) -> BlockFeatures:
    """A block with the features of a pass from row `start` on; the block is donated."""
    return jax.tree.map(lambda room, part: jax.lax.dynamic_update_slice_in_dim(room, part, start, 0), block, made)
