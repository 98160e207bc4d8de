"""`empirical_nngp`: the NNGP kernel of a network of finite width."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from ntk_repro.errors import UserError, check_name
from ntk_repro.gram.arguments import checked_samples
from ntk_repro.gram.checks import check_no_overflow
from ntk_repro.memory import check_result_fits
from ntk_repro.module_functions import cached_by_arguments
from ntk_repro.network import Network
from ntk_repro.precision import cast, precision_scope

_BATCH = 256


def empirical_nngp(
    net: Network,
    x1: Shaped[np.ndarray, "n1 ..."],
    x2: Shaped[np.ndarray, "n2 ..."] | None = None,
    *,
    precision: str = "float32",
) -> Float[np.ndarray, "n1 n2"]:
    """The NNGP kernel of a network at its parameters, sigma_w^2 / n x^L(x) . x^L(x') + sigma_b^2.

    x^L are the n inputs of the readout layer. In NTK parameterization this is the readout's own part of the tangent
    kernel, so it governs training of the readout alone; in standard parameterization it is the same function of x^L,
    though that part is then x^L(x) . x^L(x') + 1.

    Source: Lee et al. 2019, section D (K-hat, below Eq. S17).

    Args:
        net: an fcn, cnn or wide_resnet, trained or not; BatchNorm statistics are frozen.
        x1: n1 inputs.
        x2: n2 inputs, or None for x1 against itself: then the result is exactly symmetric.
        precision: "float32" or "float64", of the network; the products are in float64.

    Raises:
        UserError: for a network without a readout in the sense of `Parameterization`, and inputs that are not finite
            or do not fit.
    """
    check_name("precision", precision, ("float32", "float64"))
    features_fn = readout_features_fn(net.module)
    with precision_scope(precision) as dtype:
        x1, x2 = checked_samples(x1, x2, dtype, integers=False)
        check_result_fits(len(x1), len(x1) if x2 is None else len(x2), 1, 8)
        run = jax.jit(features_fn)
        params, state = cast(net.params, dtype), cast(net.state, dtype)

        def features(x):
            rows = [np.asarray(run(params, state, x[i : i + _BATCH]), np.float64) for i in range(0, len(x), _BATCH)]
            return np.concatenate(rows)

        one = features(x1)
        k = one @ (one if x2 is None else features(x2)).T
    check_no_overflow(k.sum(), "the kernel")
    return (k + k.T) / 2 if x2 is None else k


@cached_by_arguments
def readout_features_fn(module: Any) -> Callable[[Any, Any, Array], Float[Array, "n features"]]:
    """(params, state, x) -> [sigma_w x^L / sqrt(n), sigma_b], whose products are the empirical NNGP kernel; traceable.

    Source: Lee et al. 2019, section D (x-bar).

    Raises:
        UserError: for a module without a readout in the sense of `Parameterization`.
    """
    if not (hasattr(module, "sigma_w") and hasattr(module, "sigma_b")):
        name = "this network" if module is None else type(module).__name__
        raise UserError(f"{name} has no sigma_w and sigma_b, so no NNGP kernel: take fcn, cnn or wide_resnet")
    sigma_w, sigma_b = module.sigma_w, module.sigma_b

    def features(params, state, x):
        _, kept = module.apply({"params": params, **state}, x, mutable=["intermediates"])
        last = kept["intermediates"]["readout_inputs"][0]
        constant = jnp.full((len(last), 1), sigma_b, last.dtype)
        return jnp.concatenate([last * (sigma_w / last.shape[-1] ** 0.5), constant], axis=1)

    return features
