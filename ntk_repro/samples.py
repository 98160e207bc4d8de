"""The samples that a network takes: one array (n, ...), or a pytree of arrays that share their first axis.

A list is one array, as NumPy reads it; dictionaries, tuples and other pytrees are several inputs of each sample.
"""

from typing import Any

import jax
import numpy as np
from jax.dtypes import canonicalize_dtype

from ntk_repro.errors import UserError

Samples = Any


def as_samples(x: Samples) -> Samples:
    """The same with NumPy arrays as leaves.

    Raises:
        UserError: for a list that is no array.
    """

    def array(leaf: Any) -> np.ndarray:
        try:
            return np.asarray(leaf)
        except ValueError as error:
            raise UserError(
                "a list of inputs is read as one array, and these lists have different lengths: give a tuple of arrays"
            ) from error

    return jax.tree.map(array, x, is_leaf=lambda node: isinstance(node, list))


def number_of(x: Samples) -> int:
    """n."""
    return len(jax.tree.leaves(x)[0])


def check_same_number(x: Samples, name: str) -> None:
    """Refuses inputs of different numbers of samples.

    Raises:
        UserError: names two of them.
    """
    leaves = named_inputs(x, name)
    for label, leaf in leaves.items():
        first, one = next(iter(leaves.items()))
        if len(leaf) != len(one):
            raise UserError(f"{first} has {len(one)} samples and {label} {len(leaf)}: give one row of each a sample")


def named_inputs(x: Samples, name: str) -> dict[str, Any]:
    """The arrays of x by what to call them, x being called `name`."""
    return {f"{name}{jax.tree_util.keystr(path)}": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(x)}


def take(x: Samples, rows: Any) -> Samples:
    """Some samples, by an index or a slice of the first axis."""
    return jax.tree.map(lambda a: a[rows], x)


def filled_up(x: Samples, n: int) -> Samples:
    """x followed by its last sample until there are n: one compiled function serves all blocks of samples."""
    return jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[-1:], n - len(a), axis=0)]), x)


def shape_of_one(x: Samples, *axes: int) -> Samples:
    """The shapes and types of one sample, with these axes before its own."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((*axes, *a.shape[1:]), a.dtype), x)


def as_input_shape(shape: Any) -> Any:
    """The shape of one input as a tuple of ints; of several inputs the pytree of such.

    Raises:
        UserError: for sides that are not positive integers.

    >>> as_input_shape(784), as_input_shape({"image": [8, 8, 3], "class": 4})
    ((784,), {'class': (4,), 'image': (8, 8, 3)})
    """

    def one(given: Any) -> tuple[int, ...]:
        sides = tuple(given) if isinstance(given, tuple | list) else (given,)
        if not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
            raise UserError(
                "the shape of an input is a tuple of positive integers without the sample axis, such as (32, 32, 3), "
                f"and of several inputs a dictionary or tuple of such, not {shape!r}"
            )
        return tuple(int(side) for side in sides)

    return jax.tree.map(one, shape, is_leaf=_is_one_shape)


def one_sample(input_shape: Any, dtype: Any) -> Samples:
    """The shapes and types, with a sample axis of 1, of an `as_input_shape` and a type for all inputs or for each.

    Raises:
        UserError: for types of other inputs.
    """
    shapes, structure = jax.tree.flatten(input_shape, is_leaf=_is_one_shape)
    try:
        dtypes = jax.tree.leaves(jax.tree.broadcast(dtype, structure.unflatten(range(len(shapes)))))
    except ValueError as error:
        raise UserError(
            f"the input shape {input_shape} and the type {dtype} differ: give one type, or a type for each input"
        ) from error
    try:
        kinds = [canonicalize_dtype(one) for one in dtypes]
    except TypeError as error:
        raise UserError(f"{dtype!r} is not a type of inputs: write a dtype, such as jnp.float32 or 'int32'") from error
    one = [jax.ShapeDtypeStruct((1, *shape), kind) for shape, kind in zip(shapes, kinds, strict=True)]
    return structure.unflatten(one)


def _is_one_shape(shape: Any) -> bool:
    # A named tuple is several inputs.
    return type(shape) in (tuple, list) and not any(isinstance(side, tuple | list | dict) for side in shape)


def described(x: Samples) -> str:
    """The shape and the type of one sample, for messages.

    >>> described(np.ones((5, 3), np.float32))
    '(3,) of type float32'
    """
    one = {name: f"{leaf.shape[1:]} of type {leaf.dtype}" for name, leaf in named_inputs(x, "").items()}
    return ", ".join(f"{name} {text}".strip() for name, text in one.items())
