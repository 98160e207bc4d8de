"""Running a network at a random point near its parameters, to see what holds wherever they are."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntk_repro.precision import cast, float64_scope
from ntk_repro.samples import Samples, shape_of_one

PyTree = Any

_MOST_NOISE = 2**16  # random numbers of a parameter's noise; repeated for larger parameters
_MOST_REMEMBERED = 64

LIGHT: Any = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""`compiler_options` of programs that run once on a few samples: they compile in half the time."""


def moved_off(params: PyTree, share: float) -> PyTree:
    """The parameters with noise of this share of their size: those that block others (a scale of 0) no longer do."""
    rng = np.random.default_rng(0)

    def moved(leaf):
        leaf = np.asarray(leaf)
        spread = share * np.sqrt(np.mean(np.square(leaf, dtype=np.float64))) if leaf.size else 0.0
        noise = np.resize(rng.standard_normal(min(leaf.size, _MOST_NOISE)), leaf.shape)
        return (leaf + (spread or 0.1) * noise).astype(leaf.dtype)

    return jax.tree.map(moved, params)


def evaluated(function: Callable[[PyTree, PyTree, Any], PyTree], params: PyTree, state: PyTree, x: Samples) -> PyTree:
    """function(params, state, x) on the host, computed in float64 where the network can."""
    try:
        with float64_scope():
            return jax.device_get(function(*cast((params, state, x), np.dtype(np.float64))))
    except Exception:  # whatever insists on float32: Flax's recurrent cells begin with a float32 state
        return jax.device_get(function(params, state, x))


def tolerance(closed: Any) -> float:
    """Half of the digits of the coarsest floating-point type that the equations of a closed jaxpr compute."""
    types = [jnp.finfo(dtype) for dtype in _computed(closed.jaxpr) if jnp.issubdtype(dtype, jnp.floating)]
    return max((float(one.eps) for one in types), default=2.0**-52) ** 0.5


def _computed(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield from (var.aval.dtype for var in equation.outvars if hasattr(var.aval, "dtype"))
        for setting in jax.tree.leaves(equation.params, is_leaf=lambda a: hasattr(a, "jaxpr") or hasattr(a, "eqns")):
            inner = getattr(setting, "jaxpr", setting)
            if hasattr(inner, "eqns"):
                yield from _computed(inner)


def signature(net: Any, x: Samples) -> tuple:
    """A cache key: function, tree structure, shapes and dtypes."""
    leaves, structure = jax.tree.flatten((net.params, net.state, shape_of_one(x)))
    described = tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf)))) for leaf in leaves)
    return net.apply_fn, structure, described


class RecentlyUsed(dict):
    """The values that were set last, by `signature`."""

    def __setitem__(self, key: tuple, value: Any) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > _MOST_REMEMBERED:
            del self[next(iter(self))]
