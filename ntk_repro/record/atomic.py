"""Files that are written completely or not at all."""

import errno
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ntk_repro.errors import UserError

_SUFFIX = ".tmp"
_WRITE_ERRORS = {
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG): "no space left while writing {path}: free some disk space and give the "
    "same command again (finished work is saved)",
    (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOENT,
        errno.ENAMETOOLONG,
    ): "{path} cannot be written ({error}): make its folder writable or choose another one",
    (errno.ENOTDIR, errno.EEXIST): "{path} cannot be written because a file stands where a folder is needed: move that "
    "file away",
}


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turns a full disk and a folder that may not be written into a `UserError` with the remedy.

    Raises:
        UserError: no space left (or over quota), or no permission, while writing `path`. Others of `OSError` pass.
    """
    try:
        yield
    except OSError as error:
        for numbers, message in _WRITE_ERRORS.items():
            if error.errno in numbers:
                raise UserError(message.format(path=path, error=error.strerror)) from error
        raise


def make_folder(path: Path) -> None:
    """Makes a folder, with those above it, where it is not there.

    Raises:
        UserError: it cannot be made, or not be written.
    """
    with write_errors_explained(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` only when the body ends without an error.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and are then moved over `path` in
    one step. Whatever interrupts the body, `path` is unchanged and the temporary file is removed; only a
    killed process leaves one, which `remove_leftovers` finds.

    Raises:
        UserError: full disk, or a folder that may not be written.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{_SUFFIX}"
    with write_errors_explained(path):
        try:
            with open(temporary, "xb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path`, atomically."""
    with atomic_file(path) as handle:
        handle.write(text.encode())


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes texts below a folder, by their path in it."""
    for name, text in texts.items():
        path = folder / name
        with write_errors_explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)


def append_text(path: Path, text: str) -> None:
    """Appends `text` (UTF-8) to `path`, all of it or nothing unless the process is killed meanwhile."""
    line = text.encode()
    with write_errors_explained(path), open(path, "ab", buffering=0) as handle:
        before = handle.tell()
        try:
            written = 0
            while written < len(line):  # a nearly full disk takes a part of the line before it refuses more
                written += handle.write(line[written:]) or 0
        except OSError:
            handle.truncate(before)
            raise


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes named arrays to `path` as `.npz`, atomically and without pickle.

    Raises:
        UserError: an array of Python objects (which only pickle could store) or of a type that is not NumPy's own
            (bfloat16); full disk; no permission.
    """
    converted = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in converted.items():
        if array.dtype.hasobject:
            raise UserError(f"{name!r} is an array of Python objects and cannot be saved: give numbers or strings")
        if array.dtype.kind == "V" and array.dtype.names is None:  # it would come back as bytes without meaning
            raise UserError(f"{name!r} is of type {array.dtype}, which .npz cannot hold: convert it to float32")
    # np.savez takes names as keyword arguments, so an array called "file" would clash: members are written one by one.
    with atomic_file(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in converted.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Reads all arrays of an `.npz` (checksums verified), or None where it is absent or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except PermissionError:
        raise
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        # TypeError: np.load of a bare .npy gives an array, which is no context manager.
        return None


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in a JSON file, None where it is absent or damaged; a UserError where it may not be read."""
    try:
        value = json.loads(path.read_bytes())
    except PermissionError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): make it readable") from error
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files that a killed process left in `folder`. Only for a folder that no one else writes."""
    for leftover in folder.glob(f".*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes the move itself survive a power failure, where the system offers that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # Some network file systems cannot; the file itself is safe.
    finally:
        os.close(descriptor)
