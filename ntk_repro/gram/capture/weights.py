"""Parameters that a program uses as the kernels and biases of dense and convolutional layers, and nothing else.

A kernel is a parameter whose every use is a `dot_general` or a `conv_general_dilated` against something else, straight
or through reshapes, transposes, factors and sums with what does not depend on the sample: these leave its gradient the
sum over positions of input times output cotangent, up to order. Uses inside loops, branches and functions with
derivatives of their own are not looked into.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntk_repro.gram.capture.layer import Geometry
from ntk_repro.gram.capture.program import Program, Step
from ntk_repro.gram.capture.view import View

__all__ = ["Product", "weights_of"]


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A parameter, or what has its gradient up to order and factors: (operation, number of a scalar value)."""

    leaf: int
    view: View
    factors: tuple[tuple[str, int | None], ...] = ()

    def through(self, view: View) -> "_Seen":
        return dataclasses.replace(self, view=view)

    def times(self, operation: str, scalar: int | None = None) -> "_Seen":
        return dataclasses.replace(self, factors=(*self.factors, (operation, scalar)))


@dataclasses.dataclass(frozen=True)
class Product:
    """One use of a kernel: the numbers of its output and operands, and how they become a `Layer`'s.

    The input transposed by `input_order` and reshaped to `input_shape` is (images, *space, d_in); the output transposed
    by `output_order` has `output_axes`, which reshaped to `output_shape` are (images, *space, d_out). The kernel of a
    convolution transposed by `kernel_order` is (*space, d_in, d_out).
    """

    output: int
    input: int
    kernel: int
    matrix: View
    factors: tuple[tuple[str, int | None], ...]
    input_order: tuple[int, ...]
    input_shape: tuple[int, ...]
    kernel_order: tuple[int, ...]
    output_order: tuple[int, ...]
    output_axes: tuple[int, ...]
    output_shape: tuple[int, ...]
    geometry: Geometry | None

    def operands_from(self, read: Callable[[int], Any]) -> tuple[Array, Array]:
        """Input and kernel as the equation multiplies them."""
        a = read(self.input).transpose(self.input_order).reshape(self.input_shape)
        return a, read(self.kernel).transpose(self.kernel_order)

    def input_from(self, read: Callable[[int], Any]) -> Array:
        """The layer's input, with the kernel's factors: its cotangents must stay those of the bias."""
        a, _ = self.operands_from(read)
        for operation, number in self.factors:
            if number is None:
                a = -a
            else:
                scalar = jnp.reshape(read(number), ()).astype(a.dtype)
                a = a * scalar if operation == "mul" else a / scalar
        return a

    def as_output(self, a: Any) -> Any:
        """An array of `output_shape` laid out as the equation's output."""
        return a.reshape(self.output_axes).transpose(np.argsort(self.output_order))


@dataclasses.dataclass(frozen=True)
class _Addition:
    """One use of what may be a bias: the other operand, the shape of the sum, the parameter as it is added."""

    other: int
    shape: tuple[int, ...]
    seen: _Seen


def weights_of(program: Program, num_leaves: int) -> dict[int, tuple[list[Product], int | None]]:
    """The parameters that are kernels: by their numbers their uses, in order, and the number of the bias, if any.

    Args:
        program: of a function of the parameters and, last, of one sample.
        num_leaves: how many of the program's inputs, from the first, are parameters.
    """
    uses = _uses(program, num_leaves)
    kernels: dict[int, list[Product]] = {}
    additions: dict[int, list[_Addition]] = {}
    for leaf, how in uses.items():
        products = [use for use in how if isinstance(use, Product)]
        added = [use for use in how if isinstance(use, _Addition)]
        if len(added) == len(how):
            additions[leaf] = added
        if len(products) == len(how) and all(_alike(products[0], other) for other in products[1:]):
            kernels[leaf] = products
    owners = {product.output: (leaf, product) for leaf, products in kernels.items() for product in products}
    biases: dict[int, int] = {}
    find = _product_finder(program, owners)
    for leaf, added in additions.items():
        found = [find(addition) for addition in added]
        outputs = [product.output for _, product in filter(None, found)]
        owner = {kernel for kernel, _ in filter(None, found)}
        if len(outputs) == len(found) and len(owner) == 1:
            kernel = owner.pop()
            if sorted(outputs) == sorted(product.output for product in kernels[kernel]):
                biases[kernel] = leaf
    return {kernel: (products, biases.get(kernel)) for kernel, products in kernels.items()}


def _alike(one: Product, two: Product) -> bool:
    return one.geometry == two.geometry and one.matrix.same_as(two.matrix)


def _uses(program: Program, num_leaves: int) -> dict[int, list[Product | _Addition | None]]:
    """By leaf all its uses, None for one of another kind; leaves in the order of their first use."""
    leaves = program.inputs[:num_leaves]
    shapes = [tuple(program.avals[number].shape) for number in leaves]
    seen = {number: _Seen(i, View(s, s)) for i, (number, s) in enumerate(zip(leaves, shapes, strict=True))}
    makers = {number: step for step in program.steps for number in step.outputs}
    per_sample = {program.inputs[-1]}
    uses = collections.defaultdict(list)
    for step in program.steps:
        if not per_sample.isdisjoint(step.inputs):
            per_sample.update(step.outputs)
        mine = [which for which, number in enumerate(step.inputs) if number in seen]
        if len(mine) == 1:
            one = seen[step.inputs[mine[0]]]
            passed = _passed_on(program, step, mine[0], one, makers, per_sample)
            if passed is not None:
                seen[step.outputs[0]] = passed
            else:
                uses[one.leaf].append(_use(program, step, mine[0], one))
        else:
            for which in mine:
                uses[seen[step.inputs[which]].leaf].append(None)
    for number in program.outputs:
        if number in seen:
            uses[seen[number].leaf].append(None)
    return uses


def _passed_on(
    program: Program, step: Step, which: int, one: _Seen, makers: dict[int, Step], per_sample: set[int]
) -> _Seen | None:
    """What a step makes of a parameter, where the parameter can still be seen in it."""
    if len(step.outputs) != 1 or not _same_dtype(program, step.inputs[which], step.outputs[0]):
        return None
    view = _laid_out(program, step, one.view)
    if view is not None:
        return one.through(view)
    if tuple(program.avals[step.outputs[0]].shape) != one.view.shape:
        return None
    if step.name == "neg":
        return one.times("neg")
    if step.name in ("mul", "div") and (step.name == "mul" or which == 0):
        scalar = _scalar(program, step.inputs[1 - which], makers)
        return None if scalar is None else one.times(step.name, scalar)
    # A sum with what depends on the sample is a bias's, not a kernel's.
    if step.name in ("add", "sub") and step.inputs[1 - which] not in per_sample:
        return one.times("neg") if step.name == "sub" and which == 1 else one
    return None


def _laid_out(program: Program, step: Step, view: View) -> View | None:
    """A view followed by a step of one operand that only moves its entries."""
    if len(step.inputs) != 1 or len(step.outputs) != 1:
        return None
    shape = tuple(program.avals[step.outputs[0]].shape)
    if step.name == "transpose":
        return view.transpose(step.params["permutation"])
    if step.name == "rev":
        return view.flip(step.params["dimensions"])
    if step.name == "broadcast_in_dim":
        return view.broadcast(shape, step.params["broadcast_dimensions"])
    if step.name in ("squeeze", "expand_dims") or (step.name == "reshape" and step.params["dimensions"] is None):
        return view.reshape(shape)
    if step.name == "slice" and shape == view.shape and set(step.params["strides"] or ()) <= {1}:
        return view  # the whole of it: how old JAX indexes an axis of length 1
    if step.name in ("copy", "convert_element_type") and _same_dtype(program, step.inputs[0], step.outputs[0]):
        return view
    return None


def _scalar(program: Program, number: int, makers: dict[int, Step]) -> int | None:
    """The number of the one number that an array is filled with, or None."""
    while math.prod(program.avals[number].shape) != 1:
        step = makers.get(number)
        if step is None or step.name != "broadcast_in_dim" or len(step.inputs) != 1:
            return None
        number = step.inputs[0]
    return number


def _same_dtype(program: Program, *numbers: int) -> bool:
    dtypes = {program.avals[number].dtype for number in numbers}
    return len(dtypes) == 1 and jnp.issubdtype(dtypes.pop(), jnp.floating)


def _use(program: Program, step: Step, which: int, one: _Seen) -> Product | _Addition | None:
    """How a step that ends the way of a parameter uses it."""
    if len(step.inputs) != 2 or not _same_dtype(program, *step.inputs, *step.outputs):
        return None
    if step.name == "add" and not one.factors:
        return _Addition(step.inputs[1 - which], tuple(program.avals[step.outputs[0]].shape), one)
    if not one.view.is_permutation:
        return None
    if step.name == "dot_general":
        return _dense(program, step, which, one)
    if step.name == "conv_general_dilated" and which == 1:
        return _convolution(program, step, one)
    return None


def _dense(program: Program, step: Step, which: int, one: _Seen) -> Product | None:
    contracted, batched = step.params["dimension_numbers"]
    other = 1 - which
    kernel, shape = one.view.shape, tuple(program.avals[step.inputs[other]].shape)
    if math.prod(kernel[axis] for axis in batched[which]) != 1:
        return None  # a kernel for each group
    free = [
        tuple(axis for axis in range(rank) if axis not in {*contracted[operand], *batched[operand]})
        for operand, rank in ((which, len(kernel)), (other, len(shape)))
    ]
    d_in = math.prod(kernel[axis] for axis in contracted[which])
    d_out = math.prod(kernel[axis] for axis in free[0])
    matrix = one.view.transpose((*batched[which], *contracted[which], *free[0])).reshape((d_in, d_out))
    images = math.prod(shape[axis] for axis in free[1])
    # The output has the batched axes, then the free ones of the first and of the second operand.
    lead, after = len(batched[which]), len(batched[which]) + len(free[0])
    rank = after + len(free[1])
    order = (*range(lead), *range(after, rank), *range(lead, after)) if which == 0 else tuple(range(rank))
    return Product(
        output=step.outputs[0],
        input=step.inputs[other],
        kernel=step.inputs[which],
        matrix=matrix,
        factors=one.factors,
        input_order=(*batched[other], *free[1], *contracted[other]),
        input_shape=(images, d_in),
        kernel_order=(*batched[which], *contracted[which], *free[0]),
        output_order=order,
        output_axes=_shape(program, step.outputs[0], order),
        output_shape=(images, d_out),
        geometry=None,
    )


def _convolution(program: Program, step: Step, one: _Seen) -> Product | None:
    settings = step.params
    numbers = settings["dimension_numbers"]
    if settings["feature_group_count"] != 1 or settings["batch_group_count"] != 1 or len(numbers.rhs_spec) < 3:
        return None

    def channels_last(spec: Sequence[int]) -> tuple[int, ...]:
        return (spec[0], *spec[2:], spec[1])

    kernel_order = (*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0])
    kernel = one.view.transpose(kernel_order)
    input_order, output_order = channels_last(numbers.lhs_spec), channels_last(numbers.out_spec)
    output_shape = _shape(program, step.outputs[0], output_order)
    return Product(
        output=step.outputs[0],
        input=step.inputs[0],
        kernel=step.inputs[1],
        matrix=kernel.reshape((math.prod(kernel.shape[:-1]), kernel.shape[-1])),
        factors=one.factors,
        input_order=input_order,
        input_shape=_shape(program, step.inputs[0], input_order),
        kernel_order=kernel_order,
        output_order=output_order,
        output_axes=output_shape,
        output_shape=output_shape,
        geometry=Geometry(
            kernel.shape[:-2],
            tuple(settings["window_strides"]),
            tuple((int(lo), int(hi)) for lo, hi in settings["padding"]),
            tuple(settings["lhs_dilation"]),
            tuple(settings["rhs_dilation"]),
        ),
    )


def _shape(program: Program, number: int, order: Sequence[int]) -> tuple[int, ...]:
    return tuple(program.avals[number].shape[axis] for axis in order)


def _product_finder(
    program: Program, owners: dict[int, tuple[int, Product]]
) -> Callable[[_Addition], tuple[int, Product] | None]:
    """The function from an addition to the (kernel, product) that it adds a bias to, or to None."""
    makers = {number: step for step in program.steps for number in step.outputs}
    readers = collections.Counter(number for step in program.steps for number in step.inputs)
    readers.update(program.outputs)

    def find(addition: _Addition) -> tuple[int, Product] | None:
        number, way = addition.other, []
        while readers[number] == 1 and number not in owners and number in makers and len(makers[number].inputs) == 1:
            way.append(makers[number])
            number = makers[number].inputs[0]
        # Whoever else reads the product sees it without the bias: then the bias's gradient is its own.
        if number not in owners or readers[number] != 1:
            return None
        product = owners[number][1]
        d_out = product.output_shape[-1]
        shape = tuple(program.avals[number].shape)
        view = View(shape, shape)
        for step in reversed(way):
            view = _laid_out(program, step, view)
            if view is None:
                return None
        if not view.is_permutation or view.shape != addition.shape or math.prod(addition.seen.view.source) != d_out:
            return None
        places = product.as_output(np.broadcast_to(np.arange(d_out), product.output_shape))
        added = np.broadcast_to(addition.seen.view.entries(), addition.shape)
        return owners[number] if np.array_equal(view(places), added) else None

    return find
