"""The Gram matrix of a network computed into a store on disk, by one process or shared out among several."""

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
from ntk_repro.gram.memory import readable_bytes
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.gram.structured.features import Plan
from ntk_repro.gram.structured.schedule import Blocks, Schedule
from ntk_repro.network import Network
from ntk_repro.record import environment

__all__ = ["gram_store", "planned"]

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
        memory: bytes that the computation may use, None for what is available.
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
    about = {**(identity or {}), "fingerprint": fingerprint(net, x), "outputs": outputs, "precision": precision}
    with checked_arguments(net, x, None, outputs, precision) as (net, x, _, outputs, num_outputs):
        plan = structured_plan(net, x, outputs, num_outputs)
        computation = planned(net, x, plan, outputs, precision, memory)
        rows, c = computation.schedule.rows, num_outputs if plan.blocks else 1
        writer = f"{index}-of-{count}" if count > 1 else ""
        dtype = np.dtype(jnp.result_type(*jax.tree.leaves(net.params)))
        if not GramStore.exists(folder):
            _check_disk(folder, len(x) * c, dtype.itemsize)
        with GramStore.open(
            folder,
            about,
            n=len(x) * c,
            tile=rows.tile * c,
            dtype=dtype.name,
            settings={"tile": rows.tile, "batch": rows.batch},
            writer=writer,
        ) as store:
            like = (int(store.settings["tile"]), int(store.settings["batch"]))
            computation = planned(net, x, plan, outputs, precision, memory, like)
            order = computation.schedule.order()
            mine = order[len(order) * index // count : len(order) * (index + 1) // count]
            started, wanted = time.perf_counter(), set(store.missing(mine))
            _compute(computation, store, x, wanted, folder / f"features{writer and '-'}{writer}")
            if not store.done and not store.absent():
                store.finish(seconds=time.perf_counter() - started, tiles=len(wanted), **_facts(computation, x))
    return GramStore.read(folder)


def _check_disk(folder: Path, n: int, itemsize: int) -> None:
    while not folder.exists():
        folder = folder.parent
    needed, free = n * n * itemsize // 2, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the Gram matrix of {n:,} rows needs {readable_bytes(needed)} of disk and {folder} has "
            f"{readable_bytes(free)} free: make room, or take another folder (NTK_REPRO_RUNS is that of all runs)"
        )


def planned(
    net: Network,
    x: Float[np.ndarray, "n ..."],
    plan: Plan,
    outputs: str | int,
    precision: str,
    memory: int | None,
    like: tuple[int, int] | None = None,
) -> Computation:
    """The computation of x against itself that leaves its result on disk."""
    itemsize = Computation.itemsize(np.dtype(jnp.result_type(*jax.tree.leaves(net.params))), precision)
    devices = jax.local_device_count()
    schedule = Schedule.of(plan, len(x), None, itemsize, memory=memory, devices=devices, like=like)
    return Computation(net, plan, schedule, outputs if isinstance(outputs, int) else None, precision)


def _compute(computation: Computation, store: GramStore, x: np.ndarray, wanted: set, scratch: Path) -> None:
    # What a killed process left; this writer's lock is ours.
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        if wanted:
            computation.run(store.write, x, wanted=wanted, scratch=scratch)
        store.flush()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _facts(computation: Computation, x: np.ndarray) -> dict[str, Any]:
    facts: dict[str, Any] = {"environment": environment(), "layers": _forms(computation.plan)}
    if computation.precision in ("tf32", "bf16"):
        facts["precision_error"] = _precision_error(computation, x[:_TRIED])
    return facts


def _forms(plan: Plan) -> dict[str, str]:
    return {"/".join(layer.path) or "(root)": form for layer, form in zip(plan.layers, plan.forms, strict=True)}


def _precision_error(computation: Computation, x: np.ndarray) -> float:
    """Largest error of an entry between the first samples, relative to the largest entry."""
    blocks = Blocks.of(len(x), len(x), computation.schedule.rows.batch, jax.local_device_count())
    tiles = []
    for precision in (computation.precision, "float32"):
        tried = dataclasses.replace(computation, precision=precision)
        features = tried.features(x, blocks, 0)
        tiles.append(np.asarray(tried.tile(features, features), np.float64))
    return float(np.abs(tiles[0] - tiles[1]).max() / np.abs(tiles[1]).max())
