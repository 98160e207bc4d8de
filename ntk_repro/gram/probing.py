"""Running a network at a random point near its parameters, to see what holds wherever they are."""

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ntk_repro.precision import cast, float64_scope

__all__ = ["LIGHT", "evaluated", "moved_off", "signature", "tolerance"]

PyTree = Any

_MOST_NOISE = 2**16  # random numbers of a parameter's noise; a larger parameter has them again

LIGHT: Any = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""`compiler_options` of programs that run once on two samples: they compile in half the time."""


def moved_off(params: PyTree) -> PyTree:
    """The parameters with noise: those that block others at initialization (a scale of 0, dead units) no longer do."""
    rng = np.random.default_rng(0)

    def moved(leaf):
        leaf = np.asarray(leaf)
        spread = 0.5 * np.sqrt(np.mean(np.square(leaf, dtype=np.float64))) if leaf.size else 0.0
        noise = np.resize(rng.standard_normal(min(leaf.size, _MOST_NOISE)), leaf.shape)
        return (leaf + (spread or 0.1) * noise).astype(leaf.dtype)

    return jax.tree.map(moved, params)


def evaluated(
    function: Callable[[PyTree, PyTree, Any], PyTree], params: PyTree, state: PyTree, x: np.ndarray
) -> PyTree:
    """function(params, state, x) on the host, computed in float64 where the network can."""
    try:
        with float64_scope():
            inputs = x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else x
            exact_params, exact_state = cast((params, state), np.dtype(np.float64))
            return jax.device_get(function(exact_params, exact_state, inputs))
    except TypeError:
        # Flax's recurrent cells begin with a float32 state whatever their parameters are.
        return jax.device_get(function(params, state, x))


def tolerance(program: str) -> float:
    """Half of the digits of the coarsest floating-point type that stands in the text of a jaxpr."""
    bits = {"f64": 52, "f32": 23, "f16": 10, "bf16": 7}
    found = set(re.findall(r"\b(bf16|f16|f32|f64)\[", program)) or {"f64"}
    return 2.0 ** (-min(bits[name] for name in found) / 2)


def signature(net: Any, x: np.ndarray) -> tuple:
    """What tells networks and samples apart of which one function makes different programs."""
    leaves, structure = jax.tree.flatten((net.params, net.state))
    described = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    return net.apply_fn, structure, described, x.shape[1:], x.dtype
