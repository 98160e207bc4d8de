"""What a Gram matrix and its eigenpairs will cost: operations, bytes, and seconds from a short calibration."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.gram.spectrum.eigenpairs import pick_eigensolver
from ntk_repro.gram.structured.computation import Computation

__all__ = ["Stage", "estimate"]

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
    x: Float[np.ndarray, "n ..."],
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
    itemsize = made.gradients[0].dtype.itemsize
    result = max(itemsize, 4)  # sums of bfloat16 are float32
    tile_bytes = (blocks.tile * c) ** 2 * result
    block_bytes = blocks.tile * plan.floats_per_sample * itemsize
    passes = schedule.passes(set(order)) * share
    stages = [
        Stage(
            "features" if schedule.all_held else "features, some more than once",
            per_pass_operations * passes * (blocks.tile // blocks.batch),
            min(schedule.held + 1, blocks.count) * block_bytes,
            0,
            passes * (blocks.tile // blocks.batch) * per_pass,
        ),
        Stage(
            f"{count:,} tiles of {min(blocks.tile, blocks.n) * c:,}",
            2.0 * plan.multiplications_per_pair * blocks.tile**2 * count,
            # One computed, one copied out, and a few that the store has taken over.
            8 * tile_bytes,
            count * tile_bytes,
            # The disk is written while the next tiles are computed.
            max(count * per_tile, count * tile_bytes / _disk_rate(folder)),
        ),
    ]
    if k:
        stages.append(_eigenpairs(len(x) * c, k, memory))
    return stages


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
        return float("inf")  # a folder that may not be written is told of when the work begins


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
