"""The Gram matrix of a network computed into a store on disk, by one process or shared out among several."""

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.gram.structured.schedule import Blocks
from ntk_repro.memory import check_disk, remaining_bytes
from ntk_repro.network import Network
from ntk_repro.ranges import checked_path, checked_share
from ntk_repro.record import environment
from ntk_repro.samples import Samples, number_of, take

# Samples on which the error of a lower precision is measured.
_TRIED = 64


def gram_store(
    net: Network,
    x: Samples,
    folder: Path | str,
    *,
    outputs: str | int = "mean",
    precision: str = "float32",
    identity: Mapping[str, Any] | None = None,
    memory: int | str | None = None,
    share: tuple[int, int] = (0, 1),
) -> GramStore:
    """`empirical_gram` of x against itself, tile by tile into a folder: where time or memory of one process is short.

    Killed at any moment, it continues where it was and ends with the same bytes; tiles that are damaged are found
    and computed again. Where features do not fit into memory they are made again or saved in the folder meanwhile,
    whichever is faster.

    Args:
        net: the network; the gradient is taken at `net.params`.
        x: n inputs, one array or a pytree of arrays.
        folder: where the store lies or will lie.
        outputs: as in `empirical_gram`.
        precision: as in `empirical_gram`; the error of "tf32" and "bf16" is measured on a few samples and recorded in
            `facts["precision_error"]`, relative to the largest entry.
        identity: what parameters and inputs do not say about this matrix, as plain values; stored in the manifest.
        memory: bytes that this process may use in all, also as "6GiB"; None for what is available.
        share: (index, count): this process computes part `index` of `count`, each about equally many tiles.

    Returns:
        The store, open for reading; `done` unless other shares are still being computed.

    Raises:
        UserError: as `empirical_gram`; a folder that holds another matrix, a full disk.
    """
    index, count = checked_share(share)
    folder = checked_path(folder, "the folder of a store")
    if not isinstance(identity, Mapping | None):
        raise UserError(f"identity must be a dictionary of plain values, not {identity!r}")
    with checked_arguments(net, x, None, outputs, precision) as arguments:
        identified = {"fingerprint": fingerprint(net, x), "method": "structured"}
        kernel = {**identified, "outputs": outputs, "precision": precision}
        net, x, _, outputs, num_outputs = arguments
        plan = structured_plan(net, x, outputs, num_outputs)
        c, dtype = plan.rows_per_sample, arguments.dtype
        fx = np.asarray(net(take(x, slice(2))), np.float64).tolist()
        writer = f"{index}-of-{count}" if count > 1 else ""

        def planned(like: Blocks | None) -> Computation:
            return Computation.planned(arguments, plan, precision, memory=remaining_bytes(memory), like=like)

        begun = GramStore.read(folder) if GramStore.exists(folder) else None
        if begun is not None and "samples" in begun.settings:  # a factor's store has none, and is refused below
            blocks = blocks_of(begun)
        else:
            blocks = planned(None).schedule.rows
            needed = blocks.count * (blocks.count + 1) // 2 * (min(blocks.tile, blocks.n) * c) ** 2 * dtype.itemsize
            check_disk(f"the Gram matrix of {blocks.n * c:,} rows", needed, folder)
        settings = {"samples": blocks.n, "tile": blocks.tile, "batch": blocks.batch, "fx": fx}
        size = {"n": arguments.n1 * c, "tile": blocks.tile * c}
        with GramStore.open(
            folder, {**(identity or {}), **kernel}, **size, dtype=dtype.name, settings=settings, writer=writer
        ) as store:
            _check_same_function(store, fx)
            computation = planned(blocks_of(store))
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
    stored, given = np.array(store.settings["fx"]), np.array(fx)
    atol = 1e-3 * np.abs(stored).max()
    close = stored.shape == given.shape and np.allclose(given, stored, 1e-3, atol, equal_nan=True)
    if not close:
        message = "the matrix of a network with other outputs at the same parameters (another activation?)"
        raise UserError(f"{store.path} holds {message}: name another folder")


def _compute(computation: Computation, store: GramStore, x: Samples, wanted: set, scratch: Path) -> None:
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


def _facts(computation: Computation, x: Samples) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "environment": environment(),
        "layers": {layer.name: form for layer, form in computation.plan.formed},
    }
    if computation.precision in ("tf32", "bf16"):
        facts["precision_error"] = _precision_error(computation, take(x, slice(_TRIED)))
    return facts


def _precision_error(computation: Computation, x: Samples) -> float:
    """Largest error of an entry between the first samples, relative to the largest entry."""
    rows = computation.schedule.rows
    x = take(x, slice(rows.tile))
    n = number_of(x)
    blocks = Blocks(n, -(-n // rows.batch) * rows.batch, rows.batch)
    tiles = []
    for precision in (computation.precision, "float32"):
        tried = dataclasses.replace(computation, precision=precision)
        features = tried.features(x, blocks, 0)
        tiles.append(np.asarray(tried.tile(features, features), np.float64))
    error, scale = np.abs(tiles[0] - tiles[1]).max(), np.abs(tiles[1]).max()
    return float(error / scale) if scale else 0.0
