"""Experiment: how far weights and kernels move in training, against the width of the network.

Source: Lee et al. 2019, Figures 1 and S6.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram, empirical_nngp
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.training import descend
from ntk_repro.wide_limit.regression_data import RegressionData, load_regression_data
from ntk_repro.wide_limit.widths import checked_increasing, spoken_widths

__all__ = ["QUANTITIES", "Config", "relative_weight_changes", "run", "show"]

QUANTITIES = ("input", "intermediate", "output", "ntk", "nngp")
"""What is measured: the weights of three kinds of layers, the empirical NTK and the empirical NNGP kernel."""


@dataclass(frozen=True)
class Config:
    """Trains fully connected networks of many widths and measures how far their weights and kernels have moved."""

    depth: int = 3
    """Hidden layers."""
    activation: str = "relu"
    """Activation function: relu, tanh, erf, gelu, softplus or identity."""
    sigma_w_squared: float = 2.0
    """Variance of the weights; the paper does not name it for these figures, this is its Figure 3's."""
    sigma_b_squared: float = 0.1
    """Variance of the biases, 0 for none; as for the weights."""
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Units a hidden layer."""
    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    classes: tuple[int, ...] | None = None
    """Classes to take; two of them are targets +1 and -1 of one output, otherwise targets are one-hot. None: all."""
    n_train: int = 128
    """Training images, all in every step."""
    data_seed: int = 0
    """Seed of the subset."""
    seed: int = 0
    """Seed of the initializations."""
    learning_rate: float = 1.0
    """Of the loss 1/2 mean (f - y)^2 over images and outputs."""
    steps: int = 1024
    """Steps of full-batch gradient descent; changes are also taken at a half, a quarter ... of them (to 1/64)."""
    kernel_outputs: Literal["full", "mean"] = "full"
    """The NTK as in the paper, (n k, n k) with a block for each pair of outputs, or the mean of its diagonal blocks."""
    force: bool = False
    """Train although the learning rate is above the critical one."""

    @property
    def n_test(self) -> int:
        """Test images: one, which is not used."""
        return 1

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        layers = f"{self.depth} {self.activation} layer{'s' if self.depth > 1 else ''}"
        return f"fcn of {layers}, {spoken_widths(self.widths)} on {self.data}"

    def resolved(self) -> "Config":
        """The same settings in their canonical form.

        Raises:
            UserError: for settings that no network or training could have.
        """
        checked_increasing("widths", self.widths)
        if self.steps < 1:
            raise UserError(f"steps must be at least 1, not {self.steps}")
        self.module(self.widths[0], 1)
        idle = {"kernel_outputs": "mean"} if self.classes is not None and len(self.classes) == 2 else {}
        return replace(self, **idle)

    def module(self, width: int, num_outputs: int) -> Any:
        """The network of one width."""
        sigmas = {"sigma_w": self.sigma_w_squared**0.5, "sigma_b": self.sigma_b_squared**0.5}
        return build_model(
            "fcn", hidden=width, depth=self.depth, num_outputs=num_outputs, activation=self.activation, **sigmas
        )

    @property
    def observed(self) -> tuple[int, ...]:
        """The steps after which changes are taken: steps/64, steps/32 ... steps (those that are at least 1)."""
        return tuple(sorted({self.steps // 2**i for i in range(7)} - {0}))


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Trains a network of each width, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for w widths and s observed steps: `widths` (w,), `steps` (s,); `input`, `output`, `ntk`,
    `nngp` (w, s) and, with two hidden layers or more, `intermediate` (w, s): ||now - before|| / ||before|| in the
    Frobenius norm, of weights all layers of the kind together, biases left out; `train_loss` (w, s), and
    `learning_rate_ratio` (w,): learning rate over the critical one of the network's kernel. nan from where a training
    diverged.

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: for settings or data that cannot be worked with, and a learning rate above the critical one.
    """
    config = config.resolved()
    data = load_regression_data(config)
    with RunFolder.open("wide_limit_drift", config, root=root, provenance=data.provenance.as_dict()) as folder:
        if not folder.done:
            parts = [_one_width(config, data, width, folder) for width in config.widths]
            arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
            folder.finish(widths=np.array(config.widths), steps=np.array(config.observed), **arrays)
    return folder


def relative_weight_changes(params: Any, params_0: Any) -> dict[str, float]:
    """||W - W_0|| / ||W_0|| (Frobenius) of the input, intermediate and output weights of an `fcn`.

    All intermediate layers count as one; a network of one hidden layer has none. Biases are left out.

    Source: Lee et al. 2019, Figure 1 and Eq. (17).
    """
    first, last = "Dense_0", "readout"
    kinds = {"input": [first], "intermediate": sorted(set(params_0) - {first, last}), "output": [last]}
    return {
        kind: _relative([params[layer]["kernel"] for layer in layers], [params_0[layer]["kernel"] for layer in layers])
        for kind, layers in kinds.items()
        if layers
    }


def _one_width(config: Config, data: RegressionData, width: int, folder: RunFolder) -> dict[str, np.ndarray]:
    part = folder.load_part(f"width={width}")
    if part is not None:
        return part
    console.print(f"width {width:,}", highlight=False)
    x = data.x_train
    net = Network.create(config.module(width, data.num_outputs), key_for(config.seed, INIT), x.shape[1:])
    kernels_0 = _kernels(net, x, config.kernel_outputs)

    def observe(params: Any) -> dict[str, np.ndarray]:
        kernels = _kernels(net.replace(params=params), x, config.kernel_outputs)
        changes = relative_weight_changes(params, net.params)
        changes |= {name: _relative([kernels[name]], [kernels_0[name]]) for name in kernels}
        return {name: np.asarray(change) for name, change in changes.items()}

    descent = descend(
        net,
        x,
        data.y_train,
        learning_rate=config.learning_rate,
        steps=config.steps,
        observe_at=config.observed,
        observe_fn=observe,
        force=config.force,
        folder=folder,
        name=f"descent_{width}",
    )
    part = {name: np.asarray(values, float) for name, values in descent.observations.items()}
    part |= {"train_loss": np.asarray(descent.train_loss), "learning_rate_ratio": np.asarray(descent.ratio)}
    folder.save_part(f"width={width}", **part)
    return part


def _kernels(net: Network, x: np.ndarray, outputs: str) -> dict[str, np.ndarray]:
    return {"ntk": empirical_gram(net, x, outputs=outputs), "nngp": empirical_nngp(net, x)}


def _relative(now: list, before: list) -> float:
    """||now - before|| / ||before|| over all arrays of two lists, summed in float64."""
    change, size = 0.0, 0.0
    for a, b in zip(now, before, strict=True):
        start = np.asarray(b, np.float64)
        change += float(np.sum((np.asarray(a, np.float64) - start) ** 2))
        size += float(np.sum(start**2))
    return (change / size) ** 0.5


def show(folder: RunFolder) -> None:
    """Prints a run's relative changes at the end of training and where they are kept."""
    result = folder.result()
    names = [name for name in QUANTITIES if name in result]
    table = Table("width", *names, "eta / eta_critical", title="relative change in training (Frobenius norm)")
    for i, width in enumerate(result["widths"]):
        changes = [f"{result[name][i, -1]:.3g}" for name in names]
        table.add_row(f"{width:,}", *changes, f"{result['learning_rate_ratio'][i]:.2g}")
    Console().print(table)
