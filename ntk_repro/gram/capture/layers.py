"""Layers whose part of the NTK follows from their inputs and output cotangents.

A dense layer y = A W + b at S positions (1 for a plain dense layer, the pixels for a convolution, over all calls of a
shared one) has the per-sample gradient sum_s A_s D_s^T, with A its inputs and D the cotangents of its outputs. Both
come from one forward and one backward pass over a batch, by adding zeros to the layer's outputs and differentiating
with respect to these zeros. Everything else in a network (`Capture.rest`) keeps its per-sample gradient by autodiff.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen.linear import canonicalize_padding
from jaxtyping import Array

from ntk_repro.gram.capture.equations import captured_by_equations, equation_layers
from ntk_repro.gram.capture.layer import Capture, Geometry, Layer, Path
from ntk_repro.gram.capture.row_convolution import row_convolution, takes_rows
from ntk_repro.network import Network

__all__ = ["capture_fn", "find_layers"]

PyTree = Any


def find_layers(net: Network, x: Array | np.ndarray) -> tuple[Layer, ...]:
    """The layers of a network that `capture_fn` may capture.

    Of a Linen module nn.Dense and nn.Conv that own their weights; of any other function what `equation_layers` finds.
    Grouped, masked and locally connected convolutions and layers with arithmetic of their own are left to autodiff.
    Whether a layer sits inside a lifted transform (nn.remat) is seen only when it is captured: that raises
    `jax.errors.UnexpectedTracerError`.

    Args:
        net: the network.
        x: a batch of inputs, (n, ...); only its shape and dtype matter.
    """
    if net.module is None:
        return equation_layers(net, x)
    modules: dict[Path, nn.Module] = {}
    shapes: dict[Path, list[tuple[tuple[int, ...], tuple[int, ...]]]] = {}

    def interceptor(next_fun, args, kwargs, context):
        y = next_fun(*args, **kwargs)
        if context.method_name == "__call__" and _is_recognised(context.module):
            a = args[0] if args else kwargs["inputs"]
            modules[context.module.path] = context.module
            shapes.setdefault(context.module.path, []).append((a.shape, y.shape))
        return y

    with nn.intercept_methods(interceptor):
        one = jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)
        # A function of its own each time: JAX would not call one again that it has traced before.
        jax.eval_shape(lambda *args: net.apply_fn(*args), net.params, net.state, one)
    layers = (_layer(module, path, shapes[path]) for path, module in modules.items())
    return tuple(layer for layer in layers if _owns_its_weights(layer, net.params))


def _is_recognised(module: nn.Module) -> bool:
    if type(module) is nn.Dense:
        return module.dot_general is None and module.dot_general_cls is None and module.dtype is None
    if type(module) is nn.Conv:
        return (
            module.conv_general_dilated is None
            and module.conv_general_dilated_cls is None
            and module.dtype is None
            and module.mask is None
            and module.feature_group_count == 1
        )
    return False


def _layer(module: nn.Module, path: Path, shapes: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Layer:
    geometry = _geometry(module, shapes[0][0]) if isinstance(module, nn.Conv) else None
    space = len(geometry.kernel_size) if geometry else 0

    def per_sample(shape):
        return (math.prod(shape[: len(shape) - space - 1]), *shape[len(shape) - space - 1 :])

    inputs = tuple(per_sample(a) for a, _ in shapes)
    outputs = tuple(per_sample(y) for _, y in shapes)
    assert isinstance(module, nn.Dense | nn.Conv)
    return Layer(path, inputs, outputs, module.use_bias, geometry)


def _geometry(conv: nn.Conv, input_shape: tuple[int, ...]) -> Geometry:
    kernel_size = (conv.kernel_size,) if isinstance(conv.kernel_size, int) else tuple(conv.kernel_size)
    rank = len(kernel_size)

    def each(value):
        return (1,) * rank if value is None else (value,) * rank if isinstance(value, int) else tuple(value)

    strides, input_dilation, kernel_dilation = (
        each(conv.strides),
        each(conv.input_dilation),
        each(conv.kernel_dilation),
    )
    extent = [(k - 1) * d + 1 for k, d in zip(kernel_size, kernel_dilation, strict=True)]
    padding = canonicalize_padding(conv.padding, rank)
    mode = "constant"
    if padding in ("CIRCULAR", "REFLECT"):
        mode = {"CIRCULAR": "wrap", "REFLECT": "reflect"}[str(padding)]
        padding = [((k - 1) // 2, k // 2) for k in extent]
    elif padding == "CAUSAL":
        padding = [(extent[0] - 1, 0)]
    elif isinstance(padding, str):
        space = input_shape[-rank - 1 : -1]
        dilated = [(size - 1) * d + 1 for size, d in zip(space, input_dilation, strict=True)]
        padding = jax.lax.padtype_to_pads(dilated, extent, strides, padding)
    return Geometry(
        kernel_size,
        strides,
        tuple((int(lo), int(hi)) for lo, hi in padding),
        mode,
        input_dilation,
        kernel_dilation,
    )


def _owns_its_weights(layer: Layer, params: PyTree) -> bool:
    """Whether the parameters of the layer stand in the tree as its calls say (lifted layers have an axis more)."""
    own = _at(params, layer.path)
    if not isinstance(own, dict) or set(own) != ({"kernel", "bias"} if layer.use_bias else {"kernel"}):
        return False
    kernel = (*(layer.geometry.kernel_size if layer.geometry else ()), layer.inputs[0][-1], layer.d_out)
    same_calls = {a[-1] for a in layer.inputs} == {layer.inputs[0][-1]}
    return same_calls and own["kernel"].shape == kernel


def _at(tree: PyTree, path: Path) -> PyTree:
    for name in path:
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


@functools.lru_cache(maxsize=16)
def capture_fn(
    apply_fn: Callable, layers: tuple[Layer, ...], output: int | None
) -> Callable[[PyTree, PyTree, Array], Capture]:
    """The jitted pass over a batch: (params, state, x (n, ...)) -> Capture.

    Args:
        apply_fn: of the network.
        layers: the layers to capture; the parameters of no layer come out as gradients, in `Capture.rest`.
        output: the output to differentiate, or None for all of them.
    """
    if any(layer.leaves is not None for layer in layers):
        by_equations = functools.partial(captured_by_equations, apply_fn, layers, output)
        return jax.jit(jax.vmap(by_equations, in_axes=(None, None, 0)))
    paths = {layer.path for layer in layers}
    by_path = {layer.path: layer for layer in layers}

    def one_sample(params, state, x):
        rest = _without(params, paths)

        def forward(rest, zeros):
            inputs = {path: [] for path in paths}

            def interceptor(next_fun, args, kwargs, context):
                path = context.module.path
                if context.method_name != "__call__" or path not in paths:
                    return next_fun(*args, **kwargs)
                layer, call = by_path[path], len(inputs[path])
                a = args[0] if args else kwargs["inputs"]
                inputs[path].append(a.reshape(layer.inputs[call]))
                if takes_rows(layer) and context.module.precision is None:
                    own = context.module.variables["params"]
                    y = row_convolution(layer, inputs[path][-1], own["kernel"])
                    y = y + own["bias"] if layer.use_bias else y
                    y = y.reshape(*a.shape[:-3], *y.shape[1:])
                else:
                    y = next_fun(*args, **kwargs)
                return y + zeros[path][call].reshape(y.shape)

            with nn.intercept_methods(interceptor):
                fx = apply_fn(_merged(params, rest), state, x[None])[0]
            return fx if output is None else fx[output, None], inputs

        dtype = jnp.result_type(*jax.tree.leaves(params))
        zeros = {layer.path: [jnp.zeros(shape, dtype) for shape in layer.outputs] for layer in layers}
        fx, pullback, inputs = jax.vjp(forward, rest, zeros, has_aux=True)
        d_rest, cotangents = jax.vmap(pullback)(jnp.eye(len(fx), dtype=fx.dtype))
        flat = [g.reshape(len(fx), -1) for g in jax.tree.leaves(d_rest)]
        return Capture(inputs, cotangents, jnp.concatenate([jnp.zeros((len(fx), 0), dtype), *flat], axis=1))

    return jax.jit(jax.vmap(one_sample, in_axes=(None, None, 0)))


def _without(tree: PyTree, paths: set[Path], here: Path = ()) -> PyTree:
    """The parameters outside the given layers; other pytrees than nested dicts are left whole."""
    if here in paths:
        return {}
    if not paths or not isinstance(tree, dict):
        return tree
    return {name: _without(sub, paths, (*here, name)) for name, sub in tree.items()}


def _merged(tree: PyTree, part: PyTree) -> PyTree:
    if not isinstance(tree, dict) or not isinstance(part, dict):
        return part
    return {name: _merged(sub, part.get(name, sub)) for name, sub in tree.items()}
