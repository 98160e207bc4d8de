"""The folder of one run: config, environment, metrics, parts and result, safe against a kill at any moment."""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from ntk_repro.errors import UserError
from ntk_repro.progress import console
from ntk_repro.record.atomic import (
    append_text,
    load_arrays,
    read_json,
    remove_leftovers,
    save_arrays,
    write_errors_explained,
    write_text,
    write_texts,
)
from ntk_repro.record.config import (
    canonical,
    config_from_toml,
    config_hash,
    config_to_dict,
    config_to_toml,
    settings_to_dict,
)
from ntk_repro.record.environment import environment

CONFIG, DONE, PARTS, LOCK = "config.toml", "DONE", "parts", ".lock"
PICTURES = "pictures"
"""The folder within a run's that its pictures are drawn into."""
_ENVIRONMENT, _METRICS, _RESULT, _SOURCE = "environment.json", "metrics.jsonl", "result.npz", "source"
STATE = "_state"
"""The end of a part's name that holds the state of unfinished work, from which it continues after a kill."""
_LOGGING = threading.Lock()  # lines of several threads
_FORMER_NAME = ("finite_width_", "widths_")  # its runs are found under both
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*")


def runs_root(root: Path | str | None = None) -> Path:
    """The folder that holds all runs: `root`, else `$NTK_REPRO_RUNS`, else `runs` in the current folder."""
    return Path(root or os.environ.get("NTK_REPRO_RUNS") or "runs")


def study_of_run(path: Path) -> str:
    """The name of the study whose run folder this is."""
    new, former = _FORMER_NAME
    return re.sub(f"^{former}", new, path.absolute().parent.name)


def _check_folder_name(name: str) -> None:
    """Refuses what cannot be the name of a run's folder.

    Raises:
        UserError: names the characters that can.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot be a folder name: use letters, digits and any of _ . = + -")


def second_name(path: Path, name: str) -> Path:
    """The link that gives a run's folder another name; makes nothing.

    Raises:
        UserError: a name that no folder can have, or one that another run has.
    """
    _check_folder_name(name)
    link = path.with_name(name)
    if link.exists() and not (path.exists() and link.samefile(path)):
        raise UserError(f"{link} is another run: choose another name, or remove that link")
    return link


class RunInUseError(UserError):
    """Another process writes the run folder."""


class RunFolder:
    """One run on disk, at `<root>/<study>/<config hash>/`.

    Holds `config.toml`, `environment.json`, `metrics.jsonl`, `result.npz` and, last, `DONE`; while the run is in
    progress also `parts/<name>.npz`. Every file but `metrics.jsonl` is written atomically, so a killed run continues
    with the parts that it had finished. Made by `open` (to write) or `read`.

    Attributes:
        path: the folder.
        config: the config's identity, as values of TOML and None.
    """

    def __init__(self, path: Path, config: dict[str, Any], lock: FileLock | None, session: dict[str, Any] | None):
        self.path, self.config, self._lock, self._session = path, config, lock, session
        self._result: dict[str, np.ndarray] | None = None
        self._opened = time.monotonic()

    @staticmethod
    def locate(study: str, config: Any, *, root: Path | str | None = None) -> Path:
        """The folder of the run of this config, whether it exists or not; changes nothing."""
        _check_folder_name(study)
        names = (study, study.replace(*_FORMER_NAME))
        path, former = (runs_root(root) / name / config_hash(config) for name in names)
        return former if former.exists() and not path.exists() else path

    @classmethod
    def is_done(cls, study: str, config: Any, *, root: Path | str | None = None) -> bool:
        """Whether the run of this config is finished; changes nothing."""
        return (cls.locate(study, config, root=root) / DONE).exists()

    @classmethod
    def open(
        cls,
        study: str,
        config: Any,
        *,
        root: Path | str | None = None,
        wait: bool = False,
        provenance: Mapping[str, Any] | None = None,
        source: Mapping[str, str] | None = None,
    ) -> Self:
        """Creates the run folder of this config, or continues it where it exists.

        The folder is locked against other processes until it is closed (it is a context manager). A run that is done
        is opened for reading: nothing is left to write.

        Args:
            study: name of the study, the folder between the root and the hash.
            config: instance of a frozen dataclass; `config_hash` is of the fields that identify it.
            root: see `runs_root`.
            wait: whether to wait for another process that has the folder open, rather than to refuse.
            provenance: of the run's data, `data.provenance.as_dict()`: recorded, and compared by its `sha256` with that
                of the data the run was begun with, since a file or a data folder may have changed.
            source: the source of a custom network, text by path: saved in `source/`.

        Raises:
            UserError: the folder belongs to another config or was begun with other data, is half-written or damaged, or
                cannot be written.
            RunInUseError: another process has it open, and `wait` is False.
        """
        path, identity = cls.locate(study, config, root=root), config_to_dict(config)
        if (path / DONE).exists():
            found = cls.read(path)
            _check_same(path, found.config, identity)
            _check_result(path)
            found._check_data(provenance)
            return found
        with write_errors_explained(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                if not wait:
                    message = f"run folder {path} is being written by another process: wait for it, or stop it"
                    raise RunInUseError(message) from error
                console.print(f"waiting for another process that computes {path}", highlight=False, soft_wrap=True)
                lock.acquire()
        try:
            if (path / DONE).exists():  # the other process has finished meanwhile
                lock.release()
                return cls.open(study, config, root=root, provenance=provenance)
            run = cls(path, identity, lock, {})
            run._begin(config)
            write_texts(path / _SOURCE, source or {})
            run._check_data(provenance)
            if provenance is not None:
                run.describe(provenance=dict(provenance))
            return run
        except BaseException:
            lock.release()
            raise

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Opens a run folder for reading, finished or not; imports no JAX and changes nothing.

        Args:
            path: of the folder; a name alone is looked for among the runs, too, see `runs_root`.

        Raises:
            UserError: there is no such folder, or it has no readable `config.toml`.
        """
        path = Path(path)
        if len(path.parts) == 1 and not path.exists():
            named = [found for found in runs_root().glob(f"*/{path}") if (found / CONFIG).exists()]
            path = named[0] if len(named) == 1 else path
        return cls(path, _read_config(path), None, None)

    @property
    def root(self) -> Path:
        """The folder of all runs, which contains it."""
        return self.path.parents[1]

    @property
    def study(self) -> str:
        """Name of the study that wrote it."""
        return study_of_run(self.path)

    @property
    def done(self) -> bool:
        """Whether the run is finished."""
        return (self.path / DONE).exists()

    @property
    def environment(self) -> dict[str, Any]:
        """The contents of `environment.json`; empty before the run has begun."""
        return read_json(self.path / _ENVIRONMENT) or {}

    def link(self, name: str) -> Path:
        """Gives the folder a second name, a link beside it, and returns the path of that.

        Raises:
            UserError: a name that no folder can have, or one that another run has.
        """
        link = second_name(self.path, name)
        if not link.exists():
            try:
                link.unlink(missing_ok=True)  # of a run that was deleted
                link.symlink_to(self.path.name, target_is_directory=True)
            except OSError as error:
                raise UserError(f"{link} cannot be made ({error}): do without a name") from error
        return link

    def describe(self, **facts: Any) -> None:
        """Adds facts to `environment.json` at once, for example `provenance=data.provenance.as_dict()`."""
        session = self._writable()
        session.update(facts)
        write_text(self.path / _ENVIRONMENT, _json(session))

    def save_part(self, name: str, **arrays: Any) -> None:
        """Saves a finished piece of the work, so that it survives a kill.

        Args:
            name: letters, digits and any of `_ . = + -`.
            arrays: by name, as `load_part` returns them.
        """
        self._writable()
        path = self._part(name)
        with write_errors_explained(path):
            path.parent.mkdir(exist_ok=True)
        save_arrays(path, arrays)

    def load_part(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays saved under this name, or None where they are absent or damaged (then compute them again)."""
        return load_arrays(self._part(name))

    def part(
        self, name: str, compute: Callable[..., Mapping[str, Any]], *arguments: Any, **facts: Any
    ) -> dict[str, np.ndarray]:
        """The arrays saved under this name; without any, those of `compute(*arguments)`, which are then saved.

        What `compute` saved under the name with `STATE` at its end, to continue after a kill, is removed then.
        Where there are `facts`, these are logged with the numbers among the arrays and the seconds that it took. That,
        and what `compute` logs, is in `metrics.jsonl` before the arrays are saved.
        """
        arrays = self.load_part(name)
        if arrays is None:
            started = time.monotonic()
            arrays = {key: np.asarray(value) for key, value in compute(*arguments).items()}
            if facts:
                numbers = {key: float(value) for key, value in arrays.items() if value.ndim == 0}
                self.log(**facts, **numbers, seconds=time.monotonic() - started)
            self.save_part(name, **arrays)
        self._part(name + STATE).unlink(missing_ok=True)
        return arrays

    def log(self, **scalars: Any) -> None:
        """Appends one line of JSON to `metrics.jsonl`.

        A run that was killed repeats the work since its last part, and logs it again. So log before saving the part
        that the line belongs to: a kill in between leaves the line twice, in the other order it would lose it.
        """
        self._writable()
        with _LOGGING:
            append_text(self.path / _METRICS, json.dumps(scalars, default=_number) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of `metrics.jsonl`; one that a kill cut short at the end is left out.

        Raises:
            UserError: a damaged line that is not the last.
        """
        try:
            return [json.loads(line) for line in self._complete_lines().splitlines()]
        except ValueError as error:
            message = f"{self.path / _METRICS} is damaged ({error}): delete the folder and run again"
            raise UserError(message) from error

    def finish(self, **arrays: Any) -> None:
        """Writes `result.npz`, `environment.json` and, last, `DONE`; then removes the parts.

        Args:
            arrays: the result, which `result` returns.
        """
        self._writable()
        result = self.path / _RESULT
        save_arrays(result, arrays)
        # The device is known only now; other facts stay. The seconds are those of the last session.
        self.describe(**environment(), seconds=round(time.monotonic() - self._opened, 3))
        _mark_done(self.path)
        shutil.rmtree(self.path / PARTS, ignore_errors=True)

    def result(self) -> dict[str, np.ndarray]:
        """The arrays given to `finish`, read from the disk once.

        Raises:
            UserError: the run is not finished, or its result is damaged.
        """
        if not self.done:
            raise UserError(f"the run in {self.path} is not finished: give the command that started it again")
        _check_result(self.path)
        if self._result is None:
            self._result = load_arrays(self.path / _RESULT)
        if self._result is None:
            raise _damaged(self.path)
        return dict(self._result)

    def close(self) -> None:
        """Releases the folder. An unfinished run can be continued by opening it again."""
        if self._lock is not None:
            self._lock.release()
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "done" if self.done else "reading" if self._session is None else "writing"
        return f"RunFolder({str(self.path)!r}, {state})"

    def _begin(self, config: Any) -> None:
        """Prepares the locked folder: repairs what a kill left, checks or writes the config."""
        path = self.path
        remove_leftovers(path)
        if (path / PARTS).is_dir():
            remove_leftovers(path / PARTS)
        unexpected = sorted(entry.name for entry in path.iterdir() if entry.name != LOCK)
        if (path / CONFIG).exists():
            _check_same(path, _read_config(path), self.config)
        elif unexpected:
            message = f"{path} holds {unexpected[0]} but no {CONFIG}, so it cannot be matched to a run"
            raise UserError(f"{message}: move the folder away or delete it")
        else:
            write_text(path / CONFIG, config_to_toml(self.config))
        metrics, lines = path / _METRICS, self._complete_lines()
        if metrics.exists() and metrics.stat().st_size > len(lines):
            with write_errors_explained(metrics):
                os.truncate(metrics, len(lines))
        # Work that another session finished may come from another commit or device: that is recorded too.
        earlier = read_json(path / _ENVIRONMENT)
        sessions = [*earlier.pop("earlier_sessions", []), earlier] if earlier else []
        settings = settings_to_dict(config)
        self.describe(**environment(settings=settings, earlier_sessions=sessions))

    def _check_data(self, provenance: Mapping[str, Any] | None) -> None:
        """Refuses to go on with other data than the run was begun with, in this session or an earlier one."""
        if provenance is None or "sha256" not in provenance:
            return
        sessions = [self.environment, *self.environment.get("earlier_sessions", [])]
        begun = {session["provenance"].get("sha256") for session in sessions if "provenance" in session}
        if begun - {provenance["sha256"]}:
            raise UserError(
                f"the images of {provenance['name']} are not those that {self.path} was begun with: bring them back, "
                "delete that folder, or name another folder for runs in NTK_REPRO_RUNS"
            )

    def _complete_lines(self) -> bytes:
        """The lines of `metrics.jsonl` without one that a kill cut short at the end."""
        path = self.path / _METRICS
        content = path.read_bytes() if path.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def _writable(self) -> dict[str, Any]:
        if self._session is None:
            raise UserError(f"the run in {self.path} is open for reading only: open it with RunFolder.open to write")
        if self.done:
            raise UserError(f"the run in {self.path} is finished: delete the folder to compute it again")
        return self._session

    def _part(self, name: str) -> Path:
        _check_folder_name(name)
        return self.path / PARTS / f"{name}.npz"


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise UserError(f"there is no run folder {path}: compute that run first")
    try:
        text = (path / CONFIG).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} has no {CONFIG}, so it is not a run folder: name one, or compute the run") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path / CONFIG} is damaged: delete the folder and run again") from error
    return config_from_toml(text, str(path / CONFIG))


def _check_same(path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in sorted({*saved, *wanted}):
        old, new = saved.get(name, "absent"), wanted.get(name, "absent")
        if canonical({"": old}) != canonical({"": new}):
            message = f"run folder {path} was written by another config ({name}: {old!r} there, {new!r} now)"
            raise UserError(f"{message}: delete it, or choose another folder for runs with NTK_REPRO_RUNS")


def _check_result(path: Path) -> None:
    """A cheap check of a finished run: its result has the length that `DONE` records.

    A `DONE` that a full disk has emptied is written again beside a result whose own checksums are right.
    """
    done, result = read_json(path / DONE), path / _RESULT
    if done is None and load_arrays(result) is not None:
        _mark_done(path)
        return
    if done is None or not result.exists() or result.stat().st_size != done.get("result_bytes"):
        raise _damaged(path)


def _mark_done(path: Path) -> None:
    write_text(path / DONE, _json({"result_bytes": (path / _RESULT).stat().st_size}))


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is marked {DONE} but its {_RESULT} is missing or damaged: delete the folder, run again")


def _json(mapping: Mapping[str, Any]) -> str:
    return json.dumps(mapping, indent=2, default=_number) + "\n"


def _number(value: Any) -> Any:
    """JSON of what json cannot write itself: NumPy and JAX scalars and arrays, paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise UserError(f"{value!r} cannot be recorded: give numbers, strings, lists or mappings of them")
