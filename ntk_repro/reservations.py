"""Memory that long computations are about to take, made known to the other processes of the package on this machine.

Each process that has reserved some keeps a file in the cache folder that says how large it will become. Where this
folder cannot be used, no reservations are known.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil

from ntk_repro.cache_folder import cache_dir
from ntk_repro.owner import Owner

_TROUBLE = (OSError, psutil.Error, ValueError, TypeError, RuntimeError)  # the last from a user without a home


class _OwnReservations:
    """Those of this process: its size before the first of them, and the bytes of each."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Starts with none: a forked process has none of its parent's, and no thread that could hold the lock."""
        self._lock, self._base, self._bytes = threading.Lock(), 0, dict[object, float]()

    def add(self, needed: float) -> object:
        """Adds a reservation; returns the token by which it is removed."""
        token = object()
        with self._lock:
            if not self._bytes:
                self._base = psutil.Process().memory_info().rss
            self._bytes[token] = needed
            self._tell()
        return token

    def remove(self, token: object) -> None:
        """Ends a reservation; in a child of the process that made it there is none."""
        with self._lock:
            if self._bytes.pop(token, None) is not None:
                self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(*_TROUBLE):
            file = _folder() / f"{socket.gethostname()}-{os.getpid()}.json"
            if not self._bytes:
                file.unlink(missing_ok=True)
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            total = int(self._base + sum(self._bytes.values()))
            file.write_text(json.dumps([total, asdict(Owner.this_process())]), encoding="utf-8")


_own = _OwnReservations()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_own.forget)


@contextlib.contextmanager
def reserving(needed: float) -> Iterator[None]:
    """Tells the other processes of the package on this machine that this one is about to take so many bytes.

    Check within it that they are there: of two processes that plan at the same time, each then sees the other.
    """
    token = _own.add(needed)
    try:
        yield
    finally:
        _own.remove(token)


def reserved_by_others() -> int:
    """Bytes that other processes have reserved and not taken yet; removes the files of those that have ended."""
    total = 0
    with contextlib.suppress(*_TROUBLE):
        for file in _folder().glob("*.json"):
            with contextlib.suppress(*_TROUBLE):
                total += _outstanding(file)
    return total


def _outstanding(file: Path) -> int:
    """What the process of this file has reserved and not taken yet."""
    reserved, fields = json.loads(file.read_text(encoding="utf-8"))
    owner = Owner(**fields)
    if owner.ended:
        file.unlink(missing_ok=True)
    elif owner.is_here and owner.pid != os.getpid():
        return max(int(reserved) - psutil.Process(owner.pid).memory_info().rss, 0)
    return 0


def _folder() -> Path:
    return cache_dir() / "memory"
