"""Memory between pieces of work: what the C library keeps for the next step, and what JAX should not keep."""

import ctypes
import functools
import gc
import sys

# Of <malloc.h>: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
_THRESHOLDS = {-1: 2**30, -3: 2**28}


@functools.cache
def keep_freed_memory() -> None:
    """Lets blocks of up to 256 MiB, and 1 GiB in all, be used again by this process, as far as glibc lets it.

    It holds for the whole process. With another C library nothing changes.

    XLA allocates the intermediate values of every step anew. From 32 MiB on glibc would map and unmap them, and the
    system clears each page: of a step of LeNet (batch 128, two cores) that was a third of the time.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "gnu_get_libc_version"):
        for name, number in _THRESHOLDS.items():
            library.mallopt(name, number)


def forget_programs() -> None:
    """Frees the programs that JAX has compiled for the shapes of one run, which no other run needs.

    Otherwise a process that computes many would keep those of all of them to its end.
    """
    import jax

    jax.clear_caches()
    gc.collect()  # networks and their compiled functions refer to each other
