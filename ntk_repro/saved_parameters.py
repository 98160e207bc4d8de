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

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.parameters import leaf_names, with_complex_pairs

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
    whole = tree = read_checkpoint(path)
    for key in filter(None, at.split("/")):
        if not isinstance(tree, dict) or key not in tree:
            raise UserError(f"{path} has no {at}: it has {', '.join(map(str, tree))}")
        tree = tree[key]
    params = _found(tree, net.params, "parameters", path)
    state = net.state
    if jax.tree.leaves(state):  # an average of the parameters is kept without statistics of its own
        within = tree if next(_matching(tree, state, exact=False), None) else whole
        state = _found(within, state, "batch statistics", path)
    return net.replace(params=params, state=state)


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """The nested dictionary of arrays that a safetensors file or an Orbax checkpoint holds.

    Raises:
        UserError: the path is neither, or cannot be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            import orbax.checkpoint

            with warnings.catch_warnings():
                # Arrays come back as they were saved, to any device.
                warnings.filterwarnings("ignore", message="Sharding info not provided")
                tree = orbax.checkpoint.PyTreeCheckpointer().restore(_orbax_folder(path).absolute())
        else:
            from safetensors.flax import load_file

            tree = unflatten_dict({tuple(re.split("[./]", name)): value for name, value in load_file(path).items()})
    except ImportError as error:
        raise UserError(f"reading {path} needs {error.name}: pip install {error.name}") from error
    except UserError:
        raise
    except Exception as error:  # whatever these libraries raise on other files
        message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{path} is no checkpoint of safetensors or Orbax ({message}): check the path") from error
    return with_complex_pairs(tree)


def _orbax_folder(path: Path) -> Path:
    """The folder with the tree: this one, one below it, or one below its last step."""
    steps = sorted((folder for folder in path.iterdir() if folder.name.isdigit()), key=lambda folder: int(folder.name))
    for parent in (path, *steps[::-1][:1]):
        for folder in (parent, *sorted(child for child in parent.iterdir() if child.is_dir())):
            if (folder / _ORBAX).exists():
                return folder
    raise UserError(f"{path} has no Orbax checkpoint: name the folder that was given to its save")


def _found(tree: PyTree, wanted: PyTree, what: str, path: Path | str) -> PyTree:
    """The tree within `tree` that has the names and shapes of `wanted`, in its containers and types.

    Parameters must be all that it has; statistics may stand beside others.
    """
    found = list(_matching(tree, wanted, exact=what == "parameters"))
    if not found:
        raise UserError(f"{path} has no {what} of this network: {_nearest(tree, _shapes(wanted))}")
    (first, values), *others = found
    for where, other in others:
        if not all(np.array_equal(values[name], other[name]) for name in leaf_names(wanted)):
            names = " and ".join("/".join(place) or "the whole" for place in (first, where))
            raise UserError(f"{path} has several {what} of this network, {names}: choose one by at=")
    leaves, structure = jax.tree.flatten(wanted)
    names = leaf_names(wanted)
    typed = [np.asarray(values[name], jnp.result_type(leaf)) for name, leaf in zip(names, leaves, strict=True)]
    return structure.unflatten(typed)


def _matching(tree: PyTree, wanted: PyTree, exact: bool) -> Iterator[tuple[tuple[str, ...], Values]]:
    """The trees within `tree` that have the names and shapes of `wanted`; with `exact` no others."""
    shapes = _shapes(wanted)
    for where, values in _trees(tree):
        # NNX keeps the array of a variable below the key "value", which may also be the name of a parameter.
        for named in (values, {name[:-1] if name[-1:] == ("value",) else name: values[name] for name in values}):
            if exact and len(named) != len(shapes):
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


def _shapes(tree: PyTree) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {name: np.shape(leaf) for name, leaf in zip(leaf_names(tree), jax.tree.leaves(tree), strict=True)}


def _nearest(tree: PyTree, shapes: dict[tuple[str, ...], tuple[int, ...]]) -> str:
    """How the tree that has most of the names differs."""
    values = max(
        (values for _, values in _trees(tree)), key=lambda values: len(values.keys() & shapes.keys()), default={}
    )
    for name, shape in shapes.items():
        if name not in values:
            there = ", ".join("/".join(name) for name in list(values)[:3])
            return f"it lacks {'/'.join(name)} (it has {there} and so on): pass the network that was saved"
        if np.shape(values[name]) != shape:
            return f"{'/'.join(name)} has shape {np.shape(values[name])} there, {shape} here: check width and outputs"
    extra = next(iter(values.keys() - shapes.keys()))
    return f"it has {'/'.join(extra)} too: pass the network that was saved"
