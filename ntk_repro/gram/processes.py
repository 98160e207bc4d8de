"""Several processes on one Gram matrix, through `jax.distributed`: who computes which share, and how they shut down."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

import jax

from ntk_repro.errors import UserError
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.models import last_line
from ntk_repro.progress import progress

# Seconds between two checks of the store.
_PATIENCE = 1.0


def join(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> tuple[int, int]:
    """Joins this process to the others and returns its share, (index, count).

    Must come before anything else uses JAX. Without arguments JAX detects the others through Slurm, Open MPI, a TPU
    pod or Kubernetes (`jax.distributed.initialize`).

    Args:
        coordinator: host:port of process 0.
        processes: how many there are.
        process: which one this is, from 0.

    Raises:
        UserError: when JAX cannot detect them, or the others do not start.
    """
    given = (coordinator, processes, process)
    if any(value is not None for value in given) and any(value is None for value in given):
        raise UserError("--coordinator, --processes and --process belong together: give all three or, in Slurm, none")
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except (ValueError, RuntimeError) as error:
        remedy = "start all of them, outside of Slurm with --coordinator HOST:PORT --processes COUNT --process NUMBER"
        raise UserError(f"the processes did not find each other ({last_line(error)}): {remedy}") from error
    return jax.process_index(), jax.process_count()


@contextlib.contextmanager
def together(joined: bool) -> Iterator[None]:
    """Within it an error of one process ends that process at once, and through JAX the others soon after.

    Without it JAX would wait minutes at the end for a process that has failed.

    Args:
        joined: whether there are others; without them an error passes as usual.
    """
    try:
        yield
    except UserError as error:
        if not joined:
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(2)


def wait_for_all(store: GramStore) -> None:
    """Waits until every tile is stored, then leaves the group: one process alone continues.

    When one process dies, JAX ends the group within minutes, so that no process waits for it; the same command then
    computes what is missing.
    """
    absent = store.absent()
    with progress("tiles of the other processes", len(absent), "tiles") as advance:
        while absent:
            time.sleep(_PATIENCE)
            before, absent = len(absent), store.absent(absent)
            advance(before - len(absent))
    with contextlib.suppress(RuntimeError):  # another process may have shut the group down
        jax.distributed.shutdown()
