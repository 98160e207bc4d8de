"""Experiment: a network and its linearization trained identically, and what the first kernel predicts about both.

Source: Lee et al. 2019, Figures 3, 4, S2, S3, S4 and S8.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.command_line import print_table
from ntk_repro.data import RegressionData
from ntk_repro.errors import UserError, check_name
from ntk_repro.experiments import DataSettings, MinibatchSettings, experiment
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for, order_seed
from ntk_repro.training import critical_learning_rate, l2_distance, minibatches, train_pair
from ntk_repro.wide_limit.batch_normalization import MODES, Mode, calibrated, normalised
from ntk_repro.wide_limit.observables import chosen_weights, observer, scores
from ntk_repro.wide_limit.predictions import PREDICTIONS, KernelModel, Prediction, kernel_model
from ntk_repro.wide_limit.settings import (
    DescentSettings,
    FcnSettings,
    RegressionSettings,
    check_outputs_for_loss,
    checked_regression_data,
)

_CALIBRATION = 256  # images that the batch statistics of the start are taken from
_SETTINGS = {
    "fcn": ("hidden", "depth"),
    "cnn": ("channels", "depth"),
    "wide_resnet": ("channels", "blocks", "batch_norm"),
}
_BLOCK = 64  # images evaluated at a time where there are convolutions


@dataclass(frozen=True)
class Config(MinibatchSettings, DescentSettings, RegressionSettings, DataSettings, FcnSettings):
    """Trains a network and its linearization from one start on the same batches, and predicts both from kernels."""

    net: Literal["fcn", "cnn", "wide_resnet"] = "fcn"
    """Architecture: fcn, cnn (global average pooling) or wide_resnet."""
    hidden: int = 512
    """Units in each hidden layer of fcn."""
    channels: int = 64
    """Channels of every layer of cnn and wide_resnet."""
    depth: int = 3
    """Hidden layers of fcn and cnn."""
    blocks: int = 1
    """Residual blocks in each of the three groups of wide_resnet."""
    parameterization: Literal["ntk", "standard"] = "ntk"
    """Where the scale of a layer sits: in its equation (ntk) or in its initialization (standard)."""
    batch_norm: Mode = "batch"
    """BatchNorm of wide_resnet: batch (network and linearization both normalise by the statistics of the batch they are
    given, as the paper's library does), frozen (both by those of the start), live (the network by those of each batch,
    the linearization by those of the start) or none."""
    loss: Literal["half_mean_squared_error", "cross_entropy"] = "half_mean_squared_error"
    """Squared loss, 1/2 mean over images and outputs, or softmax cross-entropy."""
    learning_rate: float = 0.01
    """Learning rate, for the averaged loss."""
    momentum: float = 0.0
    """Heavy-ball momentum, between 0 and 1."""
    steps: int = 1000
    """Steps of gradient descent."""
    observations: int = 60
    """Largest number of steps at which outputs and weights are observed."""
    spacing: Literal["log", "linear"] = "log"
    """How the observed steps are spread."""
    predictions: tuple[Prediction, ...] | None = None
    """Kernels that predict the training by a closed form (squared loss) or an ODE (cross-entropy): empirical (that of
    the network at the start), analytic (at infinite width); none: empirical where that prediction exists."""
    flow_rate: float | None = None
    """Learning rate at which the steps of the empirical prediction are compared with continuous time, over the time of
    the training; none: that of the training."""
    n_train: int | None = 256
    n_test: int | None = 200
    num_observed: int = 256
    """How many of the training images and of the test images outputs, losses and accuracies are taken on."""
    num_weights: int = 10
    """Number of single weights that are followed, drawn at random."""

    @property
    def width(self) -> int:
        """Units or channels of a layer."""
        return self.hidden if self.net == "fcn" else self.channels

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        norm = f", BatchNorm: {MODES[self.batch_norm]}" if self.net == "wide_resnet" else ""
        return f"{self.net} of width {self.width:,} and its linearization on {self.data}{norm}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_name("network", self.net, _SETTINGS)
        self.network()
        check_counts(steps=self.steps, observations=self.observations)
        check_counts(num_observed=self.num_observed, num_weights=self.num_weights)
        check_outputs_for_loss(self.loss, self.classes)
        unused = {"hidden", "channels", "depth", "blocks", "batch_norm"} - set(_SETTINGS[self.net])
        # Outputs that depend on the other images of their batch have no kernel.
        has_kernel = self.net != "wide_resnet" or self.batch_norm in ("frozen", "none")
        predictions = self.predictions
        if predictions is None:
            predictions = ("empirical",) if has_kernel and self.batch_size is None else ()
        if predictions and not has_kernel:
            raise UserError(
                f"with batch_norm={self.batch_norm!r} outputs depend on their batch, so no kernel predicts them: "
                "leave out predictions, or take frozen or none"
            )
        if predictions and self.batch_size is not None and self.loss != "cross_entropy":
            raise UserError(
                "closed forms of the squared loss are for the full batch: leave out batch_size or predictions"
            )
        predictions = tuple(name for name in PREDICTIONS if name in predictions)
        if self.flow_rate is not None and ("empirical" not in predictions or self.loss == "cross_entropy"):
            raise UserError("flow_rate is for the empirical prediction of the squared loss: leave it out")
        return {**super().canonical(), **self.defaults(*unused), "predictions": predictions}

    def network(self, num_outputs: int = 1) -> Any:
        """The Flax module with this number of outputs."""
        sizes = {name: getattr(self, name) for name in _SETTINGS[self.net]}
        if "batch_norm" in sizes:
            sizes["batch_norm"] = self.batch_norm != "none"
        return build_model(
            self.net,
            num_outputs=num_outputs,
            activation=self.activation,
            **self.sigmas,
            parameterization=self.parameterization,
            **sizes,
        )

    largest_network = network

    @property
    def observed(self) -> tuple[int, ...]:
        """The observed steps, the first and the last among them."""
        if self.spacing == "linear":
            at = np.linspace(0, self.steps, self.observations)
        else:
            at = np.concatenate([[0], np.geomspace(1, self.steps, max(self.observations - 1, 1))])
        return tuple(sorted({*np.round(at).astype(int).tolist(), 0, self.steps}))


def _load(config: Config) -> RegressionData:
    data = checked_regression_data(config)
    config.check_batches(len(data.x_train))
    if config.loss == "cross_entropy" and data.num_outputs < 3:
        raise UserError("cross_entropy needs three classes or more in the data: take other data, or the squared loss")
    return data


@experiment("wide_limit_trajectories", load=_load)
def run(config: Config, data: RegressionData, folder: RunFolder) -> dict[str, Any]:
    """Trains the pair and computes the predictions, or continues an interrupted run, or returns a finished one.

    The result's arrays, for S observed steps, n and m observed images of k outputs, W weights: `steps` (S,);
    `y_train` (n, k), `y_test` (m, k), the targets; `learning_rate_ratio`, eta / eta_critical; for the network, the
    linearization trained directly and each prediction, with <who> one of `network`, `linearized`, `empirical`,
    `analytic`: `<who>_train` (S, n, k) and `<who>_test` (S, m, k), outputs; `<who>_train_loss`, `<who>_test_loss`,
    `<who>_train_accuracy`, `<who>_test_accuracy` (S,); `<who>_rmse` (S,), root mean square difference to the network's
    test outputs (not for the network); for the first two `<who>_weights` (S, W), changes of single weights.
    At the end `weights_apart`, the distance of the linearization's weights from the network's over how far the
    network's moved (norms). With the empirical kernel and the squared loss also `flow_apart` (S,), root mean square
    difference of the test outputs between steps at `flow_rate` and continuous time. nan from where a training diverged.
    """
    net = Network.create(config.network(data.num_outputs), key_for(config.seed, INIT), data.x_train.shape[1:])
    # Kernels are those of the network with the statistics of the start, however it is trained.
    net = calibrated(net, data.x_train[:_CALIBRATION])
    trained = normalised(net, config.batch_norm)
    critical = critical_learning_rate(net, data.x_train, data.num_outputs, config.loss)
    shown = slice(0, config.num_observed)
    x_train, x_test = data.x_train[shown], data.x_test[shown]
    weights = chosen_weights(net.params, config.num_weights, config.seed)
    block = config.num_observed if config.net == "fcn" else _BLOCK

    started = time.monotonic()
    pair = train_pair(
        trained,
        data.x_train,
        data.y_train,
        learning_rate=config.learning_rate,
        steps=config.steps,
        batches=_batches(config, len(data.x_train)),
        momentum=config.momentum,
        loss=config.loss,
        observe_at=config.observed,
        observe_fn=observer(x_train, x_test, weights, block),
        batch_statistics=config.batch_norm == "live",
        force=config.force,
        critical=critical,
        folder=folder,
    )
    folder.log(phase="training", learning_rate_ratio=pair[0].ratio, seconds=time.monotonic() - started)

    outputs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    changes = {}
    for who, descent in zip(("network", "linearized"), pair, strict=True):
        seen: dict[str, Any] = descent.observations
        outputs[who] = (seen["train"], seen["test"])
        changes[f"{who}_weights"] = seen["weights"] - seen["weights"][0]
    ends = [descent.network.params for descent in pair]
    result: dict[str, Any] = {"steps": np.array(config.observed), "learning_rate_ratio": pair[0].ratio, **changes}
    result["weights_apart"] = l2_distance(*ends) / l2_distance(ends[0], net.params)
    for kernel in config.predictions or ():
        started = time.monotonic()
        settings: dict[str, Any] = {"loss": config.loss, "momentum": config.momentum}
        model = kernel_model(net, data.x_train, x_test, data.y_train, kernel=kernel, **settings)
        train, test = model.outputs(result["steps"], config.learning_rate)
        outputs[kernel] = (train[:, shown], test)
        if kernel == "empirical" and config.loss != "cross_entropy":
            result["flow_apart"] = _flow_apart(config, model)
        folder.log(phase=f"prediction from the {kernel} kernel", seconds=time.monotonic() - started)

    targets = {"train": data.y_train[shown], "test": data.y_test[shown]}
    for who, parts in outputs.items():
        for (part, y), fx in zip(targets.items(), parts, strict=True):
            result[f"y_{part}"] = y
            result[f"{who}_{part}"] = np.asarray(fx, np.float32)
            result[f"{who}_{part}_loss"], result[f"{who}_{part}_accuracy"] = scores(fx, y, config.loss)
        if who != "network":
            difference = np.asarray(parts[1], np.float64) - outputs["network"][1]
            result[f"{who}_rmse"] = np.sqrt((difference**2).mean(axis=(1, 2)))
    return result


def _flow_apart(config: Config, model: KernelModel) -> Float[np.ndarray, " S"]:
    rate = config.flow_rate or config.learning_rate
    steps = np.round(np.array(config.observed) * (config.learning_rate / rate)).astype(int)
    (_, by_steps), (_, by_flow) = model.outputs(steps, rate), model.flow(steps, rate)
    return np.sqrt(((by_steps - by_flow) ** 2).mean(axis=(1, 2)))


def _batches(config: Config, n: int) -> Int[np.ndarray, "steps b"] | None:
    if config.batch_size is None:
        return None
    epochs = math.ceil(config.steps * config.batch_size / n)
    return minibatches(order_seed(config.seed), n, config.batch_size, epochs)[: config.steps]


def show(folder: RunFolder) -> None:
    """Prints losses and accuracies at the end, and how far linearization and predictions are from the network."""
    result = folder.result()
    formats = {"train_loss": ".4f", "test_loss": ".4f", "train_accuracy": ".1%", "test_accuracy": ".1%"}
    columns = {"": "", **{name.replace("_", " "): spec for name, spec in formats.items()}}
    rows = []
    for who in ("network", "linearized", *folder.config["predictions"]):
        rmse = "" if who == "network" else result[f"{who}_rmse"][-1]
        rows.append((who, *(result[f"{who}_{name}"][-1] for name in formats), rmse))
    print_table({**columns, "off the network (RMSE)": ".4f"}, rows)
    print(f"eta / eta_critical = {float(result['learning_rate_ratio']):.2g}")
