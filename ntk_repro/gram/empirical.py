"""`empirical_gram`: the NTK of a network on data, by any of three methods."""

import numpy as np
from jaxtyping import Float, Shaped

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import check_no_overflow
from ntk_repro.gram.jacobian import jacobian_gram
from ntk_repro.gram.memory import check_result_fits
from ntk_repro.gram.structured.computation import structured_gram
from ntk_repro.gram.through_neural_tangents import neural_tangents_gram
from ntk_repro.network import Network

METHODS = {"structured": structured_gram, "jacobian": jacobian_gram, "neural_tangents": neural_tangents_gram}


def empirical_gram(
    net: Network,
    x1: Shaped[np.ndarray, "n1 ..."],
    x2: Shaped[np.ndarray, "n2 ..."] | None = None,
    *,
    method: str = "structured",
    outputs: str | int = "mean",
    precision: str = "float32",
) -> Float[np.ndarray, "rows columns"]:
    """The empirical NTK of a network between samples, the inner products of gradients <grad f(x), grad f(x')>.

    Exact whatever the method. State (BatchNorm statistics) is frozen. Any number of samples.

    Source: Lee et al. 2019, section 2.1, Eq. (4) (the tangent kernel at finite width).

    Args:
        net: the network; the gradient is taken at `net.params`.
        x1: n1 inputs.
        x2: n2 inputs, or None for x1 against itself: then one triangle is computed and the result exactly symmetric.
        method: "structured" (fast, the default), "jacobian" (dense Jacobians, few samples) or "neural_tangents".
        outputs: which of the k outputs: "mean" of the k diagonal blocks (neural-tangents' normalised trace), "full"
            for all blocks, or the 0-based number of one.
        precision: "float32" or "float64" (everything is computed in it, not only summed); with the structured method
            also "tf32" or "bf16": the products between features take their inputs rounded so and add up in float32.

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
    check_name("method", method, METHODS)
    if method != "structured" and precision in ("tf32", "bf16"):
        raise UserError(f'precision="{precision}" is for method="structured": take "float32" or "float64"')
    with checked_arguments(net, x1, x2, outputs, precision) as arguments:
        rows = arguments.num_outputs if outputs == "full" else 1
        check_result_fits(len(arguments.x1), arguments.n2, rows, 8 if precision == "float64" else 4)
        k = structured_gram(arguments, precision) if method == "structured" else METHODS[method](arguments)
    # A sample whose gradient is not finite shows in its whole row and column.
    check_no_overflow(np.concatenate([k[0], k[:, 0]]), "the kernel")
    return k
