"""`TileFiles`: the tiles of a symmetric matrix as files of a zarr array, and the record of their checksums."""

import itertools
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import write_errors_explained, write_text

CHECKSUMS = "checksums.txt"
_TILES, _PARTIAL = "tiles", "checksums-{}.partial"
# One line of `checksums*`: block row, block column, crc32c. What a kill or power failure leaves of one is no match.
_RECORD = re.compile(rb"^(\d+) (\d+) ([0-9a-f]{8})$", re.MULTILINE)
_OS_ERROR = re.compile(r"(?:os_error_code='|OS error )(\d+)")
_CRC_BYTES = 4
_READS_IN_FLIGHT = 8  # files; what was read waits in memory until a core has verified it
_PANELS = 3  # the caller's, the one that is ready, the one being read

# Without sync a kill of the process loses nothing, and what a power failure loses or damages shows in its checksum;
# with it every tile would wait for the disk. No cache: each pass reads each tile once.
# Files are mapped for reading: without a buffer for each, panels from the page cache come at twice the speed. A tile is
# replaced by a move, so that what is mapped never changes.
_CONTEXT = {
    "cache_pool": {"total_bytes_limit": 0},
    "file_io_sync": False,
    "file_io_mode": {"mode": "memmap"},
}


class TileFiles:
    """The tiles (i, j), i <= j, of an (n, n) matrix below a folder: `tiles/c/<i>/<j>` and `checksums*`.

    A tile is in place when its file has the right length and ends with a crc32c that was recorded for this place. That
    is a check of 4 bytes; that the crc32c fits the contents is verified by TensorStore with every read.
    """

    def __init__(self, folder: Path, n: int, tile: int, dtype: np.dtype):
        self._folder, self._n, self._tile, self._dtype = folder, n, tile, dtype
        self.num_blocks = -(-n // tile)
        self._recorded: set[tuple[int, int, int]] = set()
        # Opened with its shape rounded up to whole tiles: TensorStore would read a tile that crosses the edge before it
        # writes it, and refuse to write over a damaged one. The files are the same.
        self._array = self._open(self.num_blocks * tile, assume_metadata=True).result()

    def lay_out(self) -> None:
        """Writes `tiles/zarr.json`, for other readers, where it is absent or damaged."""
        with write_errors_explained(self._folder / _TILES):
            try:
                _await(self._open(self._n, create=True))
            except ValueError:
                (self._folder / _TILES / "zarr.json").unlink()
                _await(self._open(self._n, create=True))

    def all(self) -> Iterator[tuple[int, int]]:
        """The places (i, j) of all tiles, row by row."""
        return ((i, j) for i in range(self.num_blocks) for j in range(i, self.num_blocks))

    def window(self, i: int, j: int) -> tuple[slice, slice]:
        """The rows and columns of the matrix that a tile holds.

        Raises:
            UserError: there is no such tile.
        """
        if not (0 <= i < self.num_blocks and 0 <= j < self.num_blocks):
            last = self.num_blocks - 1
            raise UserError(f"{self._folder} has no tile ({i}, {j}): take one of (0, 0) to ({last}, {last})")
        rows, columns = (slice(k * self._tile, min(self._n, (k + 1) * self._tile)) for k in (i, j))
        return rows, columns

    def begin_write(self, i: int, j: int, values: Float[np.ndarray, "rows columns"]) -> Any:
        """Starts to write a tile; returns TensorStore's futures `.copy` (values taken over) and `.commit`."""
        short = [(0, self._tile - length) for length in values.shape]
        values = np.pad(values, short) if np.any(short) else values
        rows, columns = (slice(k * self._tile, (k + 1) * self._tile) for k in (i, j))
        return self._array[rows, columns].write(values)

    def settle(self, i: int, j: int, commit: Any, writer: str) -> None:
        """Waits until a tile is in its place and records its checksum, in `checksums-<writer>.partial`.

        Raises:
            UserError: full disk, no permission.
        """
        path = self._path(i, j)
        try:
            with write_errors_explained(path):
                _await(commit)
                crc = self._checksum(i, j)
                if crc is None:
                    raise OSError("gone right after it was written")
                # The line end comes first, so that a line which a kill cut short does not spoil the one behind it.
                line = f"\n{i} {j} {crc:08x}".encode()
                with open(self._folder / _PARTIAL.format(writer), "ab", buffering=0) as handle:
                    while line:  # a nearly full disk takes a part before it refuses the rest
                        line = line[handle.write(line) or 0 :]
        except OSError as error:
            message = f"{path} cannot be written ({error.strerror or error}): fix that and run the same command again"
            raise UserError(message) from error
        self._recorded.add((i, j, crc))

    def damaged(self, tiles: Iterable[tuple[int, int]], advance: Callable[[], None]) -> list[tuple[int, int]]:
        """Those of the tiles that are not in place or whose contents do not fit their checksum; reads all of them."""
        found = []

        def begun() -> Iterator[tuple[tuple[int, int], Any]]:
            for tile in tiles:
                if self.in_place(*tile):
                    yield tile, self._array[self.window(*tile)].read()
                else:
                    found.append(tile)
                advance()

        found += [tile for tile, error in _finished(begun()) if error is not None]
        return sorted(found)

    def read(self, i: int, j: int) -> Float[np.ndarray, "rows columns"]:
        """A tile, verified.

        Raises:
            UserError: it is absent or damaged.
        """
        rows, columns = self.window(i, j)
        values = np.empty((rows.stop - rows.start, columns.stop - columns.start), self._dtype)
        self._read_row(i, [j], values)
        return values

    def panels(self, blocks: Iterable[int], column: int = 0) -> Iterator[tuple[int, Float[np.ndarray, "rows columns"]]]:
        """Yields (start, K[start : start + rows, start:]) of block rows, reading one ahead; see `GramStore.panels`.

        Fresh memory for each panel would halve the speed, as the system clears every page of it first. So three buffers
        take turns, each free again once nothing but their list refers to it: a caller may keep the panels.
        """
        wanted = list(blocks)
        shapes = {i: self._panel_shape(i, column) for i in wanted}
        largest = max((rows * columns for rows, columns in shapes.values()), default=0)
        buffers: list[np.ndarray] = []
        references = 0  # of a buffer that is free

        def free_buffer() -> np.ndarray:
            nonlocal references
            for k in range(len(buffers)):
                if sys.getrefcount(buffers[k]) <= references:
                    return buffers[k]
            buffers.append(np.empty(largest, self._dtype))
            del buffers[:-_PANELS]
            references = references or sys.getrefcount(buffers[-1])
            return buffers[-1]

        def begin(i: int) -> tuple[int, np.ndarray, Future[None]]:
            rows, columns = shapes[i]
            panel = free_buffer()[: rows * columns].reshape(rows, columns)
            return i, panel, reader.submit(self._read_row, i, range(max(i, column), self.num_blocks), panel)

        with ThreadPoolExecutor(1, "gram-store-read") as reader:
            begun = map(begin, wanted)
            ahead = next(begun, None)
            while ahead is not None:
                i, panel, future = ahead
                future.result()
                ahead = next(begun, None)
                yield i * self._tile, panel

    def in_place(self, i: int, j: int) -> bool:
        """Whether the file of a tile exists, is complete, and ends with a checksum that was recorded for this place."""
        return (i, j, self._checksum(i, j)) in self._recorded

    def reload(self) -> None:
        """Reads what other writers have recorded."""
        # Partial records first: where one has gone meanwhile, the complete one exists.
        for path in [*self._folder.glob(_PARTIAL.format("*")), self._folder / CHECKSUMS]:
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue  # another process has finished the store just now
            self._recorded.update((int(i), int(j), int(crc, 16)) for i, j, crc in _RECORD.findall(content))

    def merge_records(self) -> None:
        """Writes `checksums.txt` of all tiles; `drop_partial_records` may follow."""
        lines = (f"{i} {j} {self._checksum(i, j):08x}\n" for i, j in self.all())
        write_text(self._folder / CHECKSUMS, "".join(lines))

    def drop_partial_records(self) -> None:
        """Removes the record of each writer, which `checksums.txt` holds by now."""
        for path in self._folder.glob(_PARTIAL.format("*")):
            path.unlink(missing_ok=True)

    def _path(self, i: int, j: int) -> Path:
        return self._folder / _TILES / "c" / str(i) / str(j)

    def _panel_shape(self, i: int, column: int) -> tuple[int, int]:
        rows, columns = self.window(i, max(i, column))
        return rows.stop - rows.start, self._n - columns.start

    def _read_row(self, i: int, blocks: Iterable[int], into: np.ndarray) -> None:
        def begun() -> Iterator[tuple[int, Any]]:
            filled = 0
            for j in blocks:
                if not self.in_place(i, j):
                    self.reload()  # another process may have written it since
                    if not self.in_place(i, j):
                        raise self._unreadable(i, j)
                window = self.window(i, j)
                start, filled = filled, filled + window[1].stop - window[1].start
                yield j, ts.array(into[:, start:filled], copy=False).write(self._array[window])

        for j, error in _finished(begun()):
            if error is not None:
                raise self._unreadable(i, j) from error

    def _checksum(self, i: int, j: int) -> int | None:
        """The crc32c at the end of a tile's file, None where the file is not there in its right length."""
        try:
            with open(self._path(i, j), "rb", buffering=0) as handle:
                end = handle.seek(0, os.SEEK_END) - _CRC_BYTES
                if end != self._tile**2 * self._dtype.itemsize:
                    return None
                handle.seek(end)
                return int.from_bytes(handle.read(_CRC_BYTES), "little")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise UserError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from error

    def _unreadable(self, i: int, j: int) -> UserError:
        state = "damaged" if self._path(i, j).exists() else "absent"
        message = f"tile ({i}, {j}) of {self._folder} is {state}: give the command that computed the matrix again"
        return UserError(f"{message} (what is there is kept)")

    def _open(self, n: int, create: bool = False, assume_metadata: bool = False) -> Any:
        chunks = {"name": "regular", "configuration": {"chunk_shape": [self._tile] * 2}}
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
        metadata = {"shape": [n, n], "data_type": self._dtype.name, "fill_value": 0.0}
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{(self._folder / _TILES).absolute()}/"},
            "metadata": {**metadata, "chunk_grid": chunks, "codecs": codecs},
            "store_data_equal_to_fill_value": True,  # a tile of zeros is a tile
            "fill_missing_data_reads": False,
        }
        context = ts.Context(_CONTEXT)
        return ts.open(spec, context=context, open=True, create=create, assume_metadata=assume_metadata)


def _finished(begun: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, ValueError | None]]:
    """The key of each read and its error, if any, a few files in flight; `begun` starts them with their keys."""
    reading: deque[tuple[Any, Any]] = deque()
    for read in itertools.chain(begun, [None] * _READS_IN_FLIGHT):
        if read is not None:
            reading.append(read)
        if reading and (read is None or len(reading) > _READS_IN_FLIGHT):
            key, future = reading.popleft()
            try:
                future.result()
                yield key, None
            except ValueError as error:
                yield key, error


def _await(future: Any) -> None:
    """Waits; TensorStore's error becomes the OSError behind it, where there is one."""
    try:
        future.result()
    except ValueError as error:
        found = _OS_ERROR.search(str(error))
        if found:
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
        raise
