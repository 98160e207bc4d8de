"""Experiment: the singular values of the Jacobian of a linearized network, and how many of them count.

Source: Samarin et al. 2022, section 4.2 (Figures 6, 7 and A3).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.finite_width.settings import FiniteWidthSettings
from ntk_repro.finite_width.task import checked_images, targets
from ntk_repro.gram import effective_rank, empirical_gram, singular_spectrum
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.jacobian import jacobian
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.training import accuracy

# The paper's training of LeNet (sections 4 and 4.1).
_LEARNING_RATE, _MOMENTUM, _EPOCHS, _BATCH = 0.1, 0.9, 100, 32


@dataclass(frozen=True)
class Config(FiniteWidthSettings):
    """Computes the singular values of the Jacobian of all outputs on some images, through the kernel."""

    n_train: int | None = 600
    """Number of images (training images)."""
    n_test: int | None = 1
    """Not used: leave it at 1."""
    precision: Literal["float64", "float32"] = "float64"
    """Of the kernel; singular values up to the root of rows times epsilon of the largest are rounding: for 6,000 rows
    1e-6 (float64) or 3e-2 (float32)."""
    direct_images: int = 0
    """Number of images on which the Jacobian itself is decomposed too, to compare; it has to fit into memory."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if self.direct_images < 0 or (self.n_train is not None and self.direct_images > self.n_train):
            raise UserError(f"direct_images must be from 0 to the {self.n_train} images, not {self.direct_images}")
        if self.n_test != 1:
            raise UserError("the singular values are computed on training images: leave --n-test out")
        return super().canonical()

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: the Jacobian is decomposed on no more images than there are."""
        fit, lines = super().within(n_train, n_test)
        if self.direct_images <= n_train:
            return fit, lines
        lines.append(f"{n_train:,} images: the Jacobian itself is decomposed on these, not on {self.direct_images:,}")
        return dataclasses.replace(fit, direct_images=n_train), lines


def _load(config: Config) -> Dataset:
    data = checked_images(config)
    if config.direct_images > len(data.x_train):
        raise UserError(f"--direct-images {config.direct_images} is above the {len(data.x_train):,} images: lower it")
    return data


@experiment("finite_width_spectra", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes the singular values of one width, or returns a finished run.

    The result's arrays, for r = images times outputs rows of the Jacobian J and the kernel K = J J^T: `singular_values`
    (r,) of J, descending; `effective_rank` of these, `effective_rank_of_kernel` of their squares, K's eigenvalues;
    `condition_number` (largest over smallest that does not vanish) and `vanishing`, how many do; `rows`, `num_params`;
    `reached`, `reached_train_accuracy` and `flow_train_accuracy` of `training_reach`; with direct_images
    `direct_effective_rank` of J's singular values and `direct_from_kernel`, the same from K.
    """
    y = targets(data)
    outputs = y.num_outputs
    net = config.initial_network(data.x_train.shape[1:], outputs)
    console.print(f"  kernel of {len(data.x_train) * outputs:,} rows", highlight=False)
    kernel = empirical_gram(net, data.x_train, outputs="full", precision=config.precision)
    # An image's outputs are neighbours, so the first images are a corner of the kernel.
    return {
        "rows": np.asarray(len(kernel)),
        "num_params": np.asarray(net.num_params),
        **_direct(config, net, data, kernel, outputs),
        **spectrum_facts(kernel),
        **training_reach(kernel, net(data.x_train), y.y_train),
    }


def spectrum_facts(kernel: Float[np.ndarray, "r r"]) -> dict[str, np.ndarray]:
    """The statistics that `run` saves of a kernel K = J J^T.

    A singular value vanishes where its square is at most r times the rounding of K's type, relative to the largest.

    Raises:
        UserError: as `singular_spectrum`.

    >>> facts = spectrum_facts(np.diag([4.0, 1.0, 0.0]))
    >>> facts["singular_values"].tolist(), float(facts["condition_number"]), int(facts["vanishing"])
    ([2.0, 1.0, 0.0], 2.0, 1)
    """
    spectrum = singular_spectrum(kernel)
    return {
        "singular_values": spectrum.values,
        "effective_rank": np.asarray(spectrum.effective_rank),
        "effective_rank_of_kernel": np.asarray(spectrum.kernel_effective_rank),
        "condition_number": np.asarray(spectrum.condition_number),
        "vanishing": np.asarray(len(kernel) - spectrum.rank),
    }


def training_reach(
    kernel: Float[np.ndarray, "r r"], fx_0: Float[np.ndarray, "n k"], y: Float[np.ndarray, "n k"]
) -> dict[str, np.ndarray]:
    """Which eigenvectors of a kernel K = J J^T training reaches, and how many samples it classifies with them.

    The linearization follows gradient flow on the squared error averaged over samples and outputs, for the time of 100
    epochs in batches of 32 at learning rate 0.1 and momentum 0.9: t = 0.1 / (1 - 0.9) steps. The residual along an
    eigenvector of eigenvalue lambda then is exp(-2 lambda t / (n k)) times that of the start.

    Source: Samarin et al. 2022, section 4.2 (a perfect fit needs directions of very small singular values).

    Args:
        kernel: an output of a sample after the other, as `empirical_gram` with outputs="full".
        fx_0: outputs before training.
        y: one-hot targets.

    Returns:
        `reached`: the number of eigenvectors along which the residual falls to 1/e or less;
        `reached_train_accuracy` with these fitted and all others left; `flow_train_accuracy` at that time.
    """
    n, k = y.shape
    values, vectors = np.linalg.eigh(np.asarray(kernel, np.float64))
    steps = _EPOCHS * -(-n // min(_BATCH, n))
    exponents = np.clip(values, 0, None) * 2 * _LEARNING_RATE / (1 - _MOMENTUM) * steps / (n * k)
    start = np.asarray(fx_0, np.float64).reshape(-1)
    residual = vectors.T @ (np.asarray(y, np.float64).reshape(-1) - start)
    reached = exponents >= 1
    fitted = {"reached": reached.astype(float), "flow": -np.expm1(-exponents)}
    outputs = {name: (start + vectors @ (share * residual)).reshape(n, k) for name, share in fitted.items()}
    return {
        "reached": np.asarray(reached.sum()),
        **{f"{name}_train_accuracy": np.asarray(accuracy(fx, y, 0.5)) for name, fx in outputs.items()},
    }


def _direct(config: Config, net: Network, data: Dataset, kernel: np.ndarray, outputs: int) -> dict[str, np.ndarray]:
    count = config.direct_images
    if not count:
        return {}
    with checked_arguments(net, data.x_train[:count], None, "full", config.precision) as (net, x, *_):
        j = jacobian(net, x, outputs).reshape(count * outputs, -1)
    corner = kernel[: len(j), : len(j)]
    return {
        "direct_images": np.asarray(count),
        "direct_effective_rank": np.asarray(effective_rank(np.linalg.svd(j, compute_uv=False))),
        "direct_from_kernel": spectrum_facts(corner)["effective_rank"],
    }


def show(folder: RunFolder) -> None:
    """Prints statistics of the singular values."""
    result, config = folder.result(), folder.config
    images = "all" if config["n_train"] is None else f"{config['n_train']:,}"
    title = f"{display_name(config['net'])} x{config['width']:g}, {images} images"
    rows = [
        ("rows of the Jacobian", f"{result['rows']:,}"),
        ("parameters", f"{result['num_params']:,}"),
        ("effective rank of its singular values", f"{result['effective_rank']:.1f}"),
        ("effective rank of the kernel's eigenvalues", f"{result['effective_rank_of_kernel']:.1f}"),
        ("condition number", f"{result['condition_number']:.3g}"),
        ("singular values that vanish", f"{result['vanishing']:,}"),
    ]
    print_table({"quantity": "", "value": ""}, rows, title)
