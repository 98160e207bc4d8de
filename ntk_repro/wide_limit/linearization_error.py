"""Experiment: how far a network's outputs are from those of its linearization, against its width and the data's size.

Source: Lee et al. 2019, Figure S5 and section 3 ("effects of dataset size").
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from ntk_repro.dynamics import mse_dynamics
from ntk_repro.errors import UserError
from ntk_repro.gram import empirical_gram
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.training import descend
from ntk_repro.wide_limit.regression_data import RegressionData, load_regression_data
from ntk_repro.wide_limit.widths import checked_increasing, spoken_widths

__all__ = ["Config", "run", "show"]


@dataclass(frozen=True)
class Config:
    """Trains networks of many widths on data sets of many sizes, each beside the closed form of its linearization."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Units a hidden layer."""
    sizes: tuple[int, ...] = (32, 64, 128, 256)
    """Numbers of training images, all in every step; the smaller are the beginning of the larger."""
    n_test: int = 128
    """Test images, on which the outputs are compared."""
    depth: int = 3
    """Hidden layers."""
    activation: str = "relu"
    """Activation function: relu, tanh, erf, gelu, softplus or identity."""
    sigma_w_squared: float = 2.0
    """Variance of the weights, sigma_w^2."""
    sigma_b_squared: float = 0.1
    """Variance of the biases, sigma_b^2 (0: no biases)."""
    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    classes: tuple[int, int] = (7, 0)
    """The two classes, as targets +1 and -1."""
    data_seed: int = 0
    """Seed of the subset."""
    seed: int = 0
    """Seed of the initializations."""
    learning_rate: float = 0.2
    """Of the loss 1/2 mean (f - y)^2 over the images; the same for all sizes, about half the critical one."""
    steps: int = 1024
    """Steps of full-batch gradient descent; the error is also taken at a half, a quarter ... of them (to 1/64)."""
    force: bool = False
    """Train although the learning rate is above the critical one."""

    @property
    def n_train(self) -> int:
        """The largest number of training images."""
        return self.sizes[-1]

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        sizes = f"{self.sizes[0]:,} to {self.sizes[-1]:,} images" if len(self.sizes) > 1 else f"{self.n_train:,} images"
        return f"fcn, {spoken_widths(self.widths)} on {sizes} of {self.data}"

    def resolved(self) -> "Config":
        """The same settings, checked.

        Raises:
            UserError: for settings that no network or training could have.
        """
        checked_increasing("widths", self.widths)
        checked_increasing("sizes", self.sizes)
        if self.steps < 1:
            raise UserError(f"steps must be at least 1, not {self.steps}")
        self.module(self.widths[0])
        return self

    def within(self, n_train: int, n_test: int) -> tuple["Config", list[str]]:
        """The settings without the sizes that so few images cannot give, and what to say of that on the terminal."""
        sizes = tuple(size for size in self.sizes if size <= n_train)
        if sizes == self.sizes:
            return self, []
        return replace(self, sizes=sizes), [f"sizes beyond {n_train:,} training images are left out"]

    def module(self, width: int) -> Any:
        """The network of one width."""
        sigmas = {"sigma_w": self.sigma_w_squared**0.5, "sigma_b": self.sigma_b_squared**0.5}
        return build_model("fcn", hidden=width, depth=self.depth, activation=self.activation, **sigmas)

    @property
    def observed(self) -> tuple[int, ...]:
        """The steps after which outputs are compared: steps/64, steps/32 ... steps (those that are at least 1)."""
        return tuple(sorted({self.steps // 2**i for i in range(7)} - {0}))


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Trains every network, or continues a run that was interrupted, or returns one that is done.

    A linearization trained by the same steps of gradient descent has the closed form of `mse_dynamics`, exact for
    discrete steps, with the network's own kernel at its initialization.

    The result's arrays, for w widths, d sizes and s observed steps: `widths` (w,), `sizes` (d,), `steps` (s,);
    `test_rmse`, `train_rmse` (w, d, s): root mean squared difference of the outputs of network and linearization;
    `test_scale` (w, d, s): root mean squared output of the linearization on the test images; `train_loss` of the
    network (w, d, s); `learning_rate_ratio` (w, d): learning rate over the critical one. nan where a training diverged.

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: for settings or data that cannot be worked with, and a learning rate above the critical one.
    """
    config = config.resolved()
    data = load_regression_data(config)
    with RunFolder.open(
        "wide_limit_linearization_error", config, root=root, provenance=data.provenance.as_dict()
    ) as folder:
        if not folder.done:
            rows = [[_one(config, data, width, n, folder) for n in config.sizes] for width in config.widths]
            arrays = {name: np.array([[part[name] for part in row] for row in rows]) for name in rows[0][0]}
            lists = {name: np.array(getattr(config, name)) for name in ("widths", "sizes")}
            folder.finish(**lists, steps=np.array(config.observed), **arrays)
    return folder


def _one(config: Config, data: RegressionData, width: int, n: int, folder: RunFolder) -> dict[str, np.ndarray]:
    name = f"width={width}_n={n}"
    part = folder.load_part(name)
    if part is not None:
        return part
    console.print(f"width {width:,}, {n:,} images", highlight=False)
    x, y, x_test = data.x_train[:n], data.y_train[:n], data.x_test
    net = Network.create(config.module(width), key_for(config.seed, INIT), x.shape[1:])
    descent = descend(
        net,
        x,
        y,
        learning_rate=config.learning_rate,
        steps=config.steps,
        observe_at=config.observed,
        observe_fn=lambda params: (net.apply(params, x), net.apply(params, x_test)),
        force=config.force,
        folder=folder,
        name=f"descent_{width}_{n}",
    )
    fx_train, fx_test = descent.observations
    dynamics = mse_dynamics(empirical_gram(net, x), y)
    # The closed form is for the summed loss; the learning rate is for its mean over the n targets.
    fx_train_lin, fx_test_lin = dynamics.outputs_after(
        np.array(config.observed),
        config.learning_rate / y.size,
        fx_train_0=net(x),
        fx_test_0=net(x_test),
        k_test_train=empirical_gram(net, x_test, x),
    )
    part = {
        "test_rmse": _rms(fx_test - fx_test_lin),
        "train_rmse": _rms(fx_train - fx_train_lin),
        "test_scale": _rms(fx_test_lin),
        "train_loss": _rms(fx_train - y) ** 2 / 2,
        "learning_rate_ratio": np.asarray(descent.ratio),
    }
    folder.save_part(name, **part)
    return part


def _rms(fx: Float[np.ndarray, "s m k"]) -> Float[np.ndarray, " s"]:
    """The root mean square over samples and outputs, for every observed step."""
    return np.sqrt(np.mean(np.asarray(fx, np.float64) ** 2, axis=(1, 2)))


def show(folder: RunFolder) -> None:
    """Prints a run's errors at the end of training."""
    result = folder.result()
    table = Table("width", *(f"n = {n:,}" for n in result["sizes"]), title="RMSE between network and linearization")
    for width, row in zip(result["widths"], result["test_rmse"][..., -1], strict=True):
        table.add_row(f"{width:,}", *(f"{error:.3g}" for error in row))
    Console().print(table)
