"""`GramStore`: a symmetric matrix on disk in checksummed tiles, safe against a kill at any moment; imports no JAX."""

import hashlib
import json
import re
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.matrices import SymmetricMatrix
from ntk_repro.gram.store.manifest import MANIFEST, Manifest, plain_json
from ntk_repro.gram.store.tile_files import CHECKSUMS, TileFiles
from ntk_repro.memory import check_memory, host_available_bytes
from ntk_repro.progress import console, progress
from ntk_repro.ranges import check_counts, checked_path
from ntk_repro.record.atomic import read_json, remove_leftovers, write_errors_explained, write_text
from ntk_repro.record.config import from_dict

_DONE, _LOCK = "DONE", ".lock"
_WRITER = re.compile(r"[A-Za-z0-9_.=+-]*")
_WRITES_IN_FLIGHT = 4

_writing: weakref.WeakValueDictionary[str, "GramStore"] = weakref.WeakValueDictionary()


class GramStore(SymmetricMatrix):
    """A symmetric (n, n) matrix on disk, in square tiles of which the upper triangle is kept (diagonal tiles whole).

    The folder holds `manifest.json` (what matrix it is), `tiles/` (a zarr version 3 array, one file a tile, each
    with its crc32c), `checksums.txt` (the same crc32c by place, so that a tile in a wrong place shows; while writers
    are at work one `checksums-<writer>.partial` each) and, last, `DONE`. A tile counts as done once its file is in
    place, whole, and its checksum recorded. Made by `open` (to write) or `read`.

    Any reader of zarr 3 can take it, absent tiles being zero: in Python
    `k = zarr.open_array("<folder>/tiles", mode="r")[:]`, then `np.triu(k) + np.triu(k, 1).T`.

    Attributes:
        path: the folder.
        identity: what matrix it is.
        settings: what else decides over the bytes of a tile; given when the store was created.
        n: rows, and columns.
        shape: (n, n).
        tile: rows, and columns, of a tile; the last ones may have fewer.
        dtype: type of the entries.
        num_blocks: tiles along a side.
        num_tiles: tiles of the upper triangle, the diagonal ones included.
    """

    def __init__(self, path: Path, manifest: Manifest, writer: str | None):
        self.path, self._writer = path, writer
        self.identity, self.settings, self.n = manifest.identity, manifest.settings, manifest.n
        self.tile = self.panel_rows = manifest.tile
        self.dtype = np.dtype(manifest.dtype)
        self.shape = (self.n, self.n)
        self._files = TileFiles(path, self.n, self.tile, self.dtype)
        self.num_blocks = self._files.num_blocks
        self.num_tiles = self.num_blocks * (self.num_blocks + 1) // 2
        self._lock: FileLock | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[None]] = deque()

    @classmethod
    def open(
        cls,
        folder: Path | str,
        identity: Mapping[str, Any],
        *,
        n: int,
        tile: int,
        dtype: str = "float32",
        settings: Mapping[str, Any] = {},
        writer: str = "",
    ) -> Self:
        """Creates the store, or continues it where it exists.

        A store that is continued keeps its `tile` and `settings`, whatever is given here: read them from the store,
        so that the bytes are the same. It is locked against other processes with the same writer name until it is
        closed or finished; this one waits for them. Other names work at the same time. A store that is done is not
        locked, until something is written.

        Args:
            folder: where it lies; absent, empty, or a store.
            identity: plain values that say what matrix it is.
            n: rows, and columns.
            tile: rows of a tile.
            dtype: "float32" or "float64".
            settings: plain values that decide over rounding (precision, batch sizes) but not what matrix it is.
            writer: one name for each process that writes at the same time, as "host3".

        Raises:
            UserError: the folder holds another matrix or something else, is damaged, or cannot be written.
        """
        path = checked_path(folder, "the folder of a store")
        if not _WRITER.fullmatch(writer):
            raise UserError(f"writer name {writer!r} cannot be a file name: use letters, digits and any of _ . = + -")
        check_counts(n=n, tile=tile)
        fields = {"identity": identity, "n": n, "tile": min(tile, n), "dtype": dtype, "settings": settings}
        wanted = from_dict(Manifest, plain_json(fields, path))
        if not (path / _DONE).exists():
            with write_errors_explained(path):
                path.mkdir(parents=True, exist_ok=True)
                with FileLock(path / _LOCK):
                    remove_leftovers(path)
                    wanted.write(path)
        manifest = Manifest.read(path)
        manifest.check_same(path, wanted)
        store = cls(path, manifest, writer)
        if not store.done:
            store._begin()
        if store.done:  # another process has finished it while this one waited
            store._release()
        return store

    @staticmethod
    def exists(folder: Path | str) -> bool:
        """Whether a store was begun there."""
        return (Path(folder) / MANIFEST).exists()

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Opens a store for reading, finished or not; changes nothing.

        Raises:
            UserError: there is no store, or its manifest is damaged.
        """
        path = checked_path(folder, "the folder of a store")
        return cls(path, Manifest.read(path), None)

    @property
    def done(self) -> bool:
        """Whether `finish` was called, by any writer."""
        return (self.path / _DONE).exists()

    @property
    def facts(self) -> dict[str, Any]:
        """What was given to the first `finish`; empty before it."""
        return (read_json(self.path / _DONE) if self.done else None) or {}

    def missing(self, among: Iterable[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
        """The tiles (i, j), i <= j, that are absent or damaged, row by row; those that are there are read and verified.

        Args:
            among: the tiles to look at, None for all; where many processes share the work, each looks at its own.
        """
        tiles = self._tiles(among)
        absent = set(self.absent(tiles))
        stored = [tile for tile in tiles if tile not in absent]
        if stored:  # a new store has nothing to check
            with progress("checking stored tiles", len(stored), "tiles") as advance:
                absent.update(self._files.damaged(stored, advance))
        return sorted(absent)

    def absent(self, among: Iterable[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
        """The tiles that no writer has recorded or whose file is not whole, row by row; quick, nothing is read.

        Args:
            among: the tiles to look at, None for all.
        """
        return [tile for tile in self._tiles(among) if not self._files.in_place(*tile)]

    def write(self, i: int, j: int, values: Float[np.ndarray, "rows columns"]) -> None:
        """Hands over the tile of block row i and block column j, i <= j.

        `values` may be changed as soon as this returns; a few tiles are on their way to the disk then.

        Raises:
            UserError: no such tile, a wrong shape, or a store for reading; a full disk or a folder that cannot be
                written, which may show at the next call only.
        """
        if i > j:
            raise UserError(f"tile ({i}, {j}) is below the diagonal, which is not stored: write its transpose")
        expected = tuple(window.stop - window.start for window in self._files.window(i, j))
        if np.shape(values) != expected:
            raise UserError(
                f"tile ({i}, {j}) of {self.path} has shape {expected}, not {np.shape(values)}: cut it to that shape"
            )
        pool = self._begin()
        while self._pending and (len(self._pending) >= _WRITES_IN_FLIGHT or self._pending[0].done()):
            self._pending.popleft().result()
        writing = self._files.begin_write(i, j, np.asarray(values, dtype=self.dtype))
        writing.copy.result()
        # A thread waits for the disk: a tile is recorded as soon as it is there, however long the next one takes.
        self._pending.append(pool.submit(self._files.settle, i, j, writing.commit, self._writer or ""))

    def flush(self) -> None:
        """Waits until all tiles handed over are on disk.

        Raises:
            UserError: one could not be written; those that could are kept.
        """
        failed = None
        while self._pending:
            try:
                self._pending.popleft().result()
            except UserError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def finish(self, **facts: Any) -> None:
        """Marks the store done; all tiles must be there. Harmless where another writer has done it already.

        Args:
            facts: plain values to keep with it; those of the first to finish stay.

        Raises:
            UserError: a tile is not there, or the disk is full.
        """
        self._begin()
        self.flush()
        with write_errors_explained(self.path), FileLock(self.path / _LOCK):
            remove_leftovers(self.path)
            if absent := self.absent():
                message = f"{len(absent):,} of {self.num_tiles:,} tiles of {self.path} are absent, first {absent[0]}"
                raise UserError(f"{message}: compute them before finishing")
            self._files.merge_records()
            if not self.done:
                write_text(self.path / _DONE, json.dumps(plain_json(facts, self.path), indent=2) + "\n")
            self._files.drop_partial_records()
        self._release()

    def tile_at(self, i: int, j: int) -> Float[np.ndarray, "rows columns"]:
        """The tile of block row i and block column j, its checksum verified; below the diagonal by symmetry.

        Raises:
            UserError: it is absent or damaged, or there is no such tile.
        """
        self.flush()
        return self._files.read(i, j) if i <= j else self._files.read(j, i).T

    def diagonal(self) -> Float[np.ndarray, " n"]:
        """The diagonal, in float64; reads the diagonal tiles.

        Raises:
            UserError: one is absent or damaged.
        """
        return np.concatenate([self.tile_at(i, i).diagonal() for i in range(self.num_blocks)]).astype(np.float64)

    def digest(self) -> str:
        """SHA-256, as hexadecimal digits, of the checksums of all tiles; the store must be done."""
        return hashlib.sha256((self.path / CHECKSUMS).read_bytes()).hexdigest()

    def panels(
        self, blocks: Iterable[int] | None = None, column: int = 0
    ) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """Goes through the upper triangle by block rows: yields (start, K[start : start + rows, start:]).

        The next panel is read while the caller works on one; memory is that of three panels and a few tiles. A panel
        may be kept: its memory is used again only when nothing refers to it any more.

        Args:
            blocks: the block rows, None for all of them from the top.
            column: block column that panels which start left of it begin at.

        Raises:
            UserError: a tile is absent or damaged.
        """
        self.flush()
        return self._files.panels(range(self.num_blocks) if blocks is None else blocks, column)

    def array(self) -> Float[np.ndarray, "n n"]:
        """The whole matrix, both triangles, in memory.

        Raises:
            UserError: it does not fit, or a tile is absent or damaged.
        """
        needed, available = self.n**2 * self.dtype.itemsize, 0.9 * host_available_bytes()
        check_memory(f"the matrix in {self.path}", needed, available, "free memory, or go through it by `panels`")
        return self._assembled(self.dtype)

    def close(self) -> None:
        """Waits for what was handed over and lets other processes write. What is not finished can be continued.

        Raises:
            UserError: a tile could not be written.
        """
        try:
            self.flush()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            self.close()
        except UserError:
            if kind is None:  # else the error that ended the body is the one to report
                raise

    def __repr__(self) -> str:
        state = "done" if self.done else "reading" if self._lock is None else "writing"
        return f"GramStore({str(self.path)!r}, n={self.n}, tile={self.tile}, {state})"

    def _tiles(self, among: Iterable[tuple[int, int]] | None) -> list[tuple[int, int]]:
        """The tiles to inspect, with everything known that was written by now."""
        self.flush()
        self._files.reload()
        return list(self._files.all()) if among is None else sorted(among)

    def _begin(self) -> ThreadPoolExecutor:
        """Takes the writer's lock, waiting for it; the thread that waits for the disk."""
        if self._pool is not None:
            return self._pool
        if self._writer is None:
            raise UserError(f"the store in {self.path} is open for reading only: open it with GramStore.open to write")
        path = self.path / f"{_LOCK}-{self._writer}"
        if str(path.resolve()) in _writing:
            raise UserError(f"{self.path} is open for writing in this process already: close that one first")
        with write_errors_explained(path):
            lock = FileLock(path, thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                message = f"another process is writing {self.path}: waiting for it"
                console.print(message, highlight=False, soft_wrap=True)
                lock.acquire()
        try:
            with FileLock(self.path / _LOCK):
                self._files.lay_out()
        except BaseException:
            lock.release()
            raise
        self._lock, self._pool = lock, ThreadPoolExecutor(1, "gram-store")
        _writing[str(path.resolve())] = self
        return self._pool

    def _release(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if self._lock is not None:
            _writing.pop(str(Path(self._lock.lock_file).resolve()), None)
            self._lock.release()
        self._pool = self._lock = None
