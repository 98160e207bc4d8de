"""Experiment: kernels of random finite networks, averaged over samples, against those of infinite width.

Source: Lee et al. 2019, section I (Figures S9 and S10).
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.experiments import experiment
from ntk_repro.gram import AnalyticKernel, analytic_kernel, monte_carlo_kernels
from ntk_repro.progress import stages
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.wide_limit.settings import WidthsSettings, check_increasing


@dataclass(frozen=True)
class Config(WidthsSettings):
    """Averages the NNGP and NTK of randomly initialized networks and compares them with the analytic kernels."""

    depth: int = 1
    activation: str = "relu"
    """Activation function: relu, erf or identity; tanh and softplus by quadrature."""
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    samples: tuple[int, ...] = (1, 4, 16, 64)
    """Numbers M of networks to average over; smaller averages are parts of the largest."""
    input_size: int = 1024
    """Numbers in an input, each drawn from N(0, 1)."""
    num_inputs: int = 20
    """Inputs, so that a kernel is num_inputs by num_inputs; the paper does not name it."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.layers}, {self.width_range}, up to {self.samples[-1]:,} samples"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_increasing("samples", self.samples)
        check_counts(input_size=self.input_size, num_inputs=self.num_inputs)
        return super().canonical()

    def inputs(self) -> Float[np.ndarray, "n d"]:
        """The inputs."""
        rng = np.random.default_rng([self.seed, self.input_size])
        return rng.normal(size=(self.num_inputs, self.input_size)).astype(np.float32)


def _load(config: Config) -> None:
    config.check_networks((config.input_size,))


@experiment("wide_limit_kernel_convergence", load=_load)
def run(config: Config, data: None, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes the errors of all widths, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for w widths and s numbers of samples M: `widths` (w,), `samples` (s,), `nngp_error` and
    `ntk_error` (w, s): ||average over M networks - analytic|| / ||analytic|| in the Frobenius norm, root mean square
    over the M-sample averages that the largest number of samples splits into (of the largest number there is one).
    """
    exact = analytic_kernel(config.module(config.widths[0]), config.inputs())
    parts = [
        folder.part(f"width={width}", _one_width, config, exact, width)
        for width in stages(config.widths, "width {:,}".format)
    ]
    arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return {"widths": np.array(config.widths), "samples": np.array(config.samples), **arrays}


def _one_width(config: Config, exact: AnalyticKernel, width: int) -> dict[str, np.ndarray]:
    key = jax.random.fold_in(key_for(config.seed, INIT), width)
    # All running averages of one pass: their differences are the averages over any stretch of the samples.
    averages = monte_carlo_kernels(config.module(width), key, range(1, config.samples[-1] + 1), config.inputs())
    return {
        "nngp_error": relative_errors(averages.nngp, exact.nngp, config.samples),
        "ntk_error": relative_errors(averages.ntk, exact.ntk, config.samples),
    }


def relative_errors(
    running: Float[np.ndarray, "S n n"], exact: Float[np.ndarray, "n n"], samples: tuple[int, ...]
) -> Float[np.ndarray, " s"]:
    """For each M, ||average - exact|| / ||exact|| (Frobenius), root mean square over all averages of M samples.

    Args:
        running: averages over the first 1, 2 ... S samples.
        exact: the kernel that they approximate.
        samples: numbers M up to S; the remainder is unused when M does not divide S.

    >>> running = np.array([1.0, 2.0])[:, None, None]  # of the samples 1 and 3
    >>> relative_errors(running, np.ones((1, 1)), (1, 2)).round(3).tolist()  # sqrt((0 + 2**2) / 2), 1
    [1.414, 1.0]
    """
    total = len(running)
    sums = np.concatenate([np.zeros((1, *exact.shape)), running * np.arange(1, total + 1)[:, None, None]])
    errors = []
    for m in samples:
        averages = np.diff(sums[: m * (total // m) + 1 : m], axis=0) / m
        squares = np.sum((averages - exact) ** 2, axis=(1, 2))
        errors.append(np.sqrt(squares.mean() / np.sum(exact**2)))
    return np.array(errors)


def show(folder: RunFolder) -> None:
    """Prints a run's relative errors."""
    result = folder.result()
    columns = {"width": ",", **{f"M = {m:,}": ".3g" for m in result["samples"]}}
    for kernel in ("nngp", "ntk"):
        rows = zip(result["widths"], *result[f"{kernel}_error"].T, strict=True)
        print_table(columns, rows, f"{kernel.upper()}: relative error (Frobenius norm)")
