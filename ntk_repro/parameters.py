"""The parameters of a network as real arrays that nothing else can change, and the names in its trees."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ntk_repro.errors import UserError

PyTree = Any


class ComplexParameter(NamedTuple):
    """A complex parameter as two real ones: all gradients are with respect to these."""

    real: Any
    imag: Any


def leaf_names(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[tuple[str, ...]]:
    """The path of each leaf: all distinct, and equal for all containers with the same names."""
    paths = [keys for keys, _ in jax.tree_util.tree_flatten_with_path(tree, is_leaf)[0]]
    names = [tuple(str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in keys) for keys in paths]
    siblings = Counter(name[:-1] for name in names)
    found: dict[tuple[str, ...], None] = {}
    for number, (keys, name) in enumerate(zip(paths, names, strict=True)):
        boxed = len(name) > 1 and name[-1] == "value" and isinstance(keys[-1], jax.tree_util.GetAttrKey)
        if boxed and siblings[name[:-1]] == 1:
            name = name[:-1]  # of an NNX variable, or of a partitioned parameter
        found[name if name not in found else (*name, str(number))] = None
    return list(found)


def check_names(kind: str, expected: PyTree, given: PyTree) -> None:
    """Refuses a tree that lacks names of the network's tree or, for parameters, has others.

    Raises:
        UserError: names one of them, and what to pass.
    """
    expected_names, names = set(leaf_names(expected)), set(leaf_names(given))
    missing, unexpected = sorted(expected_names - names), sorted(names - expected_names) if kind == "params" else []
    if not missing and not unexpected:
        return
    differ = [f"{word} {'/'.join(found[0])}" for word, found in (("lack", missing), ("have", unexpected)) if found]
    remedy = "pass a tree with the names of net.params, without leaves that are no parameters"
    if kind == "state":
        remedy = "pass a tree with the names of net.state, such as {'batch_stats': variables['batch_stats']}"
    elif any(name[:1] == ("params",) for name in unexpected):
        remedy = "pass variables['params'], without the other collections"
    raise UserError(f"these are not the network's {kind}: they {' and '.join(differ)}; {remedy}")


def detached(tree: PyTree) -> PyTree:
    """The same values in new containers and NumPy arrays; JAX's arrays never change."""

    def leaf(value):
        if isinstance(value, jax.Array) and not isinstance(value, Tracer) and value.is_deleted():
            raise UserError(
                "a parameter was donated to a jitted function and no longer exists: give that function a copy"
            )
        return np.array(value) if isinstance(value, np.ndarray) else value

    return jax.tree.map(leaf, tree)


def kind_of(leaf: Any) -> str:
    """Whether a leaf is a "real" or a "complex" parameter, or "fixed": an integer, a key, a function."""
    try:
        dtype = jnp.result_type(leaf)
    except TypeError:
        return "fixed"
    if isinstance(leaf, str) or not jnp.issubdtype(dtype, jnp.inexact):
        return "fixed"
    return "real" if jnp.issubdtype(dtype, jnp.floating) else "complex"


def has_statistics(tree: PyTree) -> bool:
    """Whether a tree holds Flax's running statistics: a `batch_stats` collection, or NNX variables of that kind."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: type(node).__name__ == "BatchStat")
    nnx = any(type(node).__name__ == "BatchStat" and type(node).__module__.startswith("flax.nnx") for node in nodes)
    return nnx or any("batch_stats" in name for name in leaf_names(tree))


def with_complex_pairs(params: PyTree) -> PyTree:
    """Every complex leaf as a `ComplexParameter`."""

    def pair(leaf):
        return ComplexParameter(jnp.real(leaf), jnp.imag(leaf)) if kind_of(leaf) == "complex" else leaf

    return jax.tree.map(pair, params)


def with_real_parameters(
    params: PyTree, apply_fn: Callable, training_fn: Callable
) -> tuple[PyTree, Callable, Callable]:
    """Parameters that are all real, and the functions of these; unchanged where they are real already.

    A complex leaf becomes a `ComplexParameter`. A fixed leaf becomes None, and the functions hold its value.
    """
    names, (leaves, structure) = leaf_names(params), jax.tree.flatten(params)
    kinds = [kind_of(leaf) for leaf in leaves]
    if set(kinds) <= {"real"}:
        return params, apply_fn, training_fn
    leaves = [jnp.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]  # copies

    def given(params):
        """The parameters as the functions take them, from any container of the same names."""
        values = jax.tree.leaves(params, is_leaf=_is_complex)
        by_name = dict(zip(leaf_names(params, _is_complex), values, strict=True))
        found = []
        for name, kind, leaf in zip(names, kinds, leaves, strict=True):
            value = leaf if kind == "fixed" else by_name[name]
            found.append(jax.lax.complex(value.real, value.imag) if kind == "complex" else value)
        return structure.unflatten(found)

    parameters = [None if kind == "fixed" else leaf for kind, leaf in zip(kinds, leaves, strict=True)]
    return (
        with_complex_pairs(structure.unflatten(parameters)),
        lambda params, state, x: apply_fn(given(params), state, x),
        lambda params, state, x: training_fn(given(params), state, x),
    )


def _is_complex(value: Any) -> bool:
    return isinstance(value, ComplexParameter)
