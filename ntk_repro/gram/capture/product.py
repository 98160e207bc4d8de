"""One use of a kernel: an equation that multiplies it with the data."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntk_repro.gram.capture.view import SeenParameter, View
from ntk_repro.program import Step


@dataclasses.dataclass(frozen=True)
class Product:
    """An equation that multiplies a kernel with the data, and the views that make its values a `Layer`'s arrays.

    Attributes:
        step: the equation.
        which: the operand that holds the kernel, 0 or 1.
        parameter: the kernel.
        kind: of the layer, `Dense` or `Convolution`.
        matrix: view of the parameter as (d_in, d_out).
        as_input: from the other operand to (images, *space, d_in).
        as_output: from (images, *space, d_out) to the equation's output.
        as_kernel: from the operand to (*space, d_in, d_out), for a convolution.
    """

    step: Step
    which: int
    parameter: SeenParameter
    kind: Any
    matrix: View
    as_input: View
    as_output: View
    as_kernel: View

    @property
    def output(self) -> int:
        """Number of the equation's output."""
        return self.step.outputs[0]

    def operands(self, read: Callable[[int], Any]) -> tuple[Array, Array]:
        """Input and kernel as the equation multiplies them."""
        a, kernel = read(self.step.inputs[1 - self.which]), read(self.step.inputs[self.which])
        return self.as_input(a), self.as_kernel(kernel)

    def input_from(self, read: Callable[[int], Any]) -> Array:
        """The layer's input, with the kernel's factors: its cotangents must stay those of the bias."""
        a, _ = self.operands(read)
        for operation, number in self.parameter.factors:
            if number is None:
                a = -a
            else:
                scalar = jnp.reshape(read(number), ()).astype(a.dtype)
                a = a * scalar if operation == "mul" else a / scalar
        return a

    def matches(self, other: "Product") -> bool:
        """Whether both use their kernel in the same way, so that one layer may be called at both places."""
        return self.kind == other.kind and self.matrix.same_as(other.matrix)


def output_view(layer_shape: Sequence[int], output_shape: Sequence[int], order: Sequence[int]) -> View:
    """`Product.as_output` for an output whose axes in the order `order` are those of the layer, some of them split."""
    return View.of(layer_shape).reshape(output_shape[axis] for axis in order).transpose(np.argsort(order).tolist())
