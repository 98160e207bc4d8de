"""The parameters of a network as real arrays of its own, whatever they came as, and the names that its trees have."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ntk_repro.errors import UserError

__all__ = ["ComplexParameter", "check_names", "detached", "kind_of", "leaf_names", "with_real_parameters"]

PyTree = Any


class ComplexParameter(NamedTuple):
    """A complex parameter as the two real ones that it stands for: all gradients are with respect to these."""

    real: Any
    imag: Any


def leaf_names(tree: PyTree) -> list[tuple[str, ...]]:
    """The names on the way to each leaf, no two alike; the same for all containers of the same names."""
    names = []
    for number, (keys, _) in enumerate(jax.tree_util.tree_flatten_with_path(tree)[0]):
        name = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in keys]
        if len(name) > 1 and name[-1] == "value" and isinstance(keys[-1], jax.tree_util.GetAttrKey):
            name.pop()  # of an NNX variable, or of a partitioned parameter
        names.append(tuple(name) if tuple(name) not in names else (*name, str(number)))
    return names


def check_names(kind: str, own: PyTree, given: PyTree) -> None:
    """Refuses a tree that lacks names of the network's or, of parameters, has others."""
    own_names, names = set(leaf_names(own)), set(leaf_names(given))
    missing, unexpected = sorted(own_names - names), sorted(names - own_names) if kind == "params" else []
    if not missing and not unexpected:
        return
    differ = [f"{word} {'/'.join(found[0])}" for word, found in (("lack", missing), ("have", unexpected)) if found]
    remedy = "pass a tree with the names of net.params"
    if kind == "state":
        remedy = "pass a tree with the names of net.state, such as {'batch_stats': variables['batch_stats']}"
    elif any(name[:1] == ("params",) for name in unexpected):
        remedy = "pass variables['params'], without the other collections"
    raise UserError(f"these are not the network's {kind}: they {' and '.join(differ)}; {remedy}")


def detached(tree: PyTree) -> PyTree:
    """The same values in containers and arrays of their own; JAX's arrays never change."""

    def leaf(value):
        if isinstance(value, jax.Array) and not isinstance(value, Tracer) and value.is_deleted():
            raise UserError("a parameter was donated to a jitted function and is gone: give that function a copy")
        return np.array(value) if isinstance(value, np.ndarray) else value

    return jax.tree.map(leaf, tree)


def kind_of(leaf: Any) -> str:
    """Whether a leaf is a real or a complex parameter, an array without gradient, or no array at all."""
    if not hasattr(leaf, "dtype") and not isinstance(leaf, bool | int | float | complex):
        return "static"
    dtype = jnp.result_type(leaf)
    if jnp.issubdtype(dtype, jnp.floating):
        return "real"
    return "complex" if jnp.issubdtype(dtype, jnp.complexfloating) else "fixed"


def with_real_parameters(
    params: PyTree, state: PyTree, apply_fn: Callable, training_fn: Callable
) -> tuple[PyTree, PyTree, Callable, Callable]:
    """Parameters that are real throughout, state, and the functions of them; unchanged where they are real already."""
    leaves, structure = jax.tree.flatten(params)
    kinds = [kind_of(leaf) for leaf in leaves]
    if set(kinds) <= {"real"}:
        return params, state, apply_fn, training_fn

    def given(params, fixed):
        """The parameters as the functions know them."""
        found, fixed = [], iter(fixed)
        for kind, leaf, value in zip(kinds, leaves, structure.flatten_up_to(params), strict=True):
            if kind == "complex":
                value = jax.lax.complex(value.real, value.imag)
            elif kind != "real":
                value = next(fixed) if kind == "fixed" else leaf
            found.append(value)
        return structure.unflatten(found)

    def real_apply_fn(params, state, x):
        return apply_fn(given(params, state["fixed"]), state["state"], x)

    def real_training_fn(params, state, x):
        fx, new_state = training_fn(given(params, state["fixed"]), state["state"], x)
        return fx, {**state, "state": new_state}

    fixed = [jnp.asarray(leaf) for kind, leaf in zip(kinds, leaves, strict=True) if kind == "fixed"]
    real_leaves = []
    for kind, leaf in zip(kinds, leaves, strict=True):
        if kind == "complex":
            leaf = ComplexParameter(jnp.real(leaf), jnp.imag(leaf))
        real_leaves.append(leaf if kind in ("real", "complex") else None)
    return structure.unflatten(real_leaves), {"fixed": fixed, "state": state}, real_apply_fn, real_training_fn
