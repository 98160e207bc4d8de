"""The parameters of a network as real arrays that nothing else can change, and the names in its trees."""

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
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


def layers_of(params: PyTree) -> dict[str, list[int]]:
    """The numbers of the leaves by layer: by the path of the node that they stand in, or their own at the root."""
    names = leaf_names(params, _is_complex)
    found: dict[str, list[int]] = {}
    number = 0
    for name, leaf in zip(names, jax.tree.leaves(params, is_leaf=_is_complex), strict=True):
        numbers = found.setdefault("/".join(name[:-1] or name) or "(root)", [])
        for _ in jax.tree.leaves(leaf):  # two of a complex parameter
            numbers.append(number)
            number += 1
    return found


def chosen_paths(params: PyTree, params_of: Any) -> list[str]:
    """The paths, joined by "/", of the parameters that are meant.

    Args:
        params: all parameters.
        params_of: a path, of one parameter or of all that are below it, in which * stands for anything ("head",
            "layers/0/kernel", "*/bias"), or a list of such; a function (path, leaf) -> bool; or a tree of booleans with
            the names of `params`, one of which may stand for all that is below it.

    Raises:
        UserError: for a path that matches nothing, with those close to it; for a choice that is none of these, or of
            no parameter.
    """
    names = leaf_names(params)
    paths = ["/".join(name) for name in names]
    patterns = [params_of] if isinstance(params_of, str) else params_of
    if isinstance(patterns, list | tuple) and patterns and all(isinstance(one, str) for one in patterns):
        for pattern in patterns:
            if not any(_matches(path, pattern) for path in paths):
                raise _matches_nothing(pattern, names)
        chosen = [any(_matches(path, pattern) for pattern in patterns) for path in paths]
    elif callable(params_of) and jax.tree_util.all_leaves([params_of]):  # a module of flags can be called, too
        leaves = jax.tree.leaves(params)
        try:
            chosen = [bool(params_of(path, leaf)) for path, leaf in zip(paths, leaves, strict=True)]
        except Exception as error:  # whatever a user's function raises
            remedy = "let it take the path and the array of a parameter, and return True or False"
            raise UserError(f"the function params_of fails ({type(error).__name__}: {error}): {remedy}") from error
    else:
        chosen = _by_mask(names, params_of)
    if not any(chosen):
        raise UserError(f"params_of chooses none of the {len(paths)} parameters: let it choose one at least")
    return [path for path, one in zip(paths, chosen, strict=True) if one]


def _matches(path: str, pattern: str) -> bool:
    below = pattern.rstrip("/") + "/"
    return path == pattern or path.startswith(below) or fnmatchcase(path, pattern) or fnmatchcase(path, below + "*")


def _matches_nothing(pattern: str, names: Sequence[tuple[str, ...]]) -> UserError:
    paths = list(dict.fromkeys("/".join(name[:depth]) for name in names for depth in range(1, len(name) + 1)))
    by_last = [path for path in paths if pattern.split("/")[-1].strip("*") in path.split("/")]
    close = list(dict.fromkeys([*difflib.get_close_matches(pattern, paths, 3), *by_last]))[:4] or paths[:4]
    rule = "a path stands for all below it, * for anything (*/bias)"
    return UserError(f"params_of={pattern!r} matches no parameter; close to it are {', '.join(close)} ({rule})")


def _by_mask(names: Sequence[tuple[str, ...]], mask: Any) -> list[bool]:
    leaves = jax.tree.leaves(mask)
    if not leaves or not all(isinstance(leaf, bool | np.bool_) for leaf in leaves):
        raise UserError(
            "params_of must be a path such as 'head' or '*/bias', a list of paths, a function (path, leaf) -> bool, or "
            f"a tree of True and False with the names of net.params, not {type(mask).__name__}"
        )
    flags = dict(zip(leaf_names(mask), leaves, strict=True))
    above = [next((name[:i] for i in range(len(name) + 1) if name[:i] in flags), None) for name in names]
    for name, found in zip(names, above, strict=True):
        if found is None:
            raise UserError(f"the mask in params_of lacks {'/'.join(name)}: give it the names of net.params")
    for extra in flags.keys() - set(above):
        raise UserError(f"the mask in params_of has {'/'.join(extra)}, no parameter: give it the names of net.params")
    return [bool(flags[name]) for name in above if name is not None]


def check_names(kind: str, expected: PyTree, given: PyTree) -> None:
    """Refuses a tree that lacks names of the network's tree or, for parameters, has others.

    Raises:
        UserError: names one of them, and what to pass.
    """
    expected_names, names = set(leaf_names(expected)), set(leaf_names(given))
    missing, unexpected = sorted(expected_names - names), sorted(names - expected_names) if kind == "params" else []
    if not missing and not unexpected:
        return
    first = {word: found[0] for word, found in (("lack", missing), ("have", unexpected)) if found}
    differ = [f"{word} {'/'.join(name) or 'one array alone'}" for word, name in first.items()]
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
    for name, leaf in zip(names, leaves, strict=True):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSUmM":
            where = "/".join(name) or "(root)"
            raise UserError(f"parameter {where} is an array of {leaf.dtype}: make it an array of numbers")
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
