"""What a kernel needs and what the machine has, asked before the work starts."""

import jax
import psutil

from ntk_repro.errors import UserError

__all__ = ["available_bytes", "check_result_fits", "readable_bytes"]


def available_bytes() -> int:
    """Memory that computations may take now: of the accelerator where there is one, else of the host."""
    host = psutil.virtual_memory().available
    device = jax.devices()[0]
    if device.platform == "cpu":
        return host
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return host
    return min(host, stats["bytes_limit"] - stats.get("bytes_in_use", 0))


def check_result_fits(n1: int, n2: int, itemsize: int) -> None:
    """Refuses a kernel that host memory cannot hold.

    Args:
        n1: rows.
        n2: columns.
        itemsize: bytes of an entry.

    Raises:
        UserError: says what is needed, what there is, and the largest n that fits.
    """
    needed, available = n1 * n2 * itemsize, psutil.virtual_memory().available
    if needed > 0.9 * available:
        fits = int((0.9 * available / itemsize) ** 0.5)
        raise UserError(
            f"a kernel of {n1:,} x {n2:,} needs {readable_bytes(needed)} of memory and {readable_bytes(available)} are "
            f"available: take at most {fits:,} samples, or free memory"
        )


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
