"""A file by which processes, on any machines that share its folder, leave a piece of work to one of them."""

import contextlib
import json
import os
import secrets
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Self

from ntk_repro.owner import Owner
from ntk_repro.record.atomic import make_folder, read_json

ABANDONED_AFTER = 300.0
"""Seconds without a sign of life after which a lease of another machine ends; clocks may differ by as much."""

_BEAT = 20.0


class Lease:
    """A claim to a piece of work, held until it is released, or until its process has died.

    On the same machine a dead process is known at once, another machine's after `ABANDONED_AFTER` seconds without a
    sign of life. Should two processes replace an abandoned lease at the same instant, both may hold it: so work under a
    lease must be safe to do twice.

    Attributes:
        seconds_lost: how long the process that left the lease behind had held it, 0.0 where there was none.
        lost_by: the machine of that process, "" where there was none.
    """

    def __init__(self, path: Path, owner: Owner, seconds_lost: float, lost_by: str):
        self.path, self.seconds_lost, self.lost_by = path, seconds_lost, lost_by
        self._owner, self._end = owner, threading.Event()
        self._thread = threading.Thread(target=self._show_life, daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """The lease at `path`, or None while another process holds it.

        Raises:
            UserError: the folder cannot be written.
        """
        owner, lost, lost_by = Owner.this_process(), 0.0, ""
        make_folder(path.parent)
        if (left := _left_behind(path)) is not None:
            lost, lost_by = left
        elif path.exists():
            return None
        try:
            with open(path, "x", encoding="utf-8") as handle:
                json.dump(asdict(owner), handle)
        except FileExistsError:  # another process was faster
            return None
        return cls(path, owner, lost, lost_by)

    @staticmethod
    def holder(path: Path) -> str:
        """The machine of the process that holds the lease at `path`; "" where none does."""
        owner = _owner(path)
        return "" if owner is None or _abandoned(path, owner) else owner.host

    def release(self) -> None:
        """Ends it."""
        self._end.set()
        self._thread.join()
        if _owner(self.path) == self._owner:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def _show_life(self) -> None:
        while not self._end.wait(_BEAT) and _owner(self.path) == self._owner:
            with contextlib.suppress(OSError):
                os.utime(self.path)


def _left_behind(path: Path) -> tuple[float, str] | None:
    """Removes an abandoned lease; returns how long it was held and on which machine, None if there is none."""
    owner = _owner(path)
    if not _abandoned(path, owner):
        return None
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        held = path.stat().st_mtime - owner.since if owner else 0.0
        os.rename(path, aside)
    except FileNotFoundError:  # another process was faster
        return None
    if _owner(aside) != owner:  # and took a new lease, which is given back
        os.rename(aside, path)
        return None
    aside.unlink()
    return max(held, 0.0), owner.host if owner else ""


def _abandoned(path: Path, owner: Owner | None) -> bool:
    try:
        silent = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return silent > ABANDONED_AFTER or (owner is not None and owner.ended)


def _owner(path: Path) -> Owner | None:
    """Who holds the lease at `path`; None where there is none, or where it is being written."""
    try:
        return Owner(**read_json(path) or {})
    except TypeError:
        return None
