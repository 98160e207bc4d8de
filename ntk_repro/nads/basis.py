"""Experiment: the neural anisotropy directions of a network, as images and in Fourier space.

Source: Ortiz-Jimenez et al. 2021, section 3.2 and appendix C.2 (Figure 10).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from ntk_repro.data import load_dataset
from ntk_repro.errors import UserError
from ntk_repro.gram.memory import parse_bytes
from ntk_repro.models import NetworkChoice
from ntk_repro.nads.directions import NADs, check_precision, neural_anisotropy_directions
from ntk_repro.nads.streams import BASIS_RANDOM, BASIS_SAMPLES
from ntk_repro.network import Network, check_network
from ntk_repro.network_names import own_network, spoken_network
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, check_seed, key_for

__all__ = ["Config", "concentration", "effective_scale", "fourier_magnitude", "network_of", "run", "show"]

_DRAWN = ("origin", "gaussian")  # inputs that the settings give a shape; images have their own
_RANDOM_DIRECTIONS = 200  # whose concentration in Fourier space is averaged


@dataclass(frozen=True)
class Config(NetworkChoice):
    """Computes all neural anisotropy directions of one network at its initialization."""

    net: str = "lenet"
    """Architecture: mlp, lenet or resnet18; or your own: my_network.py:MyNet, or package.module:MyNet."""
    width: float = 1.0
    """Factor on every channel count and hidden width (1: the paper's network)."""
    activation: str = "gelu"
    """Activation function: gelu in the paper; relu has no second derivative at the origin."""
    residual_scale_init: float = 1.0
    """Initial scale of each residual block's last BatchNorm, resnet18 only: 1 here, so that few directions are null (0:
    the authors' code)."""
    size: int = 32
    """Height and width of the inputs; those of the images where `data` names a data set."""
    channels: int = 1
    """Channels of the inputs; those of the images where `data` names a data set."""
    data: str = "origin"
    """Where the derivative is taken: origin (x = 0), gaussian (mean over standard normal inputs), or the name of a data
    set (mean over its images)."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    samples: int = 64
    """Inputs that the derivative is averaged over; without effect at the origin."""
    shown: int = 10
    """How many directions are taken to Fourier space."""
    precision: str = "float32"
    """Of M v: float32 or float64."""
    seed: int = 0
    """Seed of the initialization and of the inputs."""
    memory: str | None = field(default=None, metadata={"identity": False})
    """Memory for the directional derivatives, such as 2GiB; none: 4 GiB. With less some are computed several times."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        scale = f", residual scale {self.residual_scale_init:g}" if self.net == "resnet18" else ""
        shape = f"{self.size} x {self.size} x {self.channels}, " if self.data in _DRAWN else ""
        return f"{self.spoken_net}, {shape}{self.data}{scale}"

    def resolved(self) -> "Config":
        """The same settings, checked, with those that have no effect at fixed values: a run is found by all of them.

        Raises:
            UserError: for settings out of range and unknown names.
        """
        net = self.checked_net()
        check_precision(self.precision)
        check_seed(self.seed)
        for name in ("size", "channels", "samples"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        drawn = self.data in _DRAWN
        _check_shown(self.shown, self.size**2 * self.channels if drawn else None)
        return replace(
            self,
            net=net,
            size=self.size if drawn else Config.size,
            channels=self.channels if drawn else Config.channels,
            residual_scale_init=effective_scale(self),
            samples=Config.samples if self.data == "origin" else self.samples,
        )


def effective_scale(config: Any) -> float:
    """The residual scale of any of this study's settings; 0 for networks of the package that have none."""
    idle = own_network(config.net) is None and not config.has_setting("residual_scale_init")
    return 0.0 if idle else config.residual_scale_init


def _check_shown(shown: int, d: int | None) -> None:
    if shown < 1:
        raise UserError(f"shown must be at least 1, not {shown}")
    if d is not None and shown > d:
        raise UserError(f"shown must be from 1 to the {d} directions that there are, not {shown}")


def network_of(config: Any, input_shape: tuple[int, ...]) -> Network:
    """The network at its initialization, of any of this study's settings."""
    return Network.create(config.net, key_for(config.seed, INIT), input_shape, **config.model_settings)


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Computes the directions, or continues what was interrupted, or returns a run that is done.

    The result's arrays, for d inputs: `values` (d,): singular values, descending; `directions` (d, height, width,
    channels); `null` (d,); `fourier` (shown, height, width, channels): magnitudes of the first directions' unitary
    discrete Fourier transform, frequency 0 in the middle; `frequencies` (shown,): how many frequencies the energy of
    each is spread over, see `concentration`; `random_frequencies`: the same of random directions, on average; where the
    derivative is not taken at the origin `captured_at_origin`: the sum of the alignments that the first directions at
    the origin (as many as shown) have here, as a share of the sum that the first directions here have;
    `alignment_of_origin`: the alignments here of all directions at the origin that are not null there, in their order.

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: for settings or data that cannot be worked with.
    """
    config = config.resolved()
    x, provenance = _samples(config)
    if x is not None:
        _check_shown(config.shown, x[0].size)
    shape = (config.size, config.size, config.channels) if x is None else x.shape[1:]
    check_network(config.net, shape, 1, **config.model_settings)
    memory = None if config.memory is None else parse_bytes(config.memory)
    if RunFolder.is_done("nads_basis", config, root=root):
        with RunFolder.open("nads_basis", config, root=root, provenance=provenance) as folder:
            return folder
    origin = None
    if x is not None and x.shape[1] == x.shape[2]:
        origin = run(replace(config, data="origin", size=x.shape[1], channels=x.shape[3]), root=root)
    with RunFolder.open("nads_basis", config, root=root, provenance=provenance) as folder:
        if not folder.done:
            net = network_of(config, shape)
            nads = neural_anisotropy_directions(net, x, precision=config.precision, memory=memory, folder=folder)
            fourier = fourier_magnitude(nads.directions[: config.shown])
            arrays = {} if origin is None else _compared(nads, origin, config.shown)
            random = np.random.default_rng([config.seed, BASIS_RANDOM]).standard_normal((_RANDOM_DIRECTIONS, *shape))
            folder.finish(
                values=nads.values,
                directions=nads.directions.astype(np.float32),
                null=nads.null,
                fourier=fourier.astype(np.float32),
                frequencies=concentration(fourier),
                random_frequencies=concentration(fourier_magnitude(random)).mean(),
                **arrays,
            )
    return folder


def _compared(nads: NADs, origin: RunFolder, count: int) -> dict[str, np.ndarray]:
    """What the directions at the origin see here."""
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
    """Over how many frequencies the energy is spread: (sum of energies)^2 / sum of their squares.

    A plane wave of real numbers has 2 (a frequency and its negative), noise about half of all frequencies.
    """
    energy = fourier.reshape(len(fourier), -1).astype(np.float64) ** 2
    return energy.sum(axis=1) ** 2 / (energy**2).sum(axis=1)


def _samples(config: Config) -> tuple[np.ndarray | None, dict[str, Any]]:
    """The samples to average over, None for the origin, and what they are."""
    shape = (config.size, config.size, config.channels)
    spoken = " x ".join(map(str, shape))
    if config.data == "origin":
        return None, {"label": f"inputs {spoken}, at the origin"}
    if config.data == "gaussian":
        rng = np.random.default_rng([config.seed, BASIS_SAMPLES])
        x = rng.standard_normal((config.samples, *shape), np.float32)
        return x, {"label": f"inputs {spoken}, mean over {config.samples} standard normal inputs"}
    data = load_dataset(config.data, config.data_dir, config.samples, 1, config.seed)
    return data.x_train, data.provenance.as_dict()


def show(folder: RunFolder) -> None:
    """Prints the first directions' alignments and how concentrated they are in Fourier space."""
    result = folder.result()
    if not result["values"].any():
        net, data = spoken_network(folder.config["net"]), folder.config["data"]
        print(f"the mixed derivative of {net} is 0 ({data}), so that no direction is seen: at the origin that of ReLU")
        print("networks is; take a smooth activation, such as gelu, or --data gaussian")
        return
    alpha = result["values"] ** 2
    table = Table("NAD", "alignment", "of the first", "frequencies", title=spoken_network(folder.config["net"]))
    for j, frequencies in enumerate(result["frequencies"]):
        table.add_row(str(j + 1), f"{alpha[j]:.4g}", f"{alpha[j] / alpha[0]:.1%}", f"{frequencies:.1f}")
    Console().print(table)
    print(f"{int((~result['null']).sum()):,} of {len(alpha):,} directions are not null")
