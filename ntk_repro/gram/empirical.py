"""`empirical_gram`: the NTK of a network on data, by any of three methods."""

import operator

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.gram.jacobian import jacobian_gram
from ntk_repro.gram.memory import check_result_fits
from ntk_repro.gram.structured import structured_gram
from ntk_repro.gram.through_neural_tangents import neural_tangents_gram
from ntk_repro.network import Network
from ntk_repro.precision import cast, precision_scope

__all__ = ["METHODS", "empirical_gram"]

METHODS = {"structured": structured_gram, "jacobian": jacobian_gram, "neural_tangents": neural_tangents_gram}


def empirical_gram(
    net: Network,
    x1: Float[np.ndarray, "n1 ..."],
    x2: Float[np.ndarray, "n2 ..."] | None = None,
    *,
    method: str = "structured",
    outputs: str | int = "mean",
    precision: str = "float32",
) -> Float[np.ndarray, "rows columns"]:
    """The empirical NTK of a network between samples, Theta(x, x') = grad f(x) . grad f(x').

    Exact whatever the method. State (BatchNorm statistics) is frozen. Any number of samples.

    Source: Lee et al. 2019, section 2.2 (the tangent kernel at finite width).

    Args:
        net: the network; the gradient is taken at `net.params`.
        x1: n1 inputs.
        x2: n2 inputs, or None for x1 against itself: then one triangle is computed and the result exactly symmetric.
        method: "structured" (fast, the default), "jacobian" (dense Jacobians, few samples) or "neural_tangents".
        outputs: which of the k outputs: "mean" of the k diagonal blocks (neural-tangents' normalised trace), "full"
            for all blocks, or the 0-based number of one.
        precision: "float32" or "float64"; in float64 everything is computed, not only summed.

    Returns:
        (n1, n2), or (n1 k, n2 k), sample-major, with outputs="full".

    Raises:
        UserError: for unknown names, inputs that are not finite or do not fit each other, an output beyond k, and
            a result or features that do not fit into memory.

    >>> import jax, numpy as np
    >>> net = Network.create("mlp", jax.random.key(0), (4, 4, 1))
    >>> empirical_gram(net, np.ones((3, 4, 4, 1), np.float32)).shape
    (3, 3)
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    outputs = _checked_outputs(outputs)
    with precision_scope(precision) as dtype:
        x1 = _checked(x1, "x1", dtype)
        if x2 is not None:
            x2 = _checked(x2, "x2", dtype)
            if x1.shape[1:] != x2.shape[1:]:
                raise UserError(f"one sample of x1 has shape {x1.shape[1:]}, one of x2 {x2.shape[1:]}: they must agree")
        net = net.replace(params=cast(net.params, dtype), state=cast(net.state, dtype))
        fx = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x1.shape[1:]), x1.dtype))
        if precision == "float64" and fx.dtype != dtype:
            raise UserError(
                f"the network computes in {fx.dtype} whatever its parameters are: leave its layers' dtype out, or "
                'take precision="float32"'
            )
        num_outputs = fx.shape[1]
        if isinstance(outputs, int) and not 0 <= outputs < num_outputs:
            raise UserError(f"output {outputs} asked for, but the network has outputs 0 to {num_outputs - 1}")
        rows = num_outputs if outputs == "full" else 1
        check_result_fits(len(x1), len(x1) if x2 is None else len(x2), rows, dtype.itemsize)
        k = METHODS[method](net, x1, x2, outputs, num_outputs)
    # A sample whose gradient is not finite shows in its whole row and column.
    if not (np.isfinite(k[0]).all() and np.isfinite(k[:, 0]).all()):
        raise UserError("the kernel is not finite: the network overflows on these inputs, or its parameters are broken")
    return k


def _checked_outputs(outputs: str | int) -> str | int:
    if isinstance(outputs, str):
        if outputs not in ("mean", "full"):
            raise unknown_name("choice of outputs", outputs, ("mean", "full"))
        return outputs
    try:
        if isinstance(outputs, bool):
            raise TypeError
        return operator.index(outputs)
    except TypeError:
        raise UserError(f'outputs must be "mean", "full" or the number of an output, not {outputs!r}') from None


def _checked(x: np.ndarray, name: str, dtype: np.dtype) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim < 2 or len(x) == 0:
        raise UserError(f"{name} must hold samples along its first axis, (n, ...), and has shape {x.shape}")
    if np.issubdtype(x.dtype, np.integer):
        return x
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        raise UserError(
            f"{bad.sum()} of the {len(x)} samples of {name} are not finite, the first is number {np.argmax(bad)}: "
            "remove or repair them"
        )
    return x.astype(dtype)
