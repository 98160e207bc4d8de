"""Experiment: the lower bound on the kernel norm by the alignment, and how far binarization turns an eigenfunction.

Source: Ortiz-Jimenez et al. 2021, Lemma 1 and appendix B (binarization).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from ntk_repro.data import Dataset, load_dataset
from ntk_repro.errors import UserError
from ntk_repro.gram import alignment, alignment_from_gram, empirical_gram, top_eigenpairs
from ntk_repro.models import NetworkChoice
from ntk_repro.nads.basis import effective_scale
from ntk_repro.nads.streams import LEMMA1_RANDOM
from ntk_repro.network import Network, check_network
from ntk_repro.network_names import spoken_network
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, check_seed, key_for

__all__ = ["Config", "norm_and_bound", "run", "show"]

_RANDOM_TARGETS = 10
_COMPARED = 5  # targets of each kind whose alignment is computed in both ways


@dataclass(frozen=True)
class Config(NetworkChoice):
    """Checks the bound on the targets of one kernel: its eigenfunctions, their signs, classes and random labels."""

    net: str = "lenet"
    """Architecture: mlp, lenet or resnet18; or your own: my_network.py:MyNet, or package.module:MyNet."""
    width: float = 1.0
    """Factor on every channel count and hidden width (1: the paper's network)."""
    activation: str = "relu"
    """Activation function: relu, gelu, tanh, erf, softplus or identity."""
    residual_scale_init: float = 0.0
    """Initial scale of each residual block's last BatchNorm; resnet18 only (0: the authors' code)."""
    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    n_train: int = 1000
    """Number of images; all eigenpairs of the matrix between them are computed."""
    data_seed: int = 0
    """Seed of the subset."""
    pairs: int = 2000
    """Pairs of random unit vectors."""
    seed: int = 0
    """Seed of the initialization and of everything random."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.spoken_net} on {self.n_train:,} images of {self.data}"

    def resolved(self) -> "Config":
        """The same settings, checked, with a residual scale of 0 for networks that have none.

        Raises:
            UserError: for settings out of range and unknown names.
        """
        net = self.checked_net()
        check_seed(self.seed)
        check_seed(self.data_seed, "data_seed")
        if self.n_train < 10 or self.pairs < 1:
            raise UserError(f"n_train must be at least 10 and pairs at least 1, not {self.n_train} and {self.pairs}")
        return replace(self, net=net, residual_scale_init=effective_scale(self))


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
    from scipy.linalg import cho_factor, cho_solve

    try:
        factor = cho_factor(gram, lower=True)
    except np.linalg.LinAlgError as error:
        raise UserError(f"the kernel of {len(gram):,} samples is singular, and norms infinite: take fewer") from error
    norm = np.einsum("nt,nt->t", targets, cho_solve(factor, targets))
    return norm, np.mean(targets**2, axis=0) ** 2 / alignment_from_gram(gram, targets)


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Computes norms, bounds and inner products, or returns a run that is done.

    The result's arrays, for n images: for t in `eigen` (every eigenfunction), `sign` (its sign), `class` (each class
    against the others), `random` (random signs): `t_norm`, `t_bound`; `eigenvalues` (n,); of the first targets of each
    kind `alignment_by_gram` and `alignment_by_gradients`, ||E[f grad f_theta]||^2; `sign_overlap` (n,): the inner
    product of phi_j and sign(phi_j) as unit vectors; `random_rms`, `random_mean`: of the inner products of pairs of
    random unit vectors in n dimensions; `n`.

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: for settings or data that cannot be worked with.
    """
    config = config.resolved()
    data = load_dataset(config.data, config.data_dir, config.n_train, 1, config.data_seed)
    shape = data.x_train.shape[1:]
    check_network(config.net, shape, 1, **config.model_settings)
    with RunFolder.open("nads_lemma1", config, root=root, provenance=data.provenance.as_dict()) as folder:
        if not folder.done:
            net = Network.create(config.net, key_for(config.seed, INIT), shape, **config.model_settings)
            # In float64: the norm divides by the smallest eigenvalues.
            gram = empirical_gram(net, data.x_train, precision="float64")
            folder.finish(**_checks(config, net, data, gram))
    return folder


def _checks(config: Config, net: Network, data: Dataset, gram: Float[np.ndarray, "n n"]) -> dict[str, np.ndarray]:
    n = len(gram)
    pairs = top_eigenpairs(gram, n)
    rng = np.random.default_rng([config.seed, LEMMA1_RANDOM])
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
    some = np.concatenate([targets[name][:, :_COMPARED] for name in targets], axis=1)
    arrays["alignment_by_gram"] = alignment_from_gram(gram, some)
    arrays["alignment_by_gradients"] = alignment(net, data.x_train, some, precision="float64")
    arrays["sign_overlap"] = np.sum(pairs.vectors * signs, axis=0) / np.sqrt(n)
    one, two = rng.standard_normal((2, config.pairs, n))
    products = np.sum(one * two, axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    arrays |= {"random_rms": np.sqrt(np.mean(products**2)), "random_mean": products.mean()}
    return {name: np.asarray(value) for name, value in arrays.items()}


def show(folder: RunFolder) -> None:
    """Prints the smallest ratio of norm to bound for each kind of target, and the inner products."""
    result = folder.result()
    table = Table(
        "targets", "smallest norm / bound", "median", title=f"{spoken_network(folder.config['net'])}: Lemma 1"
    )
    for name in ("eigen", "sign", "class", "random"):
        ratio = result[f"{name}_norm"] / result[f"{name}_bound"]
        table.add_row(name, f"{ratio.min():.6g}", f"{np.median(ratio):.3g}")
    Console().print(table)
    n = int(result["n"])
    first, overlap = max(2, n // 60), result["sign_overlap"]  # those that the claim of `papers.ortiz2021.nads` judges
    print(
        f"<phi_j, sign phi_j>: {overlap[1:first].mean():.3f} on average over j = 2 to {first}, "
        f"{overlap[1:].mean():.3f} over all to {n}"
    )
    print(f"random pairs: root mean square {float(result['random_rms']):.4f}, 1 / sqrt(n) = {n**-0.5:.4f}")
