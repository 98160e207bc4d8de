"""Convolutions: dense layers whose rows A_s are patches of their input, which overlap.

Overlap is what makes them cheap: the products of all pairs of patches follow from those of all pairs of pixels
(`patch_products`), and the weight gradients from copies shifted along one axis at a time (`gradient`).
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntk_repro.banded_convolution import banded_convolution, tile_for
from ntk_repro.gram.capture.dense import Dense
from ntk_repro.gram.capture.product import Product, output_view
from ntk_repro.gram.capture.view import SeenParameter, View
from ntk_repro.program import Program, Step


@dataclasses.dataclass(frozen=True)
class Convolution(Dense):
    """How a convolution's patches are cut from its input, padded with zeros."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    input_dilation: tuple[int, ...]
    kernel_dilation: tuple[int, ...]

    def __str__(self) -> str:
        return f"conv {'x'.join(map(str, self.kernel_size))}"

    @staticmethod
    def recognized(program: Program, step: Step, which: int, kernel: SeenParameter) -> Product | None:
        """The use that a `conv_general_dilated` makes of its kernel; None for a grouped one."""
        settings, numbers = step.params, step.params["dimension_numbers"]
        if which == 0 or settings["feature_group_count"] != 1 or settings["batch_group_count"] != 1:
            return None
        if len(numbers.rhs_spec) < 3:
            return None

        def channels_last(spec: Sequence[int]) -> tuple[int, ...]:
            return (spec[0], *spec[2:], spec[1])

        order = (*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0])
        seen = kernel.view.transpose(order)
        output, output_order = program.shape(step.outputs[0]), channels_last(numbers.out_spec)
        kind = Convolution(
            kernel_size=seen.shape[:-2],
            strides=tuple(settings["window_strides"]),
            padding=tuple((int(lo), int(hi)) for lo, hi in settings["padding"]),
            input_dilation=tuple(settings["lhs_dilation"]),
            kernel_dilation=tuple(settings["rhs_dilation"]),
        )
        matrix = seen.reshape((math.prod(seen.shape[:-1]), seen.shape[-1]))
        as_input = View.of(program.shape(step.inputs[0])).transpose(channels_last(numbers.lhs_spec))
        as_output = output_view([output[axis] for axis in output_order], output, output_order)
        as_kernel = View.of(kernel.view.shape).transpose(order)
        return Product(step, which, kernel, kind, matrix, as_input, as_output, as_kernel)

    @property
    def is_plain(self) -> bool:
        """Two-dimensional, without strides or dilations."""
        return len(self.kernel_size) == 2 and {*self.strides, *self.input_dilation, *self.kernel_dilation} == {1}

    @property
    def copies(self) -> int:
        """As `Dense.copies`: one for each offset along an axis."""
        return max(self.kernel_size)

    def outputs(self, a: Array, kernel: Array) -> Array | None:
        """As `Dense.outputs`: by a banded matrix where that is faster."""
        tile = tile_for(a.shape, kernel.shape) if self.is_plain and a.dtype == kernel.dtype else None
        return None if tile is None else banded_convolution(a, kernel, self.padding, tile)

    def met(
        self, a: Float[Array, "n images *space i"], space: tuple[int, ...]
    ) -> Float[Array, "n images *places d_in"]:
        """As `Dense.met`: the patches, in the order of the kernel's axes."""
        a = self._padded(a)
        slices = []
        for offset in itertools.product(*map(range, self.kernel_size)):
            starts = [o * d for o, d in zip(offset, self.kernel_dilation, strict=True)]
            window = [
                slice(start, start + (count - 1) * stride + 1, stride)
                for start, count, stride in zip(starts, space, self.strides, strict=True)
            ]
            slices.append(a[(slice(None), slice(None), *window)])
        return jnp.concatenate(slices, axis=-1)

    def gradient(self, inputs: list[Array], cotangents: list[Array], ordered: bool) -> Float[Array, "n c ..."]:
        """As `Dense.gradient`."""
        if not self.is_plain:
            return super().gradient(inputs, cotangents, ordered)
        kernel = sum(self._shifted_gradient(a, d) for a, d in zip(inputs, cotangents, strict=True))
        # A kernel matrix is the same in any order of the parameters; this one would cost a copy.
        return jnp.transpose(kernel, (0, 1, 4, 2, 3, 5)) if ordered else jnp.asarray(kernel)

    def _shifted_gradient(
        self, a: Float[Array, "n m y x i"], d: Float[Array, "n c m v u o"]
    ) -> Float[Array, "n c l i k o"]:
        """Weight gradients without strides or dilations.

        Half of the kernel's offsets is put on each factor: the inputs are stacked over the column offsets l, the
        cotangents over the row offsets k, so that one matrix product a sample does it with k + l copies of the data
        instead of k l.
        """
        (rows, columns), (height, width) = self.kernel_size, d.shape[3:5]
        n, c, m = d.shape[:3]
        a = self._padded(a)
        stacked_a = jnp.concatenate([a[:, :, :, shift : shift + width] for shift in range(columns)], axis=-1)
        row_pads = [[(0, 0)] * 3 + [(shift, rows - 1 - shift), (0, 0), (0, 0)] for shift in range(rows)]
        stacked_d = jnp.concatenate([jnp.pad(d, pads) for pads in row_pads], axis=-1)
        places = m * (height + rows - 1) * width
        product = jnp.einsum(
            "nsi,ncso->ncio",
            stacked_a.reshape(n, places, columns * a.shape[-1]),
            stacked_d.reshape(n, c, places, rows * d.shape[-1]),
        )
        return product.reshape(n, c, columns, a.shape[-1], rows, d.shape[-1])

    def patch_products(self, g: Float[Array, "p q n1 r s n2"]) -> Float[Array, "y x n1 v u n2"]:
        """The products of all pairs of patches from those of all pairs of pixels, of a plain convolution.

        A pair of output positions meets, at each offset of the kernel, one pair of pixels: their products lie one
        diagonal step apart. The two axes of the image are summed one after the other.
        """
        for axis in (0, 1):
            low, high = self.padding[axis]
            terms = []
            for offset in range(self.kernel_size[axis]):
                # Output position s meets pixel s + offset - low; what lies outside of the image is zero.
                config = [(0, 0, 0)] * g.ndim
                config[axis] = config[axis + 3] = (low - offset, high - (self.kernel_size[axis] - 1 - offset), 0)
                terms.append(jax.lax.pad(g, jnp.zeros((), g.dtype), config))
            g = sum(terms[1:], terms[0])
        return g

    def _padded(self, a: Float[Array, "n m *space i"]) -> Array:
        # lax.pad takes what jnp.pad does not: negative padding and input dilation.
        holes = [0, 0, *(d - 1 for d in self.input_dilation), 0]
        pads = [(0, 0), (0, 0), *self.padding, (0, 0)]
        config = [(lo, hi, hole) for (lo, hi), hole in zip(pads, holes, strict=True)]
        return jax.lax.pad(a, jnp.zeros((), a.dtype), config)
