"""The exact Gram matrix by structure: features of each batch in one pass, then matrix products, tile by tile."""

import dataclasses
import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Shaped

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import KernelArguments
from ntk_repro.gram.capture import Layer, capture_fn, find_layers
from ntk_repro.gram.matrices import mirrored, place_tile
from ntk_repro.gram.probing import RecentlyUsed, signature
from ntk_repro.gram.structured.agreement import agreeing_layers
from ntk_repro.gram.structured.feature_blocks import block_source
from ntk_repro.gram.structured.features import Features, Plan, features_of, plan_for
from ntk_repro.gram.structured.products import kernel_tile
from ntk_repro.gram.structured.schedule import Blocks, Schedule, Tile
from ntk_repro.network import Network
from ntk_repro.progress import progress


def structured_plan(net: Network, x: Shaped[np.ndarray, "n ..."], outputs: str | int, num_outputs: int) -> Plan:
    """How the kernel of a network is multiplied out, after its layers were checked against autodiff on two samples."""
    layers = _checked_layers(net, x)
    p_others = net.num_params - sum(layer.num_params for layer in layers)
    cotangents = 1 if isinstance(outputs, int) else num_outputs
    return plan_for(layers, cotangents, outputs == "full", p_others)


def _checked_layers(net: Network, x: np.ndarray) -> tuple[Layer, ...]:
    # How weights are used depends on the function and on shapes, not on values: one check serves them all. One that
    # leaves a layer out warns of it, so it is done each time.
    key = signature(net, x)
    if key not in _checked:
        layers = find_layers(net, x[:2])
        kept = agreeing_layers(net, layers, x[:2])
        if kept != layers:
            return kept
        _checked[key] = layers
    return _checked[key]


_checked = RecentlyUsed()


def structured_gram(arguments: KernelArguments, precision: str = "float32") -> Float[np.ndarray, "rows columns"]:
    """The kernel of `empirical_gram`."""
    net, x1, x2, outputs, num_outputs = arguments
    plan = structured_plan(net, x1, outputs, num_outputs)
    c = plan.rows_per_sample
    k = np.empty((len(x1) * c, arguments.n2 * c), arguments.dtype)
    computation = Computation.planned(arguments, plan, precision, result=k.nbytes)
    rows, columns = computation.schedule.rows, computation.schedule.columns or computation.schedule.rows

    def write(i: int, j: int, tile: np.ndarray) -> None:
        place_tile(k, i * rows.tile * c, j * columns.tile * c, tile, x2 is None)

    computation.run(write, x1, x2)
    return k


@dataclasses.dataclass(frozen=True)
class Computation:
    """The computation of a kernel.

    Attributes:
        net: the network, its parameters in the float type of the kernel.
        plan: see `structured_plan`.
        schedule: sizes and order of blocks.
        output: the output to differentiate, None for all.
        precision: of the products between features: "float32" or "float64" (that of the features), "tf32", "bf16".
    """

    net: Network
    plan: Plan
    schedule: Schedule
    output: int | None
    precision: str

    @classmethod
    def planned(cls, arguments: KernelArguments, plan: Plan, precision: str, **limits: Any) -> "Computation":
        """The computation on this machine.

        Args:
            arguments: of the kernel.
            plan: see `structured_plan`.
            precision: as in `empirical_gram`.
            limits: result, memory, like: see `Schedule.of`.
        """
        net, x1, x2, *_ = arguments
        itemsize = 2 if precision == "bf16" else arguments.dtype.itemsize
        schedule = Schedule.of(plan, len(x1), None if x2 is None else len(x2), itemsize, **limits)
        return Computation(net, plan, schedule, arguments.output, precision)

    def features(self, x: Shaped[np.ndarray, "n ..."], blocks: Blocks, index: int) -> Features:
        """The features of one block of x, made pass by pass, its samples shared out among the devices of this host."""
        rows = blocks.take(x, index)
        fn = _features_fn(self.net.apply_fn, self.plan, self.output, self.precision == "bf16")
        split, replicated = _shardings(blocks.batch)
        params, state = self.net.params, self.net.state
        if replicated is not None:
            params, state = jax.device_put((params, state), replicated)
        starts = range(0, blocks.tile, blocks.batch)
        batches = [rows[start : start + blocks.batch] for start in starts]
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

    def operations_a_pass(self, x: Shaped[np.ndarray, "n ..."]) -> float:
        """Floating-point operations of one pass, as XLA counts them before it compiles."""
        fn = _features_fn(self.net.apply_fn, self.plan, self.output, self.precision == "bf16")
        batch = jax.ShapeDtypeStruct((self.schedule.rows.batch, *x.shape[1:]), x.dtype)
        counted: Any = fn.lower(self.net.params, self.net.state, batch).cost_analysis()  # pyright: ignore
        return float((counted[0] if isinstance(counted, list) else counted)["flops"])

    def tile(self, one: Features, two: Features) -> Array:
        """The kernel between two blocks: rows shared out among the devices, columns known to all of them."""
        _, replicated = _shardings(self.schedule.rows.batch)
        level = "tensorfloat32" if self.precision == "tf32" else "highest"
        with jax.default_matmul_precision(level):
            k = kernel_tile(self.plan, one, two if replicated is None else jax.device_put(two, replicated))
        # Sums over cotangents are means over outputs here.
        return k if self.plan.blocks or self.plan.num_cotangents == 1 else k / self.plan.num_cotangents

    def run(
        self,
        write: Callable[[int, int, np.ndarray], None],
        x1: Shaped[np.ndarray, "n1 ..."],
        x2: Shaped[np.ndarray, "n2 ..."] | None = None,
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
        with (
            # The first block takes seconds to compile: the progress bar is shown before.
            progress("kernel", len(wanted), "tiles") as advance,
            block_source(make, schedule, wanted, scratch, reserved) as row_block,
        ):

            def column_block(j: int) -> Features:
                return row_block(j) if x2 is None else self.features(x2, columns, j)

            def hand_over(i: int, j: int, tile: Array) -> None:
                rows, cols = schedule.rows.samples(i), columns.samples(j)
                values = np.asarray(tile)[: (rows.stop - rows.start) * c, : (cols.stop - cols.start) * c]
                if not np.isfinite(values.sum()):
                    _check_finite(values, rows.start, cols.start, c)
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


def _shardings(batch: int) -> tuple[NamedSharding | None, NamedSharding | None]:
    """Split by samples among this host's devices, and replicated; None for both where one device does everything.

    A batch that was chosen for other devices than there are now goes to as many as divide it.
    """
    devices = jax.local_devices()
    devices = devices[: max(count for count in range(1, len(devices) + 1) if batch % count == 0)]
    if len(devices) == 1:
        return None, None
    mesh = Mesh(np.array(devices), ("samples",))
    return NamedSharding(mesh, PartitionSpec("samples")), NamedSharding(mesh, PartitionSpec())


@functools.lru_cache(maxsize=16)
def _features_fn(apply_fn: Callable, plan: Plan, output: int | None, half: bool) -> Callable[..., Features]:
    capture = capture_fn(apply_fn, plan.layers, output)

    def features(params, state, x):
        made = features_of(capture(params, state, x), plan)
        return jax.tree.map(lambda a: a.astype(jnp.bfloat16), made) if half else made

    return jax.jit(features)


@functools.partial(jax.jit, donate_argnums=0)
def _filled(block: Features, made: Features, start: Array) -> Features:
    """A block with the features of a pass from row `start` on; the block is donated."""
    return jax.tree.map(lambda room, part: jax.lax.dynamic_update_slice_in_dim(room, part, start, 0), block, made)
