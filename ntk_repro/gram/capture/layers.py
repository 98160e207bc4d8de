"""Layers whose part of the NTK follows from their inputs and output cotangents, found among a function's equations.

A dense layer y = A W + b at S positions (1 for a plain dense layer, the pixels for a convolution, over all calls of a
shared one) has the per-sample gradient sum_s A_s D_s^T, with A its inputs and D the cotangents of its outputs. The
function is traced for one sample and its parameters looked for in the trace (`weights_of`): where one meets the data as
a kernel, the other operand is A. D comes from running the trace with zeros added to these results and differentiating
with respect to the zeros. All other parameters (`Capture.others`) keep their per-sample gradients by autodiff.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ntk_repro.gram.capture.layer import Capture, Layer, Path
from ntk_repro.gram.capture.product import Product
from ntk_repro.gram.capture.weights import weights_of
from ntk_repro.network import Network
from ntk_repro.parameters import leaf_names
from ntk_repro.program import Program
from ntk_repro.samples import Samples, shape_of_one, take

PyTree = Any


def find_layers(net: Network, x: Samples) -> tuple[Layer, ...]:
    """The layers of a network that `capture_fn` captures, in the order of their first use.

    Args:
        net: the network, of any kind.
        x: a batch of inputs; only their shapes and dtypes matter.
    """
    one = shape_of_one(x)
    names = leaf_names(net.params)
    layers = []
    program = _program(net.apply_fn, net.params, net.state, one)
    for kernel, (products, bias) in weights_of(program, len(names), len(jax.tree.leaves(one))).items():
        path = names[kernel][:-1] if names[kernel][-1:] == ("kernel",) else names[kernel]
        inputs, outputs = tuple(p.as_input.shape for p in products), tuple(p.as_output.source for p in products)
        layers.append(Layer(path, inputs, outputs, kernel, bias, products[0].matrix, products[0].kind))
    return tuple(layers)


@functools.lru_cache(maxsize=16)
def capture_fn(
    apply_fn: Callable, layers: tuple[Layer, ...], output: int | None
) -> Callable[[PyTree, PyTree, Samples], Capture]:
    """The jitted pass over a batch: (params, state, x (n, ...)) -> Capture.

    It raises TypeError for a network that computes otherwise in this floating-point type than in that of its layers.

    Args:
        apply_fn: of the network.
        layers: from `find_layers`, any of them; the other parameters come out as gradients, in `Capture.others`.
        output: the output to differentiate, or None for all of them.
    """
    one_sample = functools.partial(_captured, apply_fn, layers, output)
    return jax.jit(jax.vmap(one_sample, in_axes=(None, None, 0)))


def _captured(
    apply_fn: Callable, layers: tuple[Layer, ...], output: int | None, params: PyTree, state: PyTree, x: Samples
) -> Capture:
    """The capture of one sample, without its axis n."""
    program = _program(apply_fn, params, state, x)
    leaves = jax.tree.leaves(params)
    weights = weights_of(program, len(leaves), len(jax.tree.leaves(x)))
    products: dict[Path, list[Product]] = {}
    captured: set[int | None] = set()
    for layer in layers:
        found, bias = weights.get(layer.kernel, ([], None))
        if tuple(p.as_input.shape for p in found) != layer.inputs or layer.bias not in (None, bias):
            raise TypeError(f"the layer at {layer.name} is computed in another way in this dtype")
        products[layer.path] = found
        captured |= {layer.kernel, layer.bias}
    others = {number: leaf for number, leaf in enumerate(leaves) if number not in captured}

    def forward(others, zeros):
        inputs = {layer.path: [] for layer in layers}

        def change(layer, product, zero, read, evaluate):
            inputs[layer.path].append(product.input_from(read))
            y = layer.kind.outputs(*product.operands(read))
            return (evaluate() if y is None else product.as_output(y)) + product.as_output(zero)

        changes = {
            product.output: functools.partial(change, layer, product, zero)
            for layer in layers
            for product, zero in zip(products[layer.path], zeros[layer.path], strict=True)
        }
        arguments = [others.get(number, leaf) for number, leaf in enumerate(leaves)]
        fx = program.run([*arguments, *jax.tree.leaves(state), *jax.tree.leaves(x)], changes)[0][0]
        return fx if output is None else fx[output, None], inputs

    dtype = jnp.result_type(*leaves)
    zeros = {
        path: [jnp.zeros(p.as_output.source, program.avals[p.output].dtype) for p in calls]
        for path, calls in products.items()
    }
    fx, pullback, inputs = jax.vjp(forward, others, zeros, has_aux=True)
    gradients, cotangents = jax.vmap(pullback)(jnp.eye(len(fx), dtype=fx.dtype))
    flat = [g.reshape(len(fx), -1) for g in jax.tree.leaves(gradients)]
    return Capture(inputs, cotangents, jnp.concatenate([jnp.zeros((len(fx), 0), dtype), *flat], axis=1))


def _program(apply_fn: Callable, params: PyTree, state: PyTree, x: Any) -> Program:
    return Program.of(lambda params, state, x: apply_fn(params, state, take(x, None)), params, state, x)
