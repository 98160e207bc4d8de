"""Experiment: the neural anisotropy directions of a network, as images and in Fourier space.

Source: Ortiz-Jimenez et al. 2021, section 3.2 and appendix C.2 (Figure 10).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import load_dataset
from ntk_repro.errors import UserError
from ntk_repro.experiments import DataFolder, experiment
from ntk_repro.nads.directions import NADs, check_precision, neural_anisotropy_directions
from ntk_repro.nads.settings import InputSettings, Samples
from ntk_repro.nads.streams import Stream
from ntk_repro.network_names import display_name
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder

_DRAWN = ("origin", "gaussian")  # inputs whose shape is a setting; images have theirs
_RANDOM_DIRECTIONS = 200  # whose concentration in Fourier space is averaged


@dataclass(frozen=True)
class Config(DataFolder, InputSettings):
    """Computes all neural anisotropy directions of one network at its initialization."""

    size: int = 32
    """Height and width of the inputs; those of the images where `data` names a data set."""
    channels: int = 1
    """Channels of the inputs; those of the images where `data` names a data set."""
    data: str = "origin"
    """Where the derivative is taken: origin (x = 0), gaussian (mean over standard normal inputs), or the name of a data
    set (mean over its images)."""
    samples: int = 64
    """Inputs that the derivative is averaged over; without effect at the origin."""
    shown: int = 10
    """Number of directions that are transformed to Fourier space."""
    precision: str = "float32"
    """Of M v: float32 or float64."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        scale = f", residual scale {self.residual_scale_init:g}" if self.net == "resnet18" else ""
        shape = f"{self.shape}, " if self.data in _DRAWN else ""
        return f"{self.display_name}, {shape}{self.data}{scale}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_precision(self.precision)
        check_counts(samples=self.samples, size=self.size, channels=self.channels)
        drawn = self.data in _DRAWN
        _check_shown(self.shown, self.dimension if drawn else None)
        unused = () if drawn else ("size", "channels")
        return {**super().canonical(), **self.defaults(*unused, *(("samples",) if self.data == "origin" else ()))}


def _check_shown(shown: int, d: int | None) -> None:
    check_counts(shown=shown)
    if d is not None and shown > d:
        raise UserError(f"shown must be from 1 to the {d} directions of the inputs, not {shown}")


def load(config: Config) -> Samples:
    """The inputs of a config, with everything checked that a run needs.

    Raises:
        UserError: for settings or data that cannot be worked with.
    """
    shape = (config.size, config.size, config.channels)
    if config.data == "origin":
        samples = Samples(None, shape, {"label": f"inputs {config.shape}, at the origin"})
    elif config.data == "gaussian":
        rng = np.random.default_rng([config.seed, Stream.BASIS_SAMPLES])
        x = rng.standard_normal((config.samples, *shape), np.float32)
        label = f"inputs {config.shape}, mean over {config.samples} standard normal inputs"
        samples = Samples(x, shape, {"label": label})
    else:
        data = load_dataset(config.data, config.data_dir, config.samples, 1, config.seed)
        samples = Samples(data.x_train, data.x_train.shape[1:], data.provenance.as_dict())
        _check_shown(config.shown, data.x_train[0].size)
    config.check_network(samples.shape)
    return samples


@experiment("nads_basis", load=load)
def run(config: Config, samples: Samples, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes the directions, or continues an interrupted run, or returns a finished one.

    The result's arrays, for d inputs: `values` (d,): singular values, descending; `directions` (d, height, width,
    channels); `null` (d,); `fourier` (shown, height, width, channels): magnitudes of the first directions' unitary
    discrete Fourier transform, frequency 0 in the middle; `frequencies` (shown,): how many frequencies the energy of
    each is spread over, see `concentration`; `random_frequencies`: the same of random directions, on average; where the
    derivative is not taken at the origin `captured_at_origin`: the sum of the alignments that the first directions at
    the origin (as many as shown) have here, as a share of the sum that the first directions here have;
    `alignment_of_origin`: the alignments here of all directions at the origin that are not null there, in their order.
    """
    x, shape = samples.x, samples.shape
    nads = neural_anisotropy_directions(
        config.initial_network(shape), x, precision=config.precision, memory=config.memory_bytes, folder=folder
    )
    fourier = fourier_magnitude(nads.directions[: config.shown])
    random = np.random.default_rng([config.seed, Stream.BASIS_RANDOM]).standard_normal((_RANDOM_DIRECTIONS, *shape))
    arrays = {}
    if x is not None and shape[0] == shape[1]:
        at_origin = replace(config, data="origin", size=shape[0], channels=shape[2])
        arrays = _compared(nads, run(at_origin, folder.root), config.shown)
    return {
        "values": nads.values,
        "directions": nads.directions.astype(np.float32),
        "null": nads.null,
        "fourier": fourier.astype(np.float32),
        "frequencies": concentration(fourier),
        "random_frequencies": concentration(fourier_magnitude(random)).mean(),
        **arrays,
    }


def _compared(nads: NADs, origin: RunFolder, count: int) -> dict[str, np.ndarray]:
    """How well the directions at the origin describe the derivative here."""
    found, d = origin.result(), len(nads.values)
    along = found["directions"].reshape(d, -1).astype(np.float64) @ nads.directions.reshape(d, -1).T
    alignments = along**2 @ nads.alignments
    return {
        "captured_at_origin": alignments[:count].sum() / nads.alignments[:count].sum(),
        "alignment_of_origin": alignments[~found["null"]],
    }


def fourier_magnitude(
    directions: Float[np.ndarray, "n height width channels"],
) -> Float[np.ndarray, "n height width channels"]:
    """Magnitudes of the unitary discrete Fourier transform over pixels, frequency 0 in the middle."""
    axes = (1, 2)
    return np.abs(np.fft.fftshift(np.fft.fft2(directions, axes=axes, norm="ortho"), axes=axes))


def concentration(fourier: Float[np.ndarray, "n height width channels"]) -> Float[np.ndarray, " n"]:
    """The number of frequencies that the energy is spread over: (sum of energies)^2 / sum of their squares.

    A plane wave of real numbers has 2 (a frequency and its negative), noise about half of all frequencies.
    """
    energy = fourier.reshape(len(fourier), -1).astype(np.float64) ** 2
    return energy.sum(axis=1) ** 2 / (energy**2).sum(axis=1)


def show(folder: RunFolder) -> None:
    """Prints the first directions' alignments and how concentrated they are in Fourier space."""
    result = folder.result()
    if not result["values"].any():
        net, data = display_name(folder.config["net"]), folder.config["data"]
        print(f"the mixed derivative of {net} is 0 ({data}), so that no direction is seen: at the origin that of ReLU")
        print("networks is; take a smooth activation, such as gelu, or --data gaussian")
        return
    alpha = result["values"] ** 2
    columns = {"NAD": "d", "alignment": ".4g", "of the first": ".1%", "frequencies": ".1f"}
    rows = [(j + 1, alpha[j], alpha[j] / alpha[0], count) for j, count in enumerate(result["frequencies"])]
    print_table(columns, rows, display_name(folder.config["net"]))
    print(f"{int((~result['null']).sum()):,} of {len(alpha):,} directions are not null")
