"""Timing of repeated calls, and the peak speed of matrix products, to which other speeds are compared."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def seconds(work: Callable[[], Any], repeats: int = 3) -> float:
    """The shortest of `repeats` calls after one that compiles; waits for JAX's asynchronous results."""
    return warmed(work, repeats)[0]


def warmed(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """`seconds`, and the result of the call that compiled."""
    result = jax.block_until_ready(work())
    return min(timed(work)[0] for _ in range(repeats)), result


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and its result."""
    start = time.perf_counter()
    result = jax.block_until_ready(work())
    return time.perf_counter() - start, result


def gemm_peak(size: int = 3072) -> dict[str, float]:
    """float32 matrix products in GFLOP/s, through JAX and through NumPy."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    on_device, product = jnp.asarray(a), jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    work = 2 * size**3 / 1e9
    return {
        "jax": work / seconds(lambda: product(on_device), 5),
        "numpy": work / seconds(lambda: a @ a, 5),
    }
