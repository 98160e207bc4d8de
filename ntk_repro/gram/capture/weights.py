"""Parameters that a program uses as the kernels and biases of dense and convolutional layers, and nothing else.

A kernel is a parameter whose every use is a `dot_general` or a `conv_general_dilated` against something else, directly
or through reshapes, transposes, factors and sums with what does not depend on the sample: these leave its gradient the
sum over positions of input times output cotangent, up to order. Uses inside loops, branches and functions with
derivatives of their own are not inspected.
"""

import collections
import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from ntk_repro.gram.capture.convolution import Convolution
from ntk_repro.gram.capture.dense import Dense
from ntk_repro.gram.capture.product import Product
from ntk_repro.gram.capture.view import SeenParameter, View
from ntk_repro.program import Program, Step

_KINDS: dict[str, type[Dense]] = {"dot_general": Dense, "conv_general_dilated": Convolution}


@dataclasses.dataclass(frozen=True)
class _Addition:
    """One use of what may be a bias: the other operand, the shape of the sum, the parameter as it is added."""

    other: int
    shape: tuple[int, ...]
    seen: SeenParameter


def weights_of(program: Program, num_leaves: int, num_inputs: int = 1) -> dict[int, tuple[list[Product], int | None]]:
    """The parameters that are kernels: by their numbers their uses, in order, and the number of the bias, if any.

    Args:
        program: of a function of the parameters and, last, of one sample.
        num_leaves: how many of the program's inputs, from the first, are parameters.
        num_inputs: how many, to the last, are the sample.
    """
    kernels: dict[int, list[Product]] = {}
    additions: dict[int, list[_Addition]] = {}
    for leaf, uses in _uses(program, num_leaves, num_inputs).items():
        products = [use for use in uses if isinstance(use, Product)]
        added = [use for use in uses if isinstance(use, _Addition)]
        if len(added) == len(uses):
            additions[leaf] = added
        if len(products) == len(uses) and all(products[0].matches(other) for other in products[1:]):
            kernels[leaf] = products
    readers = collections.Counter(number for step in program.steps for number in step.inputs)
    readers.update(program.outputs)
    by_output = {product.output: product for products in kernels.values() for product in products}
    biases = {}
    for leaf, added in additions.items():
        outputs = collections.Counter(_biased_output(program, by_output, readers, addition) for addition in added)
        for kernel, products in kernels.items():
            if outputs == collections.Counter(product.output for product in products):
                biases[kernel] = leaf
    return {kernel: (products, biases.get(kernel)) for kernel, products in kernels.items()}


def _uses(program: Program, num_leaves: int, num_inputs: int) -> dict[int, list[Product | _Addition | None]]:
    """By leaf all its uses, None for one of another kind; leaves in the order of their first use."""
    leaves = enumerate(program.inputs[:num_leaves])
    seen = {number: SeenParameter(leaf, View.of(program.shape(number))) for leaf, number in leaves}
    per_sample = set(program.inputs[-num_inputs:])
    uses = collections.defaultdict(list)
    for step in program.steps:
        if not per_sample.isdisjoint(step.inputs):
            per_sample.update(step.outputs)
        operands = [which for which, number in enumerate(step.inputs) if number in seen]
        passed = _passed_on(program, step, operands[0], seen, per_sample) if len(operands) == 1 else None
        if passed is not None:
            seen[step.outputs[0]] = passed
            continue
        for which in operands:
            parameter = seen[step.inputs[which]]
            uses[parameter.leaf].append(_use(program, step, which, parameter) if len(operands) == 1 else None)
    for number in program.outputs:
        if number in seen:
            uses[seen[number].leaf].append(None)
    return uses


def _passed_on(
    program: Program, step: Step, which: int, seen: dict[int, SeenParameter], per_sample: set[int]
) -> SeenParameter | None:
    """The parameter as the step's result shows it, where it still does."""
    if len(step.outputs) != 1 or not _same_dtype(program, step.inputs[which], step.outputs[0]):
        return None
    parameter = seen[step.inputs[which]]
    view = _laid_out(program, step, parameter.view)
    if view is not None:
        return parameter.through(view)
    if program.shape(step.outputs[0]) != parameter.view.shape:
        return None
    if step.name == "neg":
        return parameter.times("neg")
    if step.name in ("mul", "div") and (step.name == "mul" or which == 0):
        scalar = _scalar(program, step.inputs[1 - which])
        return None if scalar is None else parameter.times(step.name, scalar)
    # A sum with what depends on the sample is a bias's, not a kernel's.
    if step.name in ("add", "sub") and step.inputs[1 - which] not in per_sample:
        return parameter.times("neg") if step.name == "sub" and which == 1 else parameter
    return None


def _laid_out(program: Program, step: Step, view: View) -> View | None:
    """A view followed by a step of one operand that only moves its entries."""
    if len(step.inputs) != 1 or len(step.outputs) != 1:
        return None
    shape = program.shape(step.outputs[0])
    if step.name == "transpose":
        return view.transpose(step.params["permutation"])
    if step.name == "rev":
        return view.flip(step.params["dimensions"])
    if step.name == "broadcast_in_dim":
        return view.broadcast(shape, step.params["broadcast_dimensions"])
    if step.name in ("squeeze", "expand_dims") or (step.name == "reshape" and step.params["dimensions"] is None):
        return view.reshape(shape)
    # A slice of everything is how old JAX indexes an axis of length 1.
    everything = step.name == "slice" and shape == view.shape and set(step.params["strides"] or ()) <= {1}
    copied = step.name in ("copy", "convert_element_type") and _same_dtype(program, step.inputs[0], step.outputs[0])
    return view if everything or copied else None


def _scalar(program: Program, number: int) -> int | None:
    """The number of the scalar that an array is filled with, or None."""
    while math.prod(program.shape(number)) != 1:
        step = program.makers.get(number)
        if step is None or step.name != "broadcast_in_dim" or len(step.inputs) != 1:
            return None
        number = step.inputs[0]
    return number


def _same_dtype(program: Program, *numbers: int) -> bool:
    dtypes = {program.avals[number].dtype for number in numbers}
    return len(dtypes) == 1 and jnp.issubdtype(dtypes.pop(), jnp.floating)


def _use(program: Program, step: Step, which: int, parameter: SeenParameter) -> Product | _Addition | None:
    """How a step whose result no longer shows a parameter uses it."""
    if len(step.inputs) != 2 or not _same_dtype(program, *step.inputs, *step.outputs):
        return None
    if step.name == "add" and not parameter.factors:
        return _Addition(step.inputs[1 - which], program.shape(step.outputs[0]), parameter)
    if step.name not in _KINDS or not parameter.view.is_permutation:
        return None
    return _KINDS[step.name].recognized(program, step, which, parameter)


def _biased_output(
    program: Program, products: dict[int, Product], readers: collections.Counter[int], addition: _Addition
) -> int | None:
    """The output of the product to which an addition adds a bias, or None."""
    number, path = addition.other, []
    while number not in products:
        step = program.makers.get(number)
        if step is None or len(step.inputs) != 1 or readers[number] != 1:
            return None
        path.append(step)
        number = step.inputs[0]
    if readers[number] != 1:
        return None  # what else reads the product sees it without the bias, whose gradient is then another one
    view: View | None = View.of(program.shape(number))
    for step in reversed(path):
        view = _laid_out(program, step, view)
        if view is None:
            return None
    product, bias = products[number], addition.seen.view
    d_out = product.matrix.shape[1]
    if not view.is_permutation or view.shape != addition.shape or math.prod(bias.source) != d_out:
        return None
    places = product.as_output(np.broadcast_to(np.arange(d_out), product.as_output.source))
    added = np.broadcast_to(bias.entries(), addition.shape)
    return number if np.array_equal(view(places), added) else None
