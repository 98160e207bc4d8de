"""What a Gram matrix and its eigenpairs will cost, as tables too: operations, bytes, seconds by a short calibration."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped
from rich import box
from rich.table import Table

from ntk_repro.gram.solve.plan import Plan as SolvePlan
from ntk_repro.gram.spectrum.eigenpairs import pick_eigensolver
from ntk_repro.gram.structured.computation import Computation
from ntk_repro.gram.structured.features import Plan
from ntk_repro.memory import readable_bytes, solver_bytes

# How long each part of the calibration may take, in seconds, after what has to be compiled.
_PATIENCE = 0.12


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of the work.

    Attributes:
        name: what is done.
        operations: floating-point operations.
        memory: bytes of memory at once.
        disk: bytes written.
        seconds: expected duration.
    """

    name: str
    operations: float
    memory: float
    disk: float
    seconds: float


def estimate(
    computation: Computation,
    x: Shaped[np.ndarray, "n ..."],
    k: int,
    folder: Path,
    remaining: int | None = None,
    memory: int | None = None,
) -> list[Stage]:
    """The stages of `gram_store` and `top_eigenpairs` with their expected cost on this machine.

    Features and tiles are timed as they will run, one pass and one tile of each, the disk by a file, the eigensolver's
    products by NumPy's.

    Args:
        computation: the kernel.
        x: its samples.
        k: number of eigenpairs, 0 for none.
        folder: where the store will lie; its file system is tried.
        remaining: tiles that are still to be computed, None for all.
        memory: bytes that the eigensolver may use, None for what is available.
    """
    plan, schedule = computation.plan, computation.schedule
    blocks, order = schedule.rows, schedule.order()
    count = len(order) if remaining is None else remaining
    share = count / len(order)
    c = plan.rows_per_sample
    # With dataclasses.replace a block is one pass, so that the function timed is the one that will run.
    one_pass = dataclasses.replace(blocks, n=blocks.batch, tile=blocks.batch)
    made = computation.features(x, one_pass, 0)
    per_pass_operations = computation.operations_a_pass(x)
    per_pass = _seconds(lambda: computation.features(x, one_pass, 0))
    block = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * (blocks.tile // blocks.batch)), made)
    per_tile = _seconds(lambda: computation.tile(block, block))
    itemsize = jax.tree.leaves(made)[0].dtype.itemsize
    result = max(itemsize, 4)  # sums of bfloat16 are float32
    tile_bytes = (blocks.tile * c) ** 2 * result
    block_bytes = blocks.tile * plan.floats_per_sample * itemsize
    passes = schedule.passes(set(order)) * share * (blocks.tile // blocks.batch)
    features, tiles = "features", f"{count:,} tiles of {min(blocks.tile, blocks.n) * c:,}"
    if not schedule.all_held:
        features += ", some more than once"
    multiplied = 2.0 * plan.multiplications_per_pair * blocks.tile**2 * count
    held = min(schedule.held + 1, blocks.count) * block_bytes
    # The disk is written while the next tiles are computed.
    seconds = max(count * per_tile, count * tile_bytes / _disk_rate(folder))
    stages = [
        Stage(features, per_pass_operations * passes, held, 0, passes * per_pass),
        # Of the tiles one is computed, one copied out, and a few are with the store.
        Stage(tiles, multiplied, 8 * tile_bytes, count * tile_bytes, seconds),
    ]
    if k:
        stages.append(_eigenpairs(len(x) * c, k, memory))
    return stages


def factor_stage(n: int, folder: Path, memory: float | None = None, panel_rows: int = 0, itemsize: int = 4) -> Stage:
    """The Cholesky factor of a kernel on disk, see `kernel_solve`; leave-one-out takes as many operations again.

    Args:
        n: rows of the kernel.
        folder: where the factor will lie; its file system is tried.
        memory: bytes that may be used, None for what is available.
        panel_rows: of the kernel's store, 0 in memory.
        itemsize: bytes of an entry of the kernel.

    Raises:
        UserError: memory does not suffice.
    """
    plan = SolvePlan.of(n, solver_bytes(memory), panel_rows, itemsize)
    matrix = np.random.default_rng(0).standard_normal((min(n, 1024), min(n, 1024)))
    rate = 2.0 * len(matrix) ** 3 / _seconds(lambda: matrix @ matrix)
    # The disk is read and written meanwhile.
    seconds = max(plan.operations / rate, (plan.bytes_read + plan.disk) / _disk_rate(folder))
    return Stage("Cholesky factor", plan.operations, plan.memory, plan.disk, seconds)


def plan_table(plan: Plan) -> Table:
    """One row a layer: its form, its multiplications a pair of samples, and the numbers kept of a sample."""
    total = max(plan.multiplications_per_pair, 1)
    table = Table(box=box.SIMPLE, caption="a pair: multiplications for two samples; a sample: numbers kept of one")
    for name in ("layer", "kind", "positions", "weights", "form", "a pair", "", "a sample"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("layer", "kind", "form") else "right")
    rows: list[tuple[Any, ...]] = []
    for layer, form in plan.formed:
        kind = f"{layer.kind} {layer.inputs[0][-1]:,}>{layer.d_out:,}"
        costs = plan.multiplications(layer, form), plan.floats(layer, form)
        rows.append((layer.name, kind, f"{layer.positions:,}", layer.num_params, form, *costs))
    if plan.p_others:
        costs = plan.multiplications_of_others, plan.num_cotangents * plan.p_others
        rows.append(("all others", "by autodiff", "", plan.p_others, "gradient", *costs))
    for *names, weights, form, count, floats in rows:
        table.add_row(*names, f"{weights:,}", form, f"{count:,}", f"{count / total:.0%}", f"{floats:,}")
    table.add_section()
    weights = sum(row[3] for row in rows)
    table.add_row("", "", "", f"{weights:,}", "", f"{total:,}", "", f"{plan.floats_per_sample:,}")
    return table


def stage_table(stages: Sequence[Stage]) -> Table:
    """One row a stage of the work, and their sum."""
    table = Table(box=box.SIMPLE)
    for name in ("stage", "operations", "memory", "disk", "expected"):
        table.add_column(name, no_wrap=True, justify="left" if name == "stage" else "right")
    for stage in stages:
        operations = f"{stage.operations / 1e12:.3g} T"
        disk = readable_bytes(stage.disk) if stage.disk else ""
        table.add_row(stage.name, operations, readable_bytes(stage.memory), disk, readable_seconds(stage.seconds))
    table.add_section()
    disk, seconds = sum(stage.disk for stage in stages), sum(stage.seconds for stage in stages)
    table.add_row("in all", "", "", readable_bytes(disk), readable_seconds(seconds))
    return table


def readable_seconds(seconds: float) -> str:
    """A duration for people.

    >>> readable_seconds(75.0), readable_seconds(7300.0)
    ('1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def _eigenpairs(n: int, k: int, memory: int | None) -> Stage:
    rng = np.random.default_rng(0)
    size = min(n, 2048)
    matrix, rows = rng.standard_normal((size, size), np.float32), rng.standard_normal((64, size), np.float32)
    rate = 2.0 * 64 * size**2 / _seconds(lambda: rows @ matrix)
    cost = pick_eigensolver(n, k, memory=memory).cost(n, k)
    seconds = cost.products / rate + cost.algebra / (rate / 2)  # float64 at half the speed
    return Stage(f"{k:,} eigenpairs", cost.products + cost.algebra, cost.memory, 16.0 * n * k, seconds)


def _disk_rate(folder: Path) -> float:
    """Bytes a second that reach the disk."""
    folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
    data = np.random.default_rng(0).bytes(2**25)
    try:
        with tempfile.TemporaryFile(dir=folder) as handle:
            start = time.perf_counter()
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            return len(data) / (time.perf_counter() - start)
    except OSError:
        return float("inf")  # a folder that may not be written is reported when the work begins


def _seconds(work: Callable) -> float:
    """The shortest of a few calls, after one that compiles."""
    jax.block_until_ready(work())
    best, end = float("inf"), time.perf_counter() + _PATIENCE
    while True:
        start = time.perf_counter()
        jax.block_until_ready(work())
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            return best
