"""Timing of repeated calls, and the matrix-product peak that other speeds are shares of."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def seconds(work: Callable[[], Any], repeats: int = 3) -> float:
    """The shortest of `repeats` calls after one that compiles; waits for JAX's asynchronous results."""
    jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(work())
        times.append(time.perf_counter() - start)
    return min(times)


def gemm_peak(size: int = 3072) -> dict[str, float]:
    """float32 matrix products in GFLOP/s, through JAX and through NumPy."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    on_device, product = jnp.asarray(a), jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    work = 2 * size**3 / 1e9
    return {
        "jax": work / seconds(lambda: product(on_device), 5),
        "numpy": work / seconds(lambda: a @ a, 5),
    }
