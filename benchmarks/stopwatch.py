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


def gemm_peak(size: int = 3072, dtype: str = "float32") -> dict[str, float]:
    """Matrix products in GFLOP/s, through NumPy and, in float32, through JAX."""
    a = _square(size).astype(dtype)
    jax_gflops = {"jax": matmul_gflops(size)} if dtype == "float32" else {}
    return {**jax_gflops, "numpy": 2 * size**3 / 1e9 / seconds(lambda: a @ a, 5)}


def matmul_gflops(size: int, precision: str = "float32") -> float:
    """Matrix products in GFLOP/s through JAX, at a precision of `empirical_gram`: float32, tf32 or bf16."""
    a = jnp.asarray(_square(size), jnp.bfloat16 if precision == "bf16" else jnp.float32)
    level = {"float32": "highest", "tf32": "tensorfloat32", "bf16": "default"}[precision]
    product = jax.jit(lambda a: jnp.matmul(a, a, precision=level, preferred_element_type=jnp.float32))
    return 2 * size**3 / 1e9 / seconds(lambda: product(a), 5)


def _square(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((size, size), np.float32)
