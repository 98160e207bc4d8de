"""`empirical_gram`: the NTK of a network on data, by any of three methods."""

from typing import Any, Literal, overload

import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.arguments import KernelArguments, checked_arguments
from ntk_repro.gram.checks import check_no_overflow
from ntk_repro.gram.jacobian import jacobian_diagonal, jacobian_gram
from ntk_repro.gram.structured.computation import structured_diagonal, structured_gram, structured_layerwise_gram
from ntk_repro.gram.through_neural_tangents import neural_tangents_gram
from ntk_repro.memory import check_result_fits, result_bytes
from ntk_repro.network import Network
from ntk_repro.parameters import layers_of, leaf_names
from ntk_repro.ranges import check_flags
from ntk_repro.reservations import reserving
from ntk_repro.samples import Samples

METHODS = {"structured": structured_gram, "jacobian": jacobian_gram, "neural_tangents": neural_tangents_gram}

Kernel = Float[np.ndarray, "..."]


@overload
def empirical_gram(
    net: Network,
    x1: Samples,
    x2: Samples | None = None,
    *,
    method: str = ...,
    outputs: str | int = ...,
    precision: str = ...,
    params_of: Any = ...,
    layerwise: Literal[False] = ...,
    diagonal: bool = ...,
) -> Kernel: ...


@overload
def empirical_gram(
    net: Network,
    x1: Samples,
    x2: Samples | None = None,
    *,
    method: str = ...,
    outputs: str | int = ...,
    precision: str = ...,
    params_of: Any = ...,
    layerwise: Literal[True],
    diagonal: bool = ...,
) -> dict[str, Kernel]: ...


def empirical_gram(
    net: Network,
    x1: Samples,
    x2: Samples | None = None,
    *,
    method: str = "structured",
    outputs: str | int = "mean",
    precision: str = "float32",
    params_of: Any = None,
    layerwise: bool = False,
    diagonal: bool = False,
) -> Kernel | dict[str, Kernel]:
    """The empirical NTK of a network between samples, the inner products of gradients <grad f(x), grad f(x')>.

    Exact whatever the method. State (BatchNorm statistics) is frozen. Any number of samples. Within `jit`, `vmap` and
    `grad` take `ntk_function`.

    Source: Lee et al. 2019, section 2.1, Eq. (4) (the tangent kernel at finite width).

    Args:
        net: the network; the gradient is taken at `net.params`.
        x1: n1 inputs, one array or a pytree of arrays that share their first axis (tokens and their mask).
        x2: n2 inputs, or None for x1 against itself: then one triangle is computed and the result exactly symmetric.
        method: "structured" (fast, the default), "jacobian" (dense Jacobians, few samples) or "neural_tangents".
        outputs: which of the k outputs: "mean" of the k diagonal blocks (neural-tangents' normalised trace), "full"
            for all blocks, or the 0-based number of one. Outputs of several axes count as k, flattened in C order.
        precision: "float32" or "float64" (everything is computed in it, not only summed); with the structured method
            also "tf32" or "bf16": the products between features take their inputs rounded so and add up in float32.
        params_of: the part of the parameters that gradients are taken of, the others being held fixed: a path ("head",
            "*/bias"), a list of paths, a function (path, leaf) -> bool or a tree of booleans, see `Network.part`.
        layerwise: the part of each layer by itself; they add up to the kernel. A layer is what stands in one node of
            the parameters' tree (kernel and bias), or one parameter at its root.
        diagonal: the kernel of each sample with itself alone, its squared gradient norm; in memory of one batch.

    Returns:
        (n1, n2), or (n1 k, n2 k), sample-major, with outputs="full". With `diagonal` (n1,), or (n1, k) with
        outputs="full". With `layerwise` a dictionary of such arrays by the path of the layer.

    Raises:
        UserError: for unknown names, inputs that are not finite or do not fit each other, an output beyond k, a path
            that matches no parameter, a diagonal between x1 and x2, a result or features that do not fit into memory,
            and within a transformation of JAX.

    >>> import jax, numpy as np
    >>> net, x = Network.create("mlp", jax.random.key(0), (4, 4, 1)), np.ones((3, 4, 4, 1), np.float32)
    >>> empirical_gram(net, x).shape
    (3, 3)
    >>> list(empirical_gram(net, x, layerwise=True))
    ['Dense_0', 'Dense_1', 'Dense_2']
    >>> empirical_gram(net, x, diagonal=True, params_of="Dense_2").shape
    (3,)
    """
    check_name("method", method, METHODS)
    check_flags(layerwise=layerwise, diagonal=diagonal)
    half = precision in ("tf32", "bf16")
    if method != "structured" and half:
        raise UserError(f'precision="{precision}" is for method="structured": take "float32" or "float64"')
    if diagonal and (x2 is not None or half or method == "neural_tangents"):
        known = '"structured" or "jacobian", precision "float32" or "float64"'
        raise UserError(f"diagonal=True is of x1 with itself: leave out x2 and take method {known}")
    with checked_arguments(net, x1, x2, outputs, precision, params_of) as arguments:
        rows = arguments.num_outputs if outputs == "full" else 1
        parts = len(layers_of(arguments.net.params)) if layerwise else 1
        result = (arguments.n1, arguments.n2, rows, parts * (8 if precision == "float64" else 4))
        found: Any
        with reserving(0 if diagonal else result_bytes(*result)):
            if not diagonal:
                check_result_fits(*result)
            if method == "structured":
                found = _by_structure(arguments, precision, layerwise, diagonal)
            else:
                run = jacobian_diagonal if diagonal else METHODS[method]
                found = run(arguments) if not layerwise else _layer_by_layer(run, arguments)
    for k in found.values() if layerwise else [found]:
        # A sample whose gradient is not finite shows in its whole row and column.
        check_no_overflow(k if diagonal else np.concatenate([k[0], k[:, 0]]), "the kernel")
    return found


def _by_structure(arguments: KernelArguments, precision: str, layerwise: bool, diagonal: bool) -> Any:
    if diagonal:
        found = structured_diagonal(arguments, layerwise)
        return found if layerwise else found[""]
    return structured_layerwise_gram(arguments, precision) if layerwise else structured_gram(arguments, precision)


def _layer_by_layer(run: Any, arguments: KernelArguments) -> dict[str, Any]:
    """The kernel of each layer as that of a network of its parameters alone."""
    params = arguments.net.params
    paths = ["/".join(name) for name in leaf_names(params)]
    return {
        layer: run(arguments._replace(net=arguments.net.part(lambda path, _, own=own: path in own)))
        for layer, numbers in layers_of(params).items()
        for own in [{paths[number] for number in numbers}]
    }
