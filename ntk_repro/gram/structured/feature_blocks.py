"""Blocks of features that do not all fit into memory: made again, or read back from disk."""

import contextlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ntk_repro.gram.structured.features import BlockFeatures
from ntk_repro.gram.structured.schedule import Schedule, Tile
from ntk_repro.record import write_errors_explained

# How much of the free disk features may take.
_DISK_SHARE = 0.8

BlockSource = Callable[[int], BlockFeatures]


@contextlib.contextmanager
def block_source(
    make: BlockSource, schedule: Schedule, wanted: Collection[Tile], scratch: Path | None, reserved: int = 0
) -> Iterator[BlockSource]:
    """The function that returns block i: `make` itself, or one that saves blocks on disk where that is faster.

    Args:
        make: computes block i.
        schedule: how often each block is needed.
        wanted: the tiles that are computed.
        scratch: folder for the blocks (removed afterwards); None: nothing is written.
        reserved: bytes of the disk that are needed for other things.
    """
    distinct, passes = len({block for tile in wanted for block in tile}), schedule.passes(wanted)
    if scratch is None or passes <= distinct or schedule.columns is not None:
        yield make
        return
    with write_errors_explained(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="features-", dir=scratch, ignore_cleanup_errors=True)
    with folder:
        on_disk = FeaturesOnDisk(make, Path(folder.name))
        yield on_disk if cheaper_on_disk(on_disk, distinct, passes, wanted, reserved) else make


class FeaturesOnDisk:
    """Blocks of features, each made once and read from a file from then on."""

    def __init__(self, make: BlockSource, folder: Path):
        self.make, self.folder = make, folder
        self._shapes: Any = None  # of all blocks, with their types and shardings

    def __call__(self, index: int) -> BlockFeatures:
        """Block `index`, made or read."""
        if self._path(index).exists():
            return self.read(index)
        made = self.make(index)
        self.write(index, made)
        return made

    def write(self, index: int, block: BlockFeatures) -> None:
        """Saves a block; all blocks have the same shapes."""
        self._shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=a.sharding), block)
        # Renamed when complete: a block that a full disk cut short does not exist.
        partial = self._path(index).with_suffix(".tmp")
        with write_errors_explained(partial):
            with open(partial, "wb") as handle:
                for leaf in jax.tree.leaves(block):
                    np.ascontiguousarray(leaf).view(np.uint8).tofile(handle)
            partial.rename(self._path(index))

    def read(self, index: int) -> BlockFeatures:
        """A block that was written."""

        def array(leaf: jax.ShapeDtypeStruct) -> jax.Array:
            values = np.fromfile(handle, np.uint8, math.prod(leaf.shape) * leaf.dtype.itemsize)
            return jax.device_put(values.view(leaf.dtype).reshape(leaf.shape), leaf.sharding)

        with open(self._path(index), "rb") as handle:
            return jax.tree.map(array, self._shapes)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index}.features"


def cheaper_on_disk(
    on_disk: FeaturesOnDisk, distinct: int, passes: int, wanted: Collection[Tile], reserved: int = 0
) -> bool:
    """Whether saving blocks on disk beats making them again, by the times of one block on this machine.

    Args:
        on_disk: where they would be saved.
        distinct: number of blocks.
        passes: how many blocks are needed, counting one each time it is needed again.
        wanted: the tiles that are computed; the first block of them is tried.
        reserved: bytes of the disk that are needed for other things.
    """
    index = min(block for tile in wanted for block in tile)
    jax.block_until_ready(on_disk.make(index))  # compiles
    making, block = _timed(lambda: jax.block_until_ready(on_disk.make(index)))
    needed = distinct * sum(leaf.nbytes for leaf in jax.tree.leaves(block))
    if needed > _DISK_SHARE * (shutil.disk_usage(on_disk.folder).free - reserved):
        return False
    writing, _ = _timed(lambda: on_disk.write(index, block))
    _leave_the_cache(on_disk._path(index))
    reading, _ = _timed(lambda: jax.block_until_ready(on_disk.read(index)))
    return distinct * (making + writing) + (passes - distinct) * reading < passes * making


def _leave_the_cache(path: Path) -> None:
    """Drops a file from the page cache, which all blocks together would overflow: what is timed is the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _timed(work: Callable):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
