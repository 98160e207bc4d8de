"""The Gram matrix of a network computed into a store on disk, by one process or shared out among several."""

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.gram.memory import readable_bytes, remaining_bytes
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.gram.structured.features import Plan
from ntk_repro.gram.structured.schedule import Blocks, Schedule
from ntk_repro.network import Network
from ntk_repro.record import environment

__all__ = ["blocks_of", "gram_store", "planned_on_disk"]

# Samples on which the error of a lower precision is measured.
_TRIED = 64


def gram_store(
    net: Network,
    x: Float[np.ndarray, "n ..."],
    folder: Path | str,
    *,
    outputs: str | int = "mean",
    precision: str = "float32",
    identity: Mapping[str, Any] | None = None,
    memory: int | None = None,
    share: tuple[int, int] = (0, 1),
) -> GramStore:
    """`empirical_gram` of x against itself, tile by tile into a folder: for what outlasts a process or its memory.

    Killed at any moment, it continues where it was and ends with the same bytes; tiles that are damaged are found
    and computed again. Where features do not fit into memory they are made again or kept in the folder for the while,
    whichever is faster.

    Args:
        net: the network; the gradient is taken at `net.params`.
        x: n inputs.
        folder: where the store lies or will lie.
        outputs: as in `empirical_gram`.
        precision: as in `empirical_gram`; the error of "tf32" and "bf16" is measured on a few samples and recorded in
            `facts["precision_error"]`, relative to the largest entry.
        identity: what parameters and inputs do not tell of this matrix, as plain values; kept in the manifest.
        memory: bytes that this process may use in all, None for what is available.
        share: (index, count): this process computes part `index` of `count`, each about equally many tiles.

    Returns:
        The store, open for reading; `done` unless other shares are still being computed.

    Raises:
        UserError: as `empirical_gram`; a folder that holds another matrix, a full disk.
    """
    index, count = share
    if not 0 <= index < count:
        raise UserError(f"share {index} of {count} does not exist: they are counted from 0")
    folder = Path(folder)
    about = {
        **(identity or {}),
        "fingerprint": fingerprint(net, x),
        "method": "structured",
        "outputs": outputs,
        "precision": precision,
    }
    with checked_arguments(net, x, None, outputs, precision) as (net, x, _, outputs, num_outputs):
        plan = structured_plan(net, x, outputs, num_outputs)
        c = plan.rows_per_sample
        fx = np.asarray(net(x[:2]), np.float64).tolist()
        writer = f"{index}-of-{count}" if count > 1 else ""
        if GramStore.exists(folder):
            blocks = blocks_of(GramStore.read(folder))
        else:
            blocks = planned_on_disk(net, x, plan, outputs, precision, memory).schedule.rows
            _check_disk(folder, blocks, c, _dtype(net).itemsize)
        with GramStore.open(
            folder,
            about,
            n=len(x) * c,
            tile=blocks.tile * c,
            dtype=_dtype(net).name,
            settings={"samples": blocks.n, "tile": blocks.tile, "batch": blocks.batch, "fx": fx},
            writer=writer,
        ) as store:
            _check_same_function(store, fx)
            computation = planned_on_disk(net, x, plan, outputs, precision, memory, blocks_of(store))
            wanted = set(store.missing(_share(store.num_blocks, index, count)))
            started = time.perf_counter()
            if wanted:
                _compute(computation, store, x, wanted, folder / f"features{writer and '-'}{writer}")
            if (wanted or not store.done) and not store.absent():
                store.finish(seconds=time.perf_counter() - started, tiles=len(wanted), **_facts(computation, x))
    return GramStore.read(folder)


def blocks_of(store: GramStore) -> Blocks:
    """The blocks of samples that a store was begun with."""
    samples, tile, batch = (int(store.settings[name]) for name in ("samples", "tile", "batch"))
    return Blocks(samples, tile, batch)


def _share(num_blocks: int, index: int, count: int) -> list[tuple[int, int]]:
    # By the number of blocks alone: all processes must cut the same list, whatever memory each of them has.
    tiles = [(i, j) for j in range(num_blocks) for i in range(j + 1)]
    return tiles[len(tiles) * index // count : len(tiles) * (index + 1) // count]


def _check_same_function(store: GramStore, fx: list[list[float]]) -> None:
    """Refuses to continue with another function of the same parameters (another activation)."""
    there, here = np.array(store.settings["fx"]), np.array(fx)
    close = there.shape == here.shape and np.allclose(here, there, 1e-3, 1e-3 * np.abs(there).max(), equal_nan=True)
    if not close:
        raise UserError(
            f"{store.path} holds the matrix of a network with other outputs at the same parameters (another "
            "activation?): name another folder"
        )


def _dtype(net: Network) -> np.dtype:
    return np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))


def _check_disk(folder: Path, blocks: Blocks, c: int, itemsize: int) -> None:
    while not folder.exists():
        folder = folder.parent
    needed = blocks.count * (blocks.count + 1) // 2 * (min(blocks.tile, blocks.n) * c) ** 2 * itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the Gram matrix of {blocks.n * c:,} rows needs {readable_bytes(needed)} of disk and {folder} has "
            f"{readable_bytes(free)} free: make room, or take another folder (NTK_REPRO_RUNS is that of all runs)"
        )


def planned_on_disk(
    net: Network,
    x: Float[np.ndarray, "n ..."],
    plan: Plan,
    outputs: str | int,
    precision: str,
    memory: int | None,
    like: Blocks | None = None,
) -> Computation:
    """The computation of x against itself that leaves its result on disk.

    Args:
        net: the network, and so on as in `gram_store`, checked and cast.
        x: its samples.
        plan: see `structured_plan`.
        outputs: as in `empirical_gram`.
        precision: as in `empirical_gram`.
        memory: bytes that this process may use in all, None for what is available.
        like: the blocks of a store that is continued.
    """
    itemsize = Computation.itemsize(_dtype(net), precision)
    devices = jax.local_device_count()
    schedule = Schedule.of(plan, len(x), None, itemsize, memory=remaining_bytes(memory), devices=devices, like=like)
    return Computation(net, plan, schedule, outputs if isinstance(outputs, int) else None, precision)


def _compute(computation: Computation, store: GramStore, x: np.ndarray, wanted: set, scratch: Path) -> None:
    if not store.done:
        # What a killed process left; this writer's lock is ours. A store that is repaired is not locked.
        shutil.rmtree(scratch, ignore_errors=True)
    reserved = len(wanted) * store.tile**2 * store.dtype.itemsize
    try:
        computation.run(store.write, x, wanted=wanted, scratch=scratch, reserved=reserved)
        store.flush()
    finally:
        with contextlib.suppress(OSError):
            scratch.rmdir()


def _facts(computation: Computation, x: np.ndarray) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "environment": environment(),
        "layers": {layer.name: form for layer, form in computation.plan.formed},
    }
    if computation.precision in ("tf32", "bf16"):
        facts["precision_error"] = _precision_error(computation, x[:_TRIED])
    return facts


def _precision_error(computation: Computation, x: np.ndarray) -> float:
    """Largest error of an entry between the first samples, relative to the largest entry."""
    rows = computation.schedule.rows
    x = x[: rows.tile]
    blocks = Blocks(len(x), -(-len(x) // rows.batch) * rows.batch, rows.batch)
    tiles = []
    for precision in (computation.precision, "float32"):
        tried = dataclasses.replace(computation, precision=precision)
        features = tried.features(x, blocks, 0)
        tiles.append(np.asarray(tried.tile(features, features), np.float64))
    error, scale = np.abs(tiles[0] - tiles[1]).max(), np.abs(tiles[1]).max()
    return float(error / scale) if scale else 0.0
