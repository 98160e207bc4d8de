"""Parameters saved by other programs, in a safetensors file or an Orbax checkpoint, put into a network."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict

from ntk_repro.errors import UserError, with_article
from ntk_repro.network import Network
from ntk_repro.parameters import kind_of, leaf_names, with_complex_pairs
from ntk_repro.ranges import checked_path

PyTree = Any
Values = dict[tuple[str, ...], Any]
_ORBAX = "_METADATA"  # the file of a folder that Orbax has written a tree to


def load_network(net: Network, path: Path | str, *, at: str = "") -> Network:
    """The network at the parameters, and with the batch statistics, of a checkpoint.

    The checkpoint may be a safetensors file, whose names are paths joined by "." or "/", or an Orbax checkpoint: a
    folder with a tree, or one with numbered steps, of which the last is taken. In it the parameters are found by the
    names and shapes of the network's own, whatever they are wrapped in: variables ({"params": ..., "batch_stats":
    ...}), a train state (beside "step" and "opt_state"), a model of NNX.

    Args:
        net: the network, at any parameters.
        path: the file or folder.
        at: where in the checkpoint to look, such as "ema_params"; "" for everywhere. A state of an optimizer
            ("opt_state") is looked into only where it is named. Batch statistics that are not there are taken from
            anywhere.

    Raises:
        UserError: for a path that is no checkpoint, and one that has no tree with these names and shapes, or several
            with different values.

    >>> net = load_network(Network.create("lenet", 0, (32, 32, 3)), "lenet.safetensors")  # doctest: +SKIP
    """
    if not isinstance(net, Network):
        given = with_article(type(net).__name__)
        raise UserError(f"load_network takes the network first and then the path, not {given}")
    if net.origin is not None or net.whole_has_state is not None:
        raise UserError("load the whole network, and take its linearization or part then")
    whole = tree = read_checkpoint(path)
    for key in filter(None, at.split("/")):
        if isinstance(tree, dict) and len(tree) == 1 and key not in tree:
            (tree,) = tree.values()  # the only item of a checkpoint need not be named
        if not isinstance(tree, dict):
            raise UserError(f"{path} has no {at}: what stands above {key} is an array")
        if key not in tree:
            raise UserError(f"{path} has no {at}: it has {', '.join(map(str, tree))}")
        tree = tree[key]
    params = _found(tree, net.params, "parameters", path, frozenset(leaf_names(net.state)))
    state = net.state
    statistics = jax.tree.map(lambda leaf: leaf if kind_of(leaf) == "real" else None, state)
    if jax.tree.leaves(statistics):  # an average of the parameters is kept without statistics of its own
        within = tree if next(_matching(tree, statistics, None), None) else whole
        found = _found(within, statistics, "batch statistics", path, None)
        # Counters and keys of random numbers stay as they are.
        leaves, structure = jax.tree.flatten(state)
        values = dict(zip(leaf_names(found), jax.tree.leaves(found), strict=True))
        named = zip(leaf_names(state), leaves, strict=True)
        state = structure.unflatten([values.get(name, leaf) for name, leaf in named])
    return net.replace(params=params, state=state)


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """The nested dictionary of arrays that a safetensors file or an Orbax checkpoint holds.

    Raises:
        UserError: the path is neither, or cannot be read.
    """
    path = checked_path(path, "the path of a checkpoint")
    try:
        if path.is_dir():
            import orbax.checkpoint

            with warnings.catch_warnings():
                # Arrays come back as they were saved, to any device.
                warnings.filterwarnings("ignore", message="Sharding info not provided")
                restore = orbax.checkpoint.PyTreeCheckpointer().restore
                items = {name: restore(folder.absolute()) for name, folder in _orbax_folders(path).items()}
                tree = _as_dictionaries(items.get("", items))
        else:
            from safetensors.flax import load_file

            tree = unflatten_dict({tuple(re.split("[./]", name)): value for name, value in load_file(path).items()})
    except ImportError as error:
        raise UserError(f"reading {path} needs {error.name}: pip install {error.name}") from error
    except UserError:
        raise
    except Exception as error:  # whatever these libraries raise on other files
        message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{path} is not a checkpoint of safetensors or Orbax ({message}): check the path") from error
    return with_complex_pairs(tree)


def _orbax_folders(path: Path) -> dict[str, Path]:
    """The folders with trees: this one or that of its last step, by the name "", or those below it by theirs."""
    steps = sorted((folder for folder in path.iterdir() if folder.name.isdigit()), key=lambda folder: int(folder.name))
    for parent in (path, *steps[::-1][:1]):
        if (parent / _ORBAX).exists():
            return {"": parent}
        items = {child.name: child for child in sorted(parent.iterdir()) if (child / _ORBAX).exists()}
        if items and parent not in steps and set(items) <= {step.name for step in steps}:
            continue  # steps, of which the last is taken
        if items:
            return items
    raise UserError(f"{path} has no Orbax checkpoint: name the folder that was given to its save")


def _as_dictionaries(tree: PyTree) -> PyTree:
    """Lists as dictionaries by their numbers."""
    if isinstance(tree, list | tuple):
        tree = {str(number): child for number, child in enumerate(tree)}
    return {name: _as_dictionaries(child) for name, child in tree.items()} if isinstance(tree, dict) else tree


def _found(
    tree: PyTree, wanted: PyTree, what: str, path: Path | str, others: frozenset[tuple[str, ...]] | None
) -> PyTree:
    """The tree within `tree` that has the names and shapes of `wanted`, in its containers and types.

    It may have `others`, too, as a model of NNX has its statistics beside its parameters; None for any.
    """
    found = list(_matching(tree, wanted, others))
    if not found:
        raise UserError(f"{path} has no {what} of this network: {_nearest(tree, _shapes(wanted))}")
    (first, values), *more = found
    for where, other in more:
        if not all(np.array_equal(values[name], other[name]) for name in leaf_names(wanted)):
            names = " and ".join("/".join(place) or "the whole" for place in (first, where))
            raise UserError(f"{path} has several {what} of this network, {names}: choose one by at=")
    leaves, structure = jax.tree.flatten(wanted)
    names = leaf_names(wanted)
    typed = [np.asarray(values[name], jnp.result_type(leaf)) for name, leaf in zip(names, leaves, strict=True)]
    return structure.unflatten(typed)


def _matching(
    tree: PyTree, wanted: PyTree, others: frozenset[tuple[str, ...]] | None
) -> Iterator[tuple[tuple[str, ...], Values]]:
    """The trees within `tree` that have the names and shapes of `wanted`, and besides only `others`, or any."""
    shapes = _shapes(wanted)
    for where, values in _trees(tree):
        for named in (values, _without_value(values)):
            if others is not None and not named.keys() <= shapes.keys() | others:
                continue
            if shapes.keys() <= named.keys() and all(np.shape(named[name]) == shapes[name] for name in shapes):
                yield where, named
                break


def _trees(tree: PyTree, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Values]]:
    """Every tree within a tree, the outer ones first: its place, and its leaves by their names."""
    if not isinstance(tree, dict):
        return
    yield where, dict(zip(leaf_names(tree), jax.tree.leaves(tree), strict=True))
    for key, child in tree.items():
        if key != "opt_state":
            yield from _trees(child, (*where, str(key)))


def _without_value(values: Values) -> Values:
    """NNX keeps the array of a variable below the key "value", which may also be the name of a parameter."""
    return {name[:-1] if name[-1:] == ("value",) else name: value for name, value in values.items()}


def _shapes(tree: PyTree) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {name: np.shape(leaf) for name, leaf in zip(leaf_names(tree), jax.tree.leaves(tree), strict=True)}


def _nearest(tree: PyTree, shapes: dict[tuple[str, ...], tuple[int, ...]]) -> str:
    """How the tree that has most of the names differs."""
    trees = [named for _, values in _trees(tree) for named in (values, _without_value(values))]
    values = max(trees, key=lambda values: len(values.keys() & shapes.keys()), default={})
    for name, shape in shapes.items():
        if name not in values:
            there = ", ".join("/".join(name) for name in list(values)[:3])
            return f"it lacks {'/'.join(name)} (it has {there} and so on): pass the network that was saved"
        if np.shape(values[name]) != shape:
            return f"{'/'.join(name)} has shape {np.shape(values[name])} there, {shape} here: check width and outputs"
    extra = next(iter(values.keys() - shapes.keys()))
    return f"it has {'/'.join(extra)} too: pass the network that was saved"
