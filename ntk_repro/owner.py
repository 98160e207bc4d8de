"""A process by what distinguishes it from any other of its number, so that another process sees when it has ended."""

import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True)
class Owner:
    """The process that holds a lease, or that has reserved memory.

    Attributes:
        host: name of the machine.
        boot: a name for the time since it was started.
        pid: of the process.
        started: when the process was, in seconds since 1970.
        since: when it became the owner, likewise.
        token: its own random text.
    """

    host: str
    boot: str
    pid: int
    started: float
    since: float
    token: str

    @classmethod
    def this_process(cls) -> Self:
        """This process, now."""
        started = psutil.Process().create_time()
        return cls(socket.gethostname(), _boot(), os.getpid(), started, time.time(), secrets.token_hex(8))

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine since this was started."""
        return (self.host, self.boot) == (socket.gethostname(), _boot())

    @property
    def ended(self) -> bool:
        """Whether it was a process of this machine, which is gone; a zombie, which its parent has not reaped, is."""
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) > 1 or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
