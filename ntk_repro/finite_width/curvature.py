"""Experiment: the curvature of the loss at initialization against the limit of stability of SGD, width by width.

Shows why the loss of the study is the mean over the outputs: with the sum that Eq. 3 prints, the paper's learning rate
is above the limit for wide networks.

Source: Samarin et al. 2022, Eq. (3) and section 4 (learning rate 0.1, momentum, batches of 32).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.dynamics.learning_rates import check_momentum
from ntk_repro.errors import UserError
from ntk_repro.experiments import StudyConfig, experiment
from ntk_repro.finite_width.settings import FiniteWidthSettings, Images
from ntk_repro.finite_width.task import images, targets
from ntk_repro.gram import empirical_gram
from ntk_repro.models import NetworkChoice
from ntk_repro.network_names import display_name
from ntk_repro.progress import stages
from ntk_repro.ranges import check_counts, check_positive
from ntk_repro.record import RunFolder


@dataclass(frozen=True)
class Config(Images, NetworkChoice, StudyConfig):
    """Computes the largest curvature of the squared loss of linearizations, which is the same wherever they are."""

    n_test: int | None = 1
    """Not used: leave it at 1."""
    net: str = "lenet5"
    widths: tuple[float, ...] = (1.0, 2.0, 4.0, 10.0)
    """Factors on every channel count and hidden width."""
    learning_rate: float = 0.1
    """Learning rate that the curvature is multiplied by."""
    momentum: float = 0.9
    """Momentum of SGD, at least 0 and below 1; with it steps are stable below 2 (1 + momentum) over the curvature."""
    batch_size: int = 32
    """Images of a batch."""
    batches: int = 8
    """How many batches, of the first training images; the curvature is also that on all of them at once."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} at {len(self.widths)} widths on {self.displayed_data}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if not self.widths:
            raise UserError("name at least one of --widths")
        check_counts(batch_size=self.batch_size, batches=self.batches)
        check_positive(learning_rate=self.learning_rate)
        check_momentum(self.momentum)
        if self.n_test != 1:
            raise UserError("the curvature is computed on training images: leave --n-test out")
        for width in self.widths:
            self.of_width(width).resolved()
        return super().canonical()

    def of_width(self, width: float) -> FiniteWidthSettings:
        """The network of one width."""
        return FiniteWidthSettings(net=self.net, width=width, seed=self.seed)


def curvatures(
    kernel: Float[np.ndarray, "rows rows"], outputs: int, batch_size: int
) -> tuple[float, Float[np.ndarray, " batches"]]:
    """The largest curvature of the squared loss, on all samples at once and on each batch of them.

    The loss is (f - y)^2 summed over the outputs and averaged over the samples; its Hessian in the weights of a
    linear(ized) model, 2/n J^T J, has the eigenvalues of 2/n J J^T and zeros.

    Args:
        kernel: J J^T of all outputs, sample-major.
        outputs: of a sample.
        batch_size: samples of a batch; the remainder at the end is left out.

    >>> total, batches = curvatures(np.diag([1.0, 2.0, 6.0, 4.0]), 1, 2)
    >>> total, batches.tolist()
    (3.0, [2.0, 6.0])
    """
    rows = batch_size * outputs
    starts = range(0, len(kernel) - rows + 1, rows)
    batches = [_largest(kernel[i : i + rows, i : i + rows]) * 2 / batch_size for i in starts]
    return _largest(kernel) * 2 * outputs / len(kernel), np.array(batches)


def _largest(kernel: np.ndarray) -> float:
    last = len(kernel) - 1
    values = scipy.linalg.eigh(np.asarray(kernel, np.float64), eigvals_only=True, subset_by_index=(last, last))
    return float(values[0])


def _load(config: Config) -> Dataset:
    data = images(config)
    outputs, count = targets(data).num_outputs, config.batch_size * config.batches
    for width in config.widths:
        config.of_width(width).check_network(data.x_train.shape[1:], outputs)
    if count > len(data.x_train):
        raise UserError(
            f"{config.batches} batches of {config.batch_size} are more than the {len(data.x_train):,} images: lower "
            "--batches"
        )
    return data


@experiment("finite_width_curvature", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes the curvatures of all widths, or returns a finished run.

    The result's arrays, for W widths and B batches: `widths`, `num_params` (W,); `curvature` (W,) on all images and
    `batch_curvature` (W, B), of the loss summed over the outputs; `outputs`, by which the loss that is averaged over
    them divides that; `limit`, 2 (1 + momentum), the limit of stability for learning rate times curvature.
    """
    outputs, count = targets(data).num_outputs, config.batch_size * config.batches
    rows = []
    for width in stages(config.widths, "x{:g}".format):
        net = config.of_width(width).initial_network(data.x_train.shape[1:], outputs)
        kernel = empirical_gram(net, data.x_train[:count], outputs="full")
        rows.append((net.num_params, *curvatures(kernel, outputs, config.batch_size)))
    sizes, of_all, of_batches = zip(*rows, strict=True)
    return {
        "widths": np.array(config.widths),
        "num_params": np.array(sizes),
        "curvature": np.array(of_all),
        "batch_curvature": np.array(of_batches),
        "outputs": np.asarray(outputs),
        "limit": np.asarray(2 * (1 + config.momentum)),
    }


def show(folder: RunFolder) -> None:
    """Prints learning rate times curvature for both losses, and the limit."""
    result, config = folder.result(), folder.config
    rate, limit, outputs = config["learning_rate"], float(result["limit"]), int(result["outputs"])
    title = f"{display_name(config['net'])}: learning rate {rate:g} times largest curvature; stable below {limit:g}"
    columns = ("width", "parameters", "loss summed over outputs", "on single batches", "averaged")
    rows = []
    for i, width in enumerate(result["widths"]):
        of_all, of_batches = rate * result["curvature"][i], rate * result["batch_curvature"][i]
        values = (of_all, of_all / outputs)
        summed, mean = (f"{value:.2f}" + (" (diverges)" if value >= limit else "") for value in values)
        between = f"{of_batches.min():.2f} to {of_batches.max():.2f}"
        rows.append((f"x{width:g}", f"{result['num_params'][i]:,}", summed, between, mean))
    print_table(dict.fromkeys(columns, ""), rows, title)
