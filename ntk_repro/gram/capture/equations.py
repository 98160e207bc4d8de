"""Layers of any JAX function, recognised by their equations instead of by their modules.

The function is traced for one sample and its parameters looked for in the trace (`weights_of`): where one meets the
data as a kernel, the other operand is a layer's input and the cotangent of the result the layer's. The cotangents come
from running the trace with zeros added to these results. All other parameters go by autodiff.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntk_repro.gram.capture.layer import Capture, Layer, Leaves, Path
from ntk_repro.gram.capture.program import Program
from ntk_repro.gram.capture.weights import Product, weights_of
from ntk_repro.network import Network

__all__ = ["captured_by_equations", "equation_layers"]

PyTree = Any


def equation_layers(net: Network, x: Array | np.ndarray) -> tuple[Layer, ...]:
    """The layers of a network that `captured_by_equations` captures, in the order of their first use.

    Args:
        net: the network, of any kind.
        x: a batch of inputs, (n, ...); only its shape and dtype matter.
    """
    one = jax.ShapeDtypeStruct(x.shape[1:], x.dtype)
    num_leaves = len(jax.tree.leaves(net.params))
    weights = weights_of(_program(net.apply_fn, net.params, net.state, one), num_leaves)
    paths = _paths(net.params)
    layers = []
    for kernel, (products, bias) in weights.items():
        inputs, outputs = tuple(p.input_shape for p in products), tuple(p.output_shape for p in products)
        leaves = Leaves(kernel, bias, products[0].matrix)
        layers.append(Layer(paths[kernel], inputs, outputs, bias is not None, products[0].geometry, leaves))
    return tuple(layers)


def captured_by_equations(
    apply_fn: Callable, layers: tuple[Layer, ...], output: int | None, params: PyTree, state: PyTree, x: Array
) -> Capture:
    """The capture of one sample, without its axis n; traceable.

    Args:
        apply_fn: of the network.
        layers: from `equation_layers`, any of them; the other parameters come out as gradients.
        output: the output to differentiate, or None for all of them.
        params: of the network.
        state: of the network.
        x: one sample.

    Raises:
        TypeError: for a network that computes otherwise in this floating-point type than in that of its layers.
    """
    program = _program(apply_fn, params, state, x)
    leaves = jax.tree.leaves(params)
    weights = weights_of(program, len(leaves))
    products: dict[Path, list[Product]] = {}
    taken: set[int | None] = set()
    for layer in layers:
        assert layer.leaves is not None
        found, bias = weights.get(layer.leaves.kernel, ([], None))
        if tuple(p.input_shape for p in found) != layer.inputs or bias != layer.leaves.bias:
            raise TypeError(f"the layer at {'/'.join(layer.path)} is computed in another way in this dtype")
        products[layer.path] = found
        taken |= {layer.leaves.kernel, layer.leaves.bias}
    rest = {number: leaf for number, leaf in enumerate(leaves) if number not in taken}

    def forward(rest, zeros):
        inputs = {path: [] for path in products}

        def change(path, product, zero, read, y):
            inputs[path].append(product.input_from(read))
            return y + product.as_output(zero, y.shape)

        changes = {
            product.output: functools.partial(change, path, product, zero)
            for path in products
            for product, zero in zip(products[path], zeros[path], strict=True)
        }
        arguments = [rest.get(number, leaf) for number, leaf in enumerate(leaves)]
        fx = program.run([*arguments, *jax.tree.leaves(state), x], changes)[0][0]
        return fx if output is None else fx[output, None], inputs

    dtype = jnp.result_type(*leaves)
    zeros = {
        path: [jnp.zeros(p.output_shape, program.avals[p.output].dtype) for p in products[path]] for path in products
    }
    fx, pullback, inputs = jax.vjp(forward, rest, zeros, has_aux=True)
    d_rest, cotangents = jax.vmap(pullback)(jnp.eye(len(fx), dtype=fx.dtype))
    flat = [g.reshape(len(fx), -1) for g in jax.tree.leaves(d_rest)]
    return Capture(inputs, cotangents, jnp.concatenate([jnp.zeros((len(fx), 0), dtype), *flat], axis=1))


def _program(apply_fn: Callable, params: PyTree, state: PyTree, x: Any) -> Program:
    return Program.of(lambda params, state, x: apply_fn(params, state, x[None]), params, state, x)


def _paths(params: PyTree) -> list[Path]:
    """Names on the way to each leaf, no two alike."""
    paths = []
    for number, (keys, _) in enumerate(jax.tree_util.tree_flatten_with_path(params)[0]):
        names = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in keys]
        if len(names) > 1 and names[-1] == "value" and isinstance(keys[-1], jax.tree_util.GetAttrKey):
            names.pop()  # of an NNX variable
        paths.append(tuple(names) if tuple(names) not in paths else (*names, str(number)))
    return paths
