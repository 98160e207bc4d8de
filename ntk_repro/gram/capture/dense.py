"""Dense layers: y = A W + b at S positions."""

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.gram.capture.product import Product, output_view
from ntk_repro.gram.capture.view import SeenParameter, View
from ntk_repro.program import Program, Step


@dataclasses.dataclass(frozen=True)
class Dense:
    """A matrix product of the inputs with the weights.

    Its weights have the per-sample gradient sum_s A_s D_s^T, with A_s the inputs and D_s the output cotangents at its
    S positions, over all calls. A kind of layer whose weights meet other rows A_s (patches) is a subclass.
    """

    def __str__(self) -> str:
        return "dense"

    @staticmethod
    def recognized(program: Program, step: Step, which: int, kernel: SeenParameter) -> Product | None:
        """The use that a `dot_general` makes of a kernel, its operand number `which`; None for a batched kernel."""
        contracted, batched = step.params["dimension_numbers"]
        other = 1 - which
        shapes = {which: kernel.view.shape, other: program.shape(step.inputs[other])}
        if math.prod(shapes[which][axis] for axis in batched[which]) != 1:
            return None  # a kernel for each group
        free = {
            operand: [axis for axis in range(len(shape)) if axis not in {*contracted[operand], *batched[operand]}]
            for operand, shape in shapes.items()
        }
        d_in, d_out, images = (
            math.prod(shapes[operand][axis] for axis in axes)
            for operand, axes in ((which, contracted[which]), (which, free[which]), (other, free[other]))
        )
        # The output has the batched axes, then the free ones of the first and of the second operand.
        lead, after = len(batched[which]), len(batched[which]) + len(free[which])
        rank = after + len(free[other])
        order = (*range(lead), *range(after, rank), *range(lead, after)) if which == 0 else tuple(range(rank))
        matrix = kernel.view.transpose((*batched[which], *contracted[which], *free[which])).reshape((d_in, d_out))
        data = View.of(shapes[other]).transpose((*batched[other], *free[other], *contracted[other]))
        as_output = output_view((images, d_out), program.shape(step.outputs[0]), order)
        as_kernel = View.of(shapes[which])
        return Product(step, which, kernel, Dense(), matrix, data.reshape((images, d_in)), as_output, as_kernel)

    @property
    def copies(self) -> int:
        """How many times a pass copies inputs and cotangents, roughly."""
        return 1

    def outputs(self, a: Array, kernel: Array) -> Array | None:
        """The layer's outputs without bias where they come faster than by the equation itself, else None."""
        return None

    def met(
        self, a: Float[Array, "n images *space i"], space: tuple[int, ...]
    ) -> Float[Array, "n images *places d_in"]:
        """What the weights meet at each position of the outputs, which have the axes `space`."""
        return a

    def input_rows(self, inputs: list[Array], spaces: list[tuple[int, ...]]) -> Float[Array, "n S d_in"]:
        """The rows A_s, over all calls."""
        rows = [self.met(a, space) for a, space in zip(inputs, spaces, strict=True)]
        return jnp.concatenate([a.reshape(len(a), -1, a.shape[-1]) for a in rows], axis=1)

    def gradient(self, inputs: list[Array], cotangents: list[Array], ordered: bool) -> Float[Array, "n c ..."]:
        """Per-sample gradients of the weights, over all calls; without `ordered` the order of the entries is free."""
        rows = self.input_rows(inputs, [d.shape[3:-1] for d in cotangents])
        return jnp.einsum("nsi,ncso->ncio", rows, cotangent_rows(cotangents))


def cotangent_rows(cotangents: list[Array]) -> Float[Array, "n c S d_out"]:
    """The rows D_s, over all calls."""
    return jnp.concatenate([d.reshape(*d.shape[:2], -1, d.shape[-1]) for d in cotangents], axis=2)
