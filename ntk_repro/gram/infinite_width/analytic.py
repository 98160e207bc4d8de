"""`analytic_kernel`: NNGP and NTK of an architecture at infinite width, through `nt.stax`."""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Float, Shaped

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_samples
from ntk_repro.gram.matrices import mirrored, place_tile
from ntk_repro.gram.structured.schedule import Blocks
from ntk_repro.memory import available_bytes, check_memory, check_result_fits
from ntk_repro.models import FCN
from ntk_repro.models.infinite_width import CLOSED_FORM, NUMERICAL_DEGREE
from ntk_repro.models.parameterized import ParameterizedNetwork
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope
from ntk_repro.progress import progress
from ntk_repro.ranges import check_counts, check_whole

# Arrays of a block that are alive at once: nngp, ntk, variances and their values after an activation (measured).
_COPIES = 11
_MOST_BYTES = 2**31


@dataclasses.dataclass(frozen=True, eq=False)
class AnalyticKernel:
    """The two kernels of an infinitely wide network between samples.

    Attributes:
        nngp: (n1, n2), covariance of one output over initializations, K.
        ntk: (n1, n2), the tangent kernel of one output, Theta.
        exact: whether every expectation is in closed form; False where they are integrals by Gauss-Hermite quadrature
            (tanh, softplus).
        error: 0 where exact; else the largest relative change of either kernel when 30% of the quadrature's points are
            left out, tried on the first two samples. The error itself is usually ten times smaller.
    """

    nngp: Float[np.ndarray, "n1 n2"]
    ntk: Float[np.ndarray, "n1 n2"]
    exact: bool
    error: float


def stax_twin(network: Network | nn.Module) -> tuple[Any, Any, Any]:
    """The triple (init_fn, apply_fn, kernel_fn) of `nt.stax` that goes with an architecture.

    Raises:
        UserError: for a network that has none: wide_resnet with BatchNorm, and every architecture without a
            parameterization.
    """
    return _module(network).stax_twin()


def analytic_kernel(
    network: Network | nn.Module,
    x1: Shaped[np.ndarray, "n1 ..."],
    x2: Shaped[np.ndarray, "n2 ..."] | None = None,
    *,
    batch_size: int | None = None,
    degree: int = NUMERICAL_DEGREE,
) -> AnalyticKernel:
    """NNGP and NTK of an fcn, cnn or wide_resnet (without BatchNorm) at infinite width, in float64.

    relu, erf, gelu and identity go by closed forms; tanh and softplus, for which `nt.stax` has none, by its
    Gauss-Hermite quadrature (`.exact` says which, `.error` how well it converged).

    In standard parameterization the NTK grows with the widths and has no limit: `.ntk` is then its leading order at the
    module's own widths, with sum over layers of fan_in E[x x'] + 1 in place of sigma_w^2 E[x x'] + sigma_b^2 (`nt.stax`
    with parameterization="standard", s = (1, 1)). `.nngp` is the same in both.

    Source: Lee et al. 2019, Eqs. (S26) to (S29); Novak et al. 2020 (neural-tangents) for convolutions and pooling.

    Args:
        network: the architecture, or a `Network` of it (its parameters play no part).
        x1: n1 inputs.
        x2: n2 inputs, or None for x1 against itself: then one triangle is computed and the result exactly symmetric.
        batch_size: samples along each side of a block; None: as many as fit into memory. A network with an average over
            pixels keeps the covariance of every two pixels, (height width)^2 numbers a pair of samples.
        degree: points a dimension of the quadrature, which takes degree^2 numbers a pair of samples (and of pixels).

    Warns:
        UserWarning: for a quadrature that has not converged to 1e-3.

    Raises:
        UserError: where there is no analytic kernel, for inputs that are not finite or do not fit, and for a single
            pair of samples that does not fit into memory.

    >>> import numpy as np
    >>> from ntk_repro import build_model
    >>> kernel = analytic_kernel(build_model("fcn", depth=1), np.eye(2, 3, dtype=np.float32))
    >>> kernel.nngp.round(3).tolist(), kernel.exact
    ([[0.667, 0.212], [0.212, 0.667]], True)
    """
    module = _module(network)
    with precision_scope("float64") as dtype:
        x1, x2 = checked_samples(x1, x2, dtype, integers=False)
        x1, x2 = _images(module, x1, "x1"), None if x2 is None else _images(module, x2, "x2")
        xs = (x1, x1 if x2 is None else x2)
        n1, n2 = map(len, xs)
        check_result_fits(n1, n2, 1, 2 * 8)
        check_counts(batch_size=batch_size)
        check_whole("degree, the number of points of a quadrature,", degree, 2)
        size = min(batch_size or _fitting_batch(module, x1.shape[1:], degree), max(n1, n2))
        kernel = _kernel_fn(module, degree)
        nngp, ntk = np.empty((n1, n2)), np.empty((n1, n2))
        rows, columns = Blocks(n1, size, size), Blocks(n2, size, size)
        tiles = [(i, j) for i in range(rows.count) for j in range(columns.count) if x2 is not None or i <= j]
        with progress("analytic kernel", len(tiles), "blocks") as advance:
            for i, j in tiles:
                found = kernel(rows.take(xs[0], i), columns.take(xs[1], j))
                for k, part in zip((nngp, ntk), found, strict=True):
                    tile = np.asarray(part)[: n1 - i * size, : n2 - j * size]
                    tile = mirrored(tile) if x2 is None and i == j else tile
                    place_tile(k, i * size, j * size, tile, x2 is None)
                advance()
        exact = module.activation in CLOSED_FORM
        error = 0.0 if exact else _quadrature_error(module, degree, x1[:2])
    if error > 1e-3:
        message = f"the quadrature for {module.activation} has converged to {error:.1g} only"
        warnings.warn(f"{message}: raise degree above {degree}", stacklevel=2)
    return AnalyticKernel(nngp, ntk, exact, error)


def _module(network: Network | nn.Module) -> Any:
    found: Any = network.module if isinstance(network, Network) else network
    if not isinstance(found, ParameterizedNetwork):
        name = "this network" if found is None else type(found).__name__
        raise UserError(f"{name} has no infinite-width twin: take fcn, cnn or wide_resnet (with batch_norm=False)")
    return found


def _quadrature_error(module: Any, degree: int, x: np.ndarray) -> float:
    fine, coarse = (np.array(_kernel_fn(module, d)(x, x)) for d in (degree, 7 * degree // 10))
    return float((np.abs(fine - coarse).max((1, 2)) / np.abs(fine).max((1, 2))).max())


def _images(module: Any, x: np.ndarray, name: str) -> np.ndarray:
    if not isinstance(module, FCN) and x.ndim != 4:
        raise UserError(f"{type(module).__name__} takes images (n, height, width, channels), not {name} of {x.shape}")
    # Flattened here, so that no covariance of pixels is computed.
    return x.reshape(len(x), -1) if isinstance(module, FCN) else x


@functools.lru_cache(maxsize=16)
def _kernel_fn(module: Any, degree: int) -> Callable[..., tuple[jax.Array, jax.Array]]:
    kernel_fn = module.stax_twin(degree)[2]

    def kernels(x1, x2):
        with warnings.catch_warnings():
            # That FanInSum takes its branches for independent: each ends with weights of its own in our residual nets.
            warnings.filterwarnings("ignore", message="`FanIn` layers assume")
            return tuple(kernel_fn(x1, x2, ("nngp", "ntk")))

    return jax.jit(kernels)


def _fitting_batch(module: Any, shape: tuple[int, ...], degree: int) -> int:
    """Samples a side of the block that memory holds."""
    pixels = 1 if isinstance(module, FCN) else math.prod(shape[:-1])
    a_pair = 8 * _COPIES * pixels**2
    if module.activation not in CLOSED_FORM:
        a_pair *= degree**2
    available = available_bytes()
    # Beside the pairs of a block stand those of its rows and of its columns with themselves: size**2 + 2 size in all.
    most = min(_MOST_BYTES, available // 2)
    size = int(math.sqrt(most / a_pair + 1)) - 1
    remedy = "take smaller images, a lower degree where there is a quadrature, or monte_carlo_kernels"
    check_memory(f"the analytic kernel of one pair of {shape} inputs", 3 * a_pair, 0.9 * available, remedy)
    return max(size, 1)
