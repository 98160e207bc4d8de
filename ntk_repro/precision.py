"""The precision that kernels are computed in, as a context: JAX's global settings do not change."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.errors import check_name

# The last two are float32 throughout but for the inputs of the kernel's large matrix products.
PRECISIONS = ("float32", "float64", "tf32", "bf16")


@contextlib.contextmanager
def float64_scope() -> Iterator[None]:
    """Within it JAX keeps 64-bit arrays 64-bit."""
    if hasattr(jax, "enable_x64"):
        context = jax.enable_x64(True)
    else:  # before JAX 0.8
        from jax.experimental import enable_x64  # pyright: ignore[reportAttributeAccessIssue]

        context = enable_x64(True)
    with context:
        yield


@contextlib.contextmanager
def precision_scope(precision: str) -> Iterator[Any]:
    """Matrix products at full precision of the given float type (no TF32, no bfloat16); yields the dtype.

    Args:
        precision: one of `PRECISIONS`; for "tf32" and "bf16", which concern the products of kernels alone, float32.

    Raises:
        UserError: for another name.
    """
    check_name("precision", precision, PRECISIONS)
    with contextlib.ExitStack() as stack:
        if precision == "float64":
            stack.enter_context(float64_scope())
        stack.enter_context(jax.default_matmul_precision("highest"))
        yield np.dtype("float64" if precision == "float64" else "float32")


def cast(tree: Any, dtype: np.dtype) -> Any:
    """The floating-point leaves of a pytree in another dtype; all other leaves unchanged."""

    def leaf(x):
        return jnp.asarray(x, dtype) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x

    return jax.tree.map(leaf, tree)
