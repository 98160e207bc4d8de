"""Experiment: how far a network's outputs are from its linearization's, against width and training-set size.

Source: Lee et al. 2019, Figure S5 and section 3 ("effects of dataset size").
"""

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

from ntk_repro.command_line import print_table
from ntk_repro.data import RegressionData
from ntk_repro.dynamics import mse_dynamics
from ntk_repro.experiments import NTest, TrainingSizes, experiment
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.progress import stages
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.training import Descent, l2_distance, train_pair
from ntk_repro.wide_limit.settings import (
    RegressionSettings,
    StepSettings,
    WidthsSettings,
    check_increasing,
    check_outputs_for_loss,
    checked_regression_data,
)

PyTree = Any
Outputs = tuple[Float[np.ndarray, "s n k"], Float[np.ndarray, "s m k"]]
"""On the training and on the test images, at the observed steps."""


@dataclass(frozen=True)
class Config(TrainingSizes, StepSettings, RegressionSettings, NTest, WidthsSettings):
    """Trains networks of many widths on data sets of many sizes; compares each with its linearization."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    sizes: tuple[int, ...] = (32, 64, 128, 256)
    """Numbers of training images, all in every step; the smaller are the beginning of the larger."""
    n_test: int = 128
    """Test images, on which the outputs are compared."""
    classes: tuple[int, ...] | None = (7, 0)
    """Two classes as targets +1 and -1; three or more, as cross_entropy needs them, or none for all, one-hot."""
    loss: Literal["half_mean_squared_error", "cross_entropy"] = "half_mean_squared_error"
    """Squared loss, 1/2 mean over images and outputs, or softmax cross-entropy."""
    learning_rate: float = 0.2
    """Of the averaged loss; the same for all sizes, by default about half the critical one."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        sizes = " to ".join(f"{size:,}" for size in dict.fromkeys((self.sizes[0], self.sizes[-1])))
        loss = ", cross-entropy" if self.loss == "cross_entropy" else ""
        return f"fcn, {self.width_range} on {sizes} images of {self.data}{loss}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_increasing("sizes", self.sizes)
        check_outputs_for_loss(self.loss, self.classes)
        return super().canonical()


@experiment("wide_limit_linearization_error", load=checked_regression_data)
def run(config: Config, data: RegressionData, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains every network, or continues a run that was interrupted, or returns one that is done.

    Both are trained by the same steps of gradient descent. For the squared loss the linearization has the closed form
    of `mse_dynamics`, exact for discrete steps, with the kernel of the network at its initialization.

    The result's arrays, for w widths, d sizes and s observed steps: `widths` (w,), `sizes` (d,), `steps` (s,);
    `test_rmse`, `train_rmse` (w, d, s): root mean squared difference of the outputs of network and linearization;
    `test_scale` (w, d, s): root mean squared output of the linearization on the test images; `train_loss` of the
    network (w, d, s); `weights_apart` (w, d): distance of the two's parameters at the end over how far the network's
    moved; `learning_rate_ratio` (w, d): learning rate over the critical one. nan where a training diverged.
    """
    points = itertools.product(config.widths, config.sizes)
    parts = [
        folder.part(f"width={width}_n={n}", _one, config, data, width, n, folder)
        for width, n in stages(points, lambda point: f"width {point[0]:,}, {point[1]:,} images")
    ]
    shape = (len(config.widths), len(config.sizes))
    columns = {name: np.array([part[name] for part in parts]) for name in parts[0]}
    arrays = {name: column.reshape(*shape, *column.shape[1:]) for name, column in columns.items()}
    lists = {"widths": config.widths, "sizes": config.sizes, "steps": config.observed}
    return arrays | {name: np.array(values) for name, values in lists.items()}


def _one(config: Config, data: RegressionData, width: int, n: int, folder: RunFolder) -> dict[str, np.ndarray]:
    data = replace(data, x_train=data.x_train[:n], y_train=data.y_train[:n])
    net = Network.create(config.module(width, data.num_outputs), key_for(config.seed, INIT), data.x_train.shape[1:])
    compared = _with_closed_form if config.loss == "half_mean_squared_error" else _side_by_side
    descent, (fx_train_lin, fx_test_lin), linearized = compared(config, net, data, folder, f"{width}_{n}")
    (fx_train, fx_test), trained = descent.observations, descent.network.params
    return {
        "test_rmse": _rms(fx_test - fx_test_lin),
        "train_rmse": _rms(fx_train - fx_train_lin),
        "test_scale": _rms(fx_test_lin),
        "train_loss": np.asarray(descent.train_loss),
        "weights_apart": np.asarray(l2_distance(trained, linearized) / l2_distance(trained, net.params)),
        "learning_rate_ratio": np.asarray(descent.ratio),
    }


def _with_closed_form(
    config: Config, net: Network, data: RegressionData, folder: RunFolder, name: str
) -> tuple[Descent, Outputs, PyTree]:
    """The trained network, and the outputs and the last parameters of its linearization."""
    x, y, x_test = data.x_train, data.y_train, data.x_test

    def observe(params: Any) -> tuple[Array, Array]:
        return net.apply(params, x), net.apply(params, x_test)

    descent = config.descend(net, x, y, observe, folder, name)
    dynamics = mse_dynamics(empirical_gram(net, x, outputs="full"), y)
    fx_train_0 = net(x)
    # The closed form is for the summed loss; the learning rate is for its mean over the targets.
    rate = config.learning_rate / y.size
    outputs = dynamics.outputs_after(
        np.array(config.observed),
        rate,
        fx_train_0=fx_train_0,
        fx_test_0=net(x_test),
        k_test_train=empirical_gram(net, x_test, x, outputs="full"),
    )
    return descent, outputs, dynamics.weights_after(net, x, config.steps, rate, fx_train_0)


def _side_by_side(
    config: Config, net: Network, data: RegressionData, folder: RunFolder, name: str
) -> tuple[Descent, Outputs, PyTree]:
    """As `_with_closed_form`, the linearization trained."""
    network, linearization = train_pair(
        net,
        data.x_train,
        data.y_train,
        learning_rate=config.learning_rate,
        steps=config.steps,
        loss=config.loss,
        observe_at=config.observed,
        observe_fn=lambda trained, params: (trained.apply(params, data.x_train), trained.apply(params, data.x_test)),
        force=config.force,
        folder=folder,
        name=f"pair_{name}",
    )
    return network, linearization.observations, linearization.network.params


def _rms(fx: Float[np.ndarray, "s m k"]) -> Float[np.ndarray, " s"]:
    """The root mean square over samples and outputs, for every observed step."""
    return np.sqrt(np.mean(np.asarray(fx, np.float64) ** 2, axis=(1, 2)))


def show(folder: RunFolder) -> None:
    """Prints a run's errors at the end of training."""
    result = folder.result()
    columns = {"width": ",", **{f"n = {n:,}": ".3g" for n in result["sizes"]}}
    rows = zip(result["widths"], *result["test_rmse"][..., -1].T, strict=True)
    print_table(columns, rows, "RMSE between network and linearization")
