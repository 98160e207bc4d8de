"""Experiment: the lower bound on the kernel norm by the alignment, and how far binarization turns an eigenfunction.

Source: Ortiz-Jimenez et al. 2021, Lemma 1 and appendix B (binarization).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.errors import UserError
from ntk_repro.experiments import NTrain, StudyConfig, experiment
from ntk_repro.gram import alignment, alignment_from_gram, empirical_gram, kernel_solve, top_eigenpairs
from ntk_repro.gram.solve import NotPositiveDefiniteError
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.models import ResidualNetworkSettings
from ntk_repro.nads.streams import Stream
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.precision import float64_scope
from ntk_repro.record import RunFolder
from ntk_repro.training import l2_distance

_RANDOM_TARGETS = 10
_COMPARED = 5  # targets of each kind whose alignment and norm are computed in all ways
_STEPS = 100  # of the linearization's training


@dataclass(frozen=True)
class Config(NTrain, ResidualNetworkSettings, InitialNetwork, StudyConfig):
    """Checks the bound on the targets of one kernel: its eigenfunctions, their signs, classes and random labels."""

    n_train: int = 1000
    """Number of images; all eigenpairs of the matrix between them are computed."""
    n_test = 1  # not used

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} on {self.n_train:,} images of {self.data}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if self.n_train < 10:
            raise UserError(f"n_train must be at least 10, not {self.n_train}")
        return super().canonical()


def norm_and_bound(
    gram: Float[np.ndarray, "n n"], targets: Float[np.ndarray, "n T"]
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """||f||_K^2 and its bound ||f||^4 / alpha(f), for targets on the samples of a Gram matrix.

    Over n samples the norm is f^T K^-1 f, ||f||^2 = f.f / n and alpha(f) = f^T K f / n^2.

    Source: Ortiz-Jimenez et al. 2021, Eq. (3) and Lemma 1.

    Args:
        gram: K, positive definite, float64.
        targets: one target a column.

    Raises:
        UserError: for a matrix that is not positive definite: then norms may be infinite.
    """
    try:
        solution = kernel_solve(gram, targets)
    except NotPositiveDefiniteError as error:
        raise UserError(f"the kernel of {len(gram):,} samples is singular, and norms infinite: take fewer") from error
    norm = np.einsum("nt,nt->t", targets, solution.coefficients)
    return norm, np.mean(targets**2, axis=0) ** 2 / alignment_from_gram(gram, targets)


def _load(config: Config) -> Dataset:
    data = config.load()
    config.check_network(data.x_train.shape[1:])
    return data


@experiment("nads_lemma1", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes norms, bounds and inner products, or returns a run that is done.

    The result's arrays, for n images: for t in `eigen` (every eigenfunction), `sign` (its sign), `class` (each class
    against the others), `random` (random signs): `t_norm`, `t_bound`; `eigenvalues` (n,); of the first targets of each
    kind `alignment_by_gram`, `alignment_by_gradients`, ||E[f grad f_theta]||^2, and `alignment_by_spectrum`, the sum of
    lambda_j E[phi_j f]^2, and `compared_norm`, `compared_norm_by_sum`, the sum of E[phi_j f]^2 / lambda_j;
    `norm_beyond_half`: for each class the share of that sum from the second half of the eigenvalues;
    `trained_distance`, `trained_norm`: of a linearization that was trained on the first class, how far its weights
    moved, and the kernel norm of how far its outputs did; `sign_overlap` (n,): the inner product of phi_j and
    sign(phi_j) as unit vectors; `n`.
    """
    net = config.initial_network(data.x_train.shape[1:])
    # In float64: the norm divides by the smallest eigenvalues.
    gram = empirical_gram(net, data.x_train, precision="float64")
    n = len(gram)
    pairs = top_eigenpairs(gram, n)
    rng = np.random.default_rng([config.seed, Stream.LEMMA1_RANDOM])
    signs = np.where(pairs.vectors >= 0, 1.0, -1.0)
    classes = np.unique(data.y_train)
    targets = {
        "eigen": np.sqrt(n) * pairs.vectors,
        "sign": signs,
        "class": np.where(data.y_train[:, None] == classes, 1.0, -1.0),
        "random": rng.choice([-1.0, 1.0], (n, _RANDOM_TARGETS)),
    }
    arrays: dict[str, Any] = {"eigenvalues": pairs.values, "n": n}
    for name, columns in targets.items():
        arrays[f"{name}_norm"], arrays[f"{name}_bound"] = norm_and_bound(gram, columns)
    compared = np.concatenate([targets[name][:, :_COMPARED] for name in targets], axis=1)
    squares = (pairs.vectors.T @ compared) ** 2
    arrays["alignment_by_gram"] = alignment_from_gram(gram, compared)
    arrays["alignment_by_gradients"] = alignment(net, data.x_train, compared, precision="float64")
    arrays["alignment_by_spectrum"] = pairs.values @ squares / n**2
    arrays["compared_norm"], _ = norm_and_bound(gram, compared)
    arrays["compared_norm_by_sum"] = (1 / pairs.values) @ squares
    parts = (pairs.vectors.T @ targets["class"]) ** 2 / pairs.values[:, None]
    arrays["norm_beyond_half"] = parts[n // 2 :].sum(axis=0) / parts.sum(axis=0)
    change, distance = _trained(net, data.x_train, targets["class"][:, 0], pairs.values[0])
    arrays["trained_distance"], (squared, _) = distance, norm_and_bound(gram, change[:, None])
    arrays["trained_norm"] = np.sqrt(squared[0])
    arrays["sign_overlap"] = np.sum(pairs.vectors * signs, axis=0) / np.sqrt(n)
    return {name: np.asarray(value) for name, value in arrays.items()}


def _trained(
    net: Network, x: Float[np.ndarray, "n ..."], y: Float[np.ndarray, " n"], largest: float
) -> tuple[Float[np.ndarray, " n"], float]:
    """How far outputs and weights of the linearization move by gradient descent on 1/2 ||f - y||^2, in float64.

    Args:
        net: the network.
        x: images.
        y: the targets.
        largest: the largest eigenvalue of the kernel; one over it is the learning rate.
    """
    with float64_scope():
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), net.params)
        images = jnp.asarray(x, jnp.float64)
        fx, push = jax.linearize(lambda params: net.apply_fn(params, net.state, images)[:, 0], params)
        pull = jax.linear_transpose(push, params)

        @jax.jit
        def step(moved):
            (gradient,) = pull(fx + push(moved) - y)
            return jax.tree.map(lambda leaf, slope: leaf - slope / largest, moved, gradient)

        moved = jax.tree.map(jnp.zeros_like, params)
        for _ in range(_STEPS):
            moved = step(moved)
        return np.asarray(push(moved)), float(l2_distance(moved, jax.tree.map(jnp.zeros_like, moved)))


def show(folder: RunFolder) -> None:
    """Prints the smallest ratio of norm to bound for each kind of target, and the inner products."""
    result = folder.result()
    ratios = {name: result[f"{name}_norm"] / result[f"{name}_bound"] for name in ("eigen", "sign", "class", "random")}
    columns = {"targets": "", "smallest norm / bound": ".6g", "median": ".3g"}
    rows = [(name, ratio.min(), np.median(ratio)) for name, ratio in ratios.items()]
    print_table(columns, rows, f"{display_name(folder.config['net'])}: Lemma 1")
    n = int(result["n"])
    first, overlap = max(2, n // 60), result["sign_overlap"]
    print(
        f"<phi_j, sign phi_j>: {overlap[1:first].mean():.3f} on average over j = 2 to {first}, "
        f"{overlap[1:].mean():.3f} over all to {n}"
    )
    moved, norm = float(result["trained_distance"]), float(result["trained_norm"])
    print(f"a trained linearization: its weights moved by {moved:.4f}, the kernel norm of its change is {norm:.4f}")
