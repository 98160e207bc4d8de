"""A run as one small file that can be committed, and the run folder laid out from it again."""

import io
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import atomic_file, write_errors_explained
from ntk_repro.record.config import config_from_toml, mapping_hash
from ntk_repro.record.run_folder import CONFIG, DONE, LOCK, PARTS, PICTURES, STATE, RunFolder, runs_root

LARGEST = 2**20
"""Bytes of a unit file: what is beyond goes into files beside it."""

_WHEN = (1980, 1, 1, 0, 0, 0)  # so that equal runs give equal files


def save_unit(run: RunFolder, path: Path) -> None:
    """Writes the unit file of a finished run: a zip archive of its folder.

    What is beyond `LARGEST` bytes goes into `<path>.01` and so on; `cat <path> <path>.*` is the archive. The file at
    `path` itself is written last, so where it exists all are there.

    Raises:
        UserError: the run is not finished, or the file cannot be written.
    """
    run.result()
    _save(run, path, [one for one in _files(run) if one.parent.name != PARTS])


def save_parts(run: RunFolder, path: Path) -> None:
    """Writes a file like the unit file of an unfinished run, with its parts in place of the result.

    Parts that are states of trainings, or larger than `LARGEST`, are left out, to be computed again.

    Raises:
        UserError: the file cannot be written.
    """
    # Deeper are kernels, which grow by themselves.
    near = [one for one in _files(run) if len(one.relative_to(run.path).parts) <= 2]
    _save(run, path, [one for one in near if one.stat().st_size <= LARGEST and not one.stem.endswith(STATE)])


def restore_run(path: Path, root: Path | str | None = None) -> bool:
    """Lays out the run folder of a file that `save_unit` or `save_parts` wrote.

    A finished run takes the place of an unfinished one; parts are added to those that are there.

    Args:
        path: the file, `<study>/<hash of the settings>.zip` or `<hash>.parts.zip`.
        root: folder of all runs, see `runs_root`.

    Returns:
        False where another process computes that run, so that nothing was changed.

    Raises:
        UserError: the file is damaged, holds another run than its name says, or the folder cannot be written.
    """
    files = _read(path)
    run, finished = runs_root(root) / path.parent.name / _identity(path), DONE in files
    if (run / DONE).exists():
        return True
    with write_errors_explained(run):
        run.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(run / LOCK, timeout=0):
                for name in sorted(files, key=lambda name: name == DONE):  # which is last
                    if finished or not (run / name).exists():
                        (run / name).parent.mkdir(parents=True, exist_ok=True)
                        with atomic_file(run / name) as handle:
                            handle.write(files[name])
                if finished:
                    shutil.rmtree(run / PARTS, ignore_errors=True)
        except Timeout:
            return False
    if finished:
        RunFolder.read(run).result()
    return True


def damage_of(path: Path) -> str:
    """Why `restore_run` would refuse a file, "" where it would not."""
    try:
        _read(path)
    except UserError as error:
        return str(error)
    return ""


def remove_unit(path: Path) -> None:
    """Removes a unit file, if it is there, first the file at `path` itself."""
    for one in _pieces(path):
        one.unlink(missing_ok=True)


def _files(run: RunFolder) -> list[Path]:
    """The files of a run, without its pictures and those that belong to the process that writes it."""
    found = sorted(path for path in run.path.rglob("*") if path.is_file() and path.parent != run.path / PICTURES)
    return [path for path in found if path.name != LOCK and not path.name.endswith(".tmp")]


def _save(run: RunFolder, path: Path, files: list[Path]) -> None:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        for one in files:
            info = zipfile.ZipInfo(one.relative_to(run.path).as_posix(), _WHEN)
            archive.writestr(info, one.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    content = stored.getvalue()
    pieces = [content[start : start + LARGEST] for start in range(0, len(content), LARGEST)]
    with write_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(pieces) > 1:
            remove_unit(path)
        for number in range(len(pieces) - 1, -1, -1):
            with atomic_file(_piece(path, number)) as handle:
                handle.write(pieces[number])


def _identity(path: Path) -> str:
    return path.name.partition(".")[0]


def _piece(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number:02d}") if number else path


def _pieces(path: Path) -> list[Path]:
    return [path, *sorted(path.parent.glob(f"{path.name}.[0-9][0-9]"))]


def _read(path: Path) -> dict[str, bytes]:
    """The files of a run by their path in its folder."""
    damaged = f"{path} is damaged: take it from where it was saved again, or delete it and compute that run"
    try:
        content = b"".join(one.read_bytes() for one in _pieces(path))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        identity = mapping_hash(config_from_toml(files[CONFIG].decode(), str(path)))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check the path") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise UserError(damaged) from error
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in files):
        raise UserError(damaged)
    if identity != _identity(path):
        raise UserError(f"{path} holds the run {identity}: rename or delete it")
    return files
