"""Parameters saved by other programs, in a safetensors file or an Orbax checkpoint, put into a network."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.parameters import leaf_names

PyTree = Any
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
            ("opt_state") is looked into only where it is named.

    Raises:
        UserError: for a path that is no checkpoint, and one that has no tree with these names and shapes, or several
            with different values.

    >>> net = load_network(Network.create("lenet", 0, (32, 32, 3)), "lenet.safetensors")  # doctest: +SKIP
    """
    tree = read_checkpoint(path)
    for key in filter(None, at.split("/")):
        if not isinstance(tree, dict) or key not in tree:
            raise UserError(f"{path} has no {at}: it has {', '.join(map(str, tree))}")
        tree = tree[key]
    params = _found(tree, net.params, "parameters", path)
    state = _found(tree, net.state, "batch statistics", path) if jax.tree.leaves(net.state) else net.state
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
    return tree


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
    shapes = {name: np.shape(leaf) for name, leaf in zip(leaf_names(wanted), jax.tree.leaves(wanted), strict=True)}
    found = [
        (where, values)
        for where, values in _trees(tree)
        if shapes.keys() <= values.keys()
        and (what == "batch statistics" or len(values) == len(shapes))
        and all(np.shape(values[name]) == shapes[name] for name in shapes)
    ]
    if not found:
        raise UserError(f"{path} has no {what} of this network: {_nearest(tree, shapes)}")
    (first, values), *others = found
    for where, other in others:
        if not all(np.array_equal(values[name], other[name]) for name in shapes):
            names = " and ".join("/".join(place) or "the whole" for place in (first, where))
            raise UserError(f"{path} has several {what} of this network, {names}: choose one by at=")
    leaves, structure = jax.tree.flatten(wanted)
    typed = [np.asarray(values[name], leaf.dtype) for name, leaf in zip(leaf_names(wanted), leaves, strict=True)]
    return structure.unflatten(typed)


def _trees(tree: PyTree, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Every tree within a tree, the outer ones first: its place, and its leaves by their names."""
    if not isinstance(tree, dict):
        return
    yield where, _by_name(tree)
    for key, child in tree.items():
        if key != "opt_state":
            yield from _trees(child, (*where, str(key)))


def _by_name(tree: PyTree) -> dict[tuple[str, ...], Any]:
    # NNX keeps the array of a variable below the key "value".
    return {
        name[:-1] if len(name) > 1 and name[-1] == "value" else name: leaf
        for name, leaf in zip(leaf_names(tree), jax.tree.leaves(tree), strict=True)
    }


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
