"""What a computation needs and what the machine has, checked before the work starts."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from ntk_repro.errors import UserError
from ntk_repro.ranges import check_positive
from ntk_repro.reservations import reserved_by_others

_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def host_available_bytes() -> int:
    """Memory of the host that is available now and not reserved; within a container or a batch job, of its share.

    What other processes have reserved counts against the host alone: they may have another share.
    """
    free = [max(psutil.virtual_memory().available - reserved_by_others(), 0)]
    for folder, limit_name, used_name in _cgroups():
        try:
            limit, used = ((folder / name).read_text().strip() for name in (limit_name, used_name))
        except OSError:
            continue
        if limit.isdecimal() and used.isdecimal():
            free.append(max(int(limit) - int(used) + _cached(folder), 0))
    return min(free)


def _cached(folder: Path) -> int:
    """Bytes of cached files, which the system drops when memory is needed."""
    try:
        lines = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(lines.get("total_inactive_file", lines.get("inactive_file", 0)))


def _cgroups() -> Iterator[tuple[Path, str, str]]:
    """The control groups that this process is in, up to the root, with the names of their files of memory."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        lines = []
    for line in [*lines, "0::/"]:
        _, controllers, path = line.split(":", 2)
        group = Path(path.lstrip("/"))
        if not controllers:
            root, names = _CGROUP, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root, names = _CGROUP / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        for folder in (group, *group.parents):
            yield root / folder, *names


def given_bytes(memory: float | str | None, otherwise: float) -> int:
    """The bytes that a caller allows, as a number or as in "6GiB"; `otherwise` where nothing is said.

    Raises:
        UserError: for anything else.
    """
    if memory is None:
        return int(otherwise)
    allowed = parse_bytes(memory) if isinstance(memory, str) else memory
    check_positive(memory=allowed)
    return int(allowed)


def remaining_bytes(memory: float | str | None) -> int | None:
    """What is left of the memory that this process may use in all; None without a limit.

    Raises:
        UserError: from `given_bytes`, and where nothing is left.
    """
    if memory is None:
        return None
    allowed, used = given_bytes(memory, 0), process_bytes()
    if allowed <= used:
        sizes = f"{readable_bytes(allowed)} are allowed, and the process alone takes {readable_bytes(used)}"
        raise UserError(f"{sizes}: allow more")
    return allowed - used


def process_bytes() -> int:
    """Memory that this process uses now."""
    return psutil.Process().memory_info().rss


def solver_bytes(memory: float | str | None = None) -> float:
    """Memory of the host that a dense solver may take: what is given, else nine tenths of what is free."""
    return given_bytes(memory, 0.9 * host_available_bytes())


def available_bytes() -> int:
    """Memory that computations may take now: of the accelerator where there is one, else of the host."""
    import jax  # here, so that what only asks for the host's memory (the store) does not wait for JAX

    host = host_available_bytes()
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return host
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return host
    return min(host, stats["bytes_limit"] - stats.get("bytes_in_use", 0))


def check_memory(subject: str, needed: float, available: float, remedy: str, kind: str = "memory") -> None:
    """Refuses work that needs more bytes than there are, of memory or of disk.

    Raises:
        UserError: says what is needed, what there is, and the remedy.
    """
    if needed > available:
        sizes = f"{readable_bytes(needed)} of {kind} and {readable_bytes(max(available, 0))} are available"
        raise UserError(f"{subject} needs {sizes}: {remedy}")


def check_disk(subject: str, needed: float, folder: Path) -> None:
    """Refuses work that writes more bytes than the disk of a folder, which need not exist yet, has free.

    Raises:
        UserError: as `check_memory`.
    """
    folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
    remedy = f"make room in {folder}, or take another folder (NTK_REPRO_RUNS is that of all runs)"
    check_memory(subject, needed, shutil.disk_usage(folder).free, remedy, "disk")


def result_bytes(n1: int, n2: int, rows_per_sample: int, itemsize: int) -> int:
    """The bytes of a kernel; arguments as of `check_result_fits`."""
    return n1 * rows_per_sample * n2 * rows_per_sample * itemsize


def check_result_fits(n1: int, n2: int, rows_per_sample: int, itemsize: int) -> None:
    """Refuses a kernel that host memory cannot hold.

    Args:
        n1: samples along the rows.
        n2: samples along the columns.
        rows_per_sample: rows, and columns, that one sample has.
        itemsize: bytes of an entry.

    Raises:
        UserError: says what is needed, what there is, and how many samples fit.
    """
    rows, columns = n1 * rows_per_sample, n2 * rows_per_sample
    needed, available = result_bytes(n1, n2, rows_per_sample, itemsize), 0.9 * host_available_bytes()
    fits = int(n1 * (available / needed) ** 0.5)
    by = f" by {int(n2 * fits / n1):,}" if n1 != n2 else ""
    remedy = f"take at most {fits:,} samples{by}, or free memory"
    check_memory(f"a kernel of {rows:,} x {columns:,}", needed, available, remedy)


def readable_bytes(count: float) -> str:
    """A number of bytes for people, in powers of 1024.

    >>> readable_bytes(3 * 1024**3)
    '3.0 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def parse_bytes(text: str) -> int:
    """The number of bytes that a person means: a number and a unit, decimal (MB, GB) or binary (MiB, GiB).

    Raises:
        UserError: for anything else.

    >>> parse_bytes("6GiB"), parse_bytes("500 mb")
    (6442450944, 500000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?\s*", text, re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise UserError(f"{text!r} is not an amount of memory: write a number with its unit, such as 6GiB or 500MB")
    power = " kmgt".index(match[2].lower())
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)
