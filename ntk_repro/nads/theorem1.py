"""Experiment: the alignment of linear predictors with the NTK, by Theorem 1 and by Monte Carlo.

Source: Ortiz-Jimenez et al. 2021, Theorem 1 (Eq. 4) and its proof in appendix D.2.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.gram import alignment_from_gram, empirical_gram, kernel_solve
from ntk_repro.nads import basis
from ntk_repro.nads.mixed_derivative import averaged_derivative
from ntk_repro.nads.settings import InputSettings, Samples
from ntk_repro.nads.streams import Stream
from ntk_repro.network import Network
from ntk_repro.precision import precision_scope
from ntk_repro.progress import progress, stage
from ntk_repro.record import RunFolder

_INPUTS = 2000


@dataclass(frozen=True)
class Config(InputSettings):
    """Estimates alpha(g_u) for some directions u in both ways, from the same standard normal inputs."""

    net: str = "mlp"
    size: int = 16
    data: Literal["gaussian"] = "gaussian"
    """The distribution of the inputs that the theorem is about."""
    groups: int = 50
    """Groups of inputs; the error bars come from leaving out one at a time."""
    group_size: int = 100
    """Inputs in a group."""
    indices: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    """Directions u among those at the origin, 1-based."""
    random_directions: int = 2
    """Additional random directions u."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name}, {self.groups * self.group_size:,} inputs {self.shape}"

    @property
    def basis(self) -> basis.Config:
        """The settings of the run that computes the directions at the origin, where relu has none: then gelu's."""
        settings = self.values(InputSettings)
        if self.activation == "relu":
            settings["activation"] = "gelu"
        return basis.Config(**settings, shown=min(10, self.dimension))

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the indices in order."""
        indices = self.checked_indices(self.indices)
        if self.groups < 3 or self.group_size < 1 or self.random_directions < 0:
            raise UserError("groups must be at least 3, group_size at least 1 and random_directions not negative")
        return {**super().canonical(), "indices": indices}


@dataclass(frozen=True)
class Estimate:
    """An estimate and the values that it takes when one group after the other is left out."""

    value: float
    without: Float[np.ndarray, " groups"]

    @property
    def error(self) -> float:
        """Its standard error by the jackknife."""
        return jackknife_error(self.without)


def jackknife_error(without: Float[np.ndarray, " groups"]) -> float:
    """The standard error of an estimate whose values without each of the groups these are."""
    count = len(without)
    return float(np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2)))


def squared_norm_of_mean(means: Float[np.ndarray, "groups p"]) -> Estimate:
    """||E s||^2 without bias, from the means of s over groups of independent samples.

    The mean of s_g . s_h over pairs of different groups: squares would add the noise of s to the estimate.
    """
    means = np.asarray(means, np.float64)
    products, count = means @ means.T, len(means)
    off = products - np.diag(np.diag(products))
    total, rows = off.sum(), off.sum(axis=1)
    without = (total - 2 * rows) / ((count - 1) * (count - 2))
    return Estimate(float(total / (count * (count - 1))), without)


def _load(config: Config) -> Samples:
    label = f"{config.groups * config.group_size:,} standard normal inputs"
    return replace(basis.load(config.basis), provenance={"label": label})


@experiment("nads_theorem1", load=_load)
def run(config: Config, samples: Samples, folder: RunFolder) -> dict[str, np.ndarray]:
    """Estimates every alignment in both ways, or returns a run that is done.

    The result's arrays, for U directions: `index` (U,), 0 for a random direction; `monte_carlo`, `theorem` (U,): the
    squared norm of E[u.x grad_theta f(x)] (the definition, Lemma 1) and of E[d^2 f / dx dtheta] u, both without bias;
    `monte_carlo_error`, `theorem_error`, `difference_error` (U,): standard errors, the last of the difference, which is
    small as both see the same inputs; `at_origin` (U,): the same with the derivative at x = 0 (of relu: gelu's);
    on other inputs, as many as `inputs`: `norm_on_inputs`, `norm_on_half` (of them), `alignment_on_inputs` (U,): of the
    predictors u.x, by the kernel between the inputs; `mean_square`, `mean_square_error` (U,): of u.x.
    """
    stage(1, 2, "neural anisotropy directions")
    found = basis.run(config.basis, folder.root).result()
    stage(2, 2, "alignments in both ways")
    nads = found["directions"]
    random = np.random.default_rng([config.seed, Stream.THEOREM1_DIRECTIONS])
    others = random.standard_normal((config.random_directions, *nads.shape[1:]))
    others /= np.linalg.norm(others.reshape(len(others), nads[0].size), axis=1).reshape(-1, 1, 1, 1)
    u = np.concatenate([nads[np.array(config.indices) - 1], others.astype(np.float32)])
    flat = u.reshape(len(u), -1).astype(np.float64)
    along = flat @ nads.reshape(len(nads), -1).T

    net = config.initial_network(samples.shape)
    rng = np.random.default_rng([config.seed, Stream.THEOREM1_SAMPLES])
    definition, theorem = [], []
    with progress(f"{config.display_name}: alignments", config.groups, "groups") as advance, precision_scope("float32"):
        for _ in range(config.groups):
            x = rng.standard_normal((config.group_size, *nads.shape[1:]), np.float32)
            definition.append(_weighted_gradients(net, x, x.reshape(len(x), -1) @ flat.T.astype(np.float32)))
            theorem.append(averaged_derivative(net, x, 0, block=len(u))(u))
            advance()
    arrays: dict[str, Any] = {"index": np.array([*config.indices, *[0] * len(others)])}
    estimates = [
        [squared_norm_of_mean(np.stack([group[i] for group in groups])) for i in range(len(u))]
        for groups in (definition, theorem)
    ]
    for name, row in zip(("monte_carlo", "theorem"), estimates, strict=True):
        arrays[name] = np.array([estimate.value for estimate in row])
        arrays[f"{name}_error"] = np.array([estimate.error for estimate in row])
    pairs = zip(*estimates, strict=True)
    arrays["difference_error"] = np.array([jackknife_error(one.without - two.without) for one, two in pairs])
    arrays["at_origin"] = along**2 @ found["values"] ** 2
    inputs = min(_INPUTS, net.num_params // 4)  # of more than parameters the kernel is singular
    return arrays | _on_inputs(net, rng.standard_normal((inputs, *nads.shape[1:]), np.float32), flat)


def _on_inputs(
    net: Network, x: Float[np.ndarray, "n *input"], u: Float[np.ndarray, "U d"]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Kernel norm, alignment and mean square of the predictors u.x on some inputs, in float64."""
    predicted = x.reshape(len(x), -1).astype(np.float64) @ u.T
    gram, half = empirical_gram(net, x, precision="float64"), len(x) // 2
    squares = predicted**2

    def norm(n: int) -> Float[np.ndarray, " U"]:
        return np.einsum("nu,nu->u", predicted[:n], kernel_solve(gram[:n, :n], predicted[:n]).coefficients)

    return {
        "inputs": np.array(len(x)),
        "norm_on_inputs": norm(len(x)),
        "norm_on_half": norm(half),
        "alignment_on_inputs": alignment_from_gram(gram, predicted),
        "mean_square": squares.mean(axis=0),
        "mean_square_error": squares.std(axis=0) / np.sqrt(len(x)),
    }


def _weighted_gradients(net: Network, x: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, "U p"]:
    """The mean over samples of weight times grad_theta f, for each column of weights."""
    return np.asarray(_weighted_fn(net.apply_fn)(net.params, net.state, x, weights / np.float32(len(x))))


@functools.lru_cache(maxsize=16)
def _weighted_fn(apply_fn: Callable) -> Callable:
    @jax.jit
    def gradients(params, state, x, weights):
        _, pullback = jax.vjp(lambda params: apply_fn(params, state, x)[:, 0], params)

        def flat(cotangent):
            return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(pullback(cotangent)[0])])

        return jax.vmap(flat)(weights.T)

    return gradients


def show(folder: RunFolder) -> None:
    """Prints both estimates of every alignment."""
    result = folder.result()
    formats = {"Monte Carlo": "", "Theorem 1": "", "difference / its error": "+.2f", "at the origin": ".4g"}
    names = [str(j) if j else "random" for j in result["index"]]
    estimates = (
        [f"{value:.4g} +- {error:.1g}" for value, error in zip(result[name], result[f"{name}_error"], strict=True)]
        for name in ("monte_carlo", "theorem")
    )
    off = (result["monte_carlo"] - result["theorem"]) / result["difference_error"]
    print_table({"NAD": "", **formats}, zip(names, *estimates, off, result["at_origin"], strict=True))
