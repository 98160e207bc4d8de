"""`monte_carlo_kernels`: NNGP and NTK averaged over initializations of a network of finite width."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.capture import Convolution, capture_fn
from ntk_repro.gram.checks import check_no_overflow
from ntk_repro.gram.nngp import readout_features_fn
from ntk_repro.gram.structured.computation import structured_plan
from ntk_repro.gram.structured.features import Plan, features_of
from ntk_repro.gram.structured.products import kernel_tile
from ntk_repro.memory import available_bytes, check_memory, check_result_fits
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.ranges import check_counts
from ntk_repro.seeds import as_key

# A block of networks on a CPU: beyond this the arrays leave the cache and nothing is won by more of them at once.
_CPU_BLOCK_BYTES = 2**26


@dataclasses.dataclass(frozen=True, eq=False)
class MonteCarloKernels:
    """Kernels averaged over the first M initializations; with a leading axis where several M were asked for.

    Attributes:
        nngp: (n1, n2) or (s, n1, n2), mean of `empirical_nngp`.
        ntk: (n1, n2) or (s, n1, n2), mean of `empirical_gram`.
        nngp_error: standard error of `nngp`, entry by entry, from the spread of the samples (nan for M = 1).
        ntk_error: that of `ntk`.
        num_samples: M, or the (s,) of them.
    """

    nngp: Float[np.ndarray, "... n1 n2"]
    ntk: Float[np.ndarray, "... n1 n2"]
    nngp_error: Float[np.ndarray, "... n1 n2"]
    ntk_error: Float[np.ndarray, "... n1 n2"]
    num_samples: int | tuple[int, ...]


def monte_carlo_kernels(
    module: nn.Module,
    key: Array | int,
    num_samples: int | Sequence[int] | Int[np.ndarray, " s"],
    x1: Shaped[np.ndarray, "n1 ..."],
    x2: Shaped[np.ndarray, "n2 ..."] | None = None,
    *,
    block: int | None = None,
) -> MonteCarloKernels:
    """The finite-width NNGP and NTK of an architecture, averaged over its initializations.

    Sample i is `Network.create(module, jax.random.fold_in(key, i), ...)`, whatever the number of samples and of those
    computed together. Networks are vectorised; averages and errors add up in float64.

    Source: Lee et al. 2019, section I (Figures S9 and S10).

    Args:
        module: an fcn, cnn or wide_resnet.
        key: a PRNG key or a seed.
        num_samples: M, or several increasing M: their running averages come from one pass, along a leading axis.
        x1: n1 inputs, tens or hundreds: the features of all are held for several networks.
        x2: n2 inputs, or None for x1 against itself.
        block: networks computed at once; None: as memory allows on an accelerator, and on a CPU for dense networks
            (batched convolutions are slow there).

    Raises:
        UserError: for a module without a readout in the sense of `Parameterization`, numbers of samples that do not
            increase from at least 1, and inputs that are not finite or do not fit.
    """
    asked = np.asarray(num_samples)
    several, counts = asked.ndim > 0, tuple(asked.ravel().tolist())
    increasing = counts and all(a < b for a, b in itertools.pairwise((0, *counts)))
    if asked.ndim > 1 or asked.dtype.kind not in "iu" or not increasing:
        raise UserError(f"num_samples must be at least 1, several of them increasing, and whole, not {num_samples}")
    check_counts(block=block)
    key = as_key(key)
    readout_features_fn(module)  # refuses what has no readout
    first = Network.create(module, jax.random.fold_in(key, 0), np.shape(x1)[1:])
    with checked_arguments(first, x1, x2, "mean", "float32") as arguments:
        first, x1, x2, _, num_outputs = arguments
        n1, n2 = len(x1), arguments.n2
        check_result_fits(n1, n2, 1, 8 * 4 * (len(counts) + 1))
        plan = structured_plan(first, x1, "mean", num_outputs)
        block = min(block or _fitting_block(plan, first, n1 + (0 if x2 is None else n2), n1 * n2), counts[-1])
        run = _kernels_fn(module, first.apply_fn, plan, block > 1)
        average = _Average((2, n1, n2))
        seen = []
        with progress("kernels of networks", counts[-1], "networks") as advance:
            for start in range(0, counts[-1], block):
                # The last block is filled up with the networks that would come next: one compiled program for all.
                keys = [jax.random.fold_in(key, i) for i in range(start, start + block)]
                drawn = [Network.create(module, k, x1.shape[1:]) for k in keys]
                points = [(net.params, net.state) for net in drawn]
                point = points[0] if block == 1 else jax.tree.map(lambda *leaves: jnp.stack(leaves), *points)
                samples = np.asarray(run(*point, x1, x2)).reshape(block, 2, n1, n2)
                for sample in samples[: counts[-1] - start]:
                    average.add((sample + sample.transpose(0, 2, 1)) / 2 if x2 is None else sample)
                    if average.count in counts:
                        seen.append((average.mean.copy(), average.error()))
                advance(min(block, counts[-1] - start))
    check_no_overflow([mean.sum() for mean, _ in seen], "a kernel")
    means, errors = (np.stack(parts) if several else parts[0] for parts in zip(*seen, strict=True))
    (nngp, ntk), (nngp_error, ntk_error) = (np.moveaxis(a, -3, 0) for a in (means, errors))
    return MonteCarloKernels(nngp, ntk, nngp_error, ntk_error, counts if several else counts[0])


class _Average:
    """Running mean and standard error of arrays (Welford's)."""

    def __init__(self, shape: tuple[int, ...]):
        self.count, self.mean, self._squares = 0, np.zeros(shape), np.zeros(shape)

    def add(self, sample: np.ndarray) -> None:
        self.count += 1
        step = sample - self.mean
        self.mean += step / self.count
        self._squares += step * (sample - self.mean)

    def error(self) -> np.ndarray:
        if self.count == 1:
            return np.full_like(self.mean, np.nan)
        return np.sqrt(self._squares / (self.count - 1) / self.count)


def _fitting_block(plan: Plan, net: Network, n: int, pairs: int) -> int:
    """How many networks are computed at once."""
    a_network = 4 * (3 * net.num_params + n * (plan.floats_per_pass + plan.floats_per_sample) + 4 * pairs)
    available = available_bytes()
    subject = f"one network's kernel of {n:,} samples"
    check_memory(subject, a_network, 0.9 * available, "take fewer samples or a narrower network")
    if jax.default_backend() != "cpu":
        return max(int(0.4 * available / a_network), 1)
    convolutional = any(isinstance(layer.kind, Convolution) for layer in plan.layers)
    return 1 if convolutional else max(min(_CPU_BLOCK_BYTES // a_network, 256), 1)


@functools.lru_cache(maxsize=16)
def _kernels_fn(module: Any, apply_fn: Callable, plan: Plan, several: bool) -> Callable[..., Array]:
    """The jitted (params, state, x1, x2) -> (2, n1, n2), NNGP first; with `several` along an axis of networks."""
    capture = capture_fn(apply_fn, plan.layers, None)
    readout = readout_features_fn(module)

    def kernels(params, state, x1, x2):
        def features(x):
            return features_of(capture(params, state, x), plan), readout(params, state, x)

        ntk_1, nngp_1 = features(x1)
        ntk_2, nngp_2 = (ntk_1, nngp_1) if x2 is None else features(x2)
        return jnp.stack([nngp_1 @ nngp_2.T, kernel_tile(plan, ntk_1, ntk_2) / plan.num_cotangents])

    return jax.jit(jax.vmap(kernels, in_axes=(0, 0, None, None)) if several else kernels)
