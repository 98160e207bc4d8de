"""Experiment: the training of `training` with another loss, or in double precision.

Source: Samarin et al. 2022, section 3 (cross-entropy) and section 4 (double precision).
"""

import contextlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, RegressionData
from ntk_repro.experiments import experiment
from ntk_repro.finite_width.settings import FiniteWidthSettings, SgdSettings
from ntk_repro.finite_width.task import checked_images, targets
from ntk_repro.finite_width.training import KINDS
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.precision import cast, float64_scope
from ntk_repro.progress import console
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, l2_distance, landmark_epochs, train


@dataclass(frozen=True)
class Config(SgdSettings, FiniteWidthSettings):
    """Trains a network, its linearization or both with a loss and a precision."""

    models: Literal["both", "network", "linearized"] = "network"
    """What to train: both, only the network or only the linearization."""
    loss: Literal["mean_squared_error", "cross_entropy"] = "mean_squared_error"
    """The loss: the squared error, averaged over batch and outputs, or the cross-entropy of the softmax."""
    precision: Literal["float32", "float64"] = "float32"
    """Of weights, images and every step."""
    learning_rate: float = 0.1
    epochs: int = 100
    decay_epochs: int | None = None
    """The learning rate is divided by ten every this many passes; none: never."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        _ = self.recipe
        return super().canonical()

    @property
    def recipe(self) -> Recipe:
        """How the models train.

        Raises:
            UserError: for a setting out of range.
        """
        return self.recipe_for(self.loss, self.decay_epochs)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is trained."""
        return KINDS if self.models == "both" else (self.models,)

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{super().label}, {self.loss}, {self.precision}"


@experiment("finite_width_variants", load=checked_images)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains the models, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, with <kind> network and linearized (those that were trained): `num_params`; `majority_rate` of
    the test labels; `<kind>_train_accuracy`, `<kind>_test_accuracy`, nan where a training diverged;
    `followed_epochs` (F,) and `<kind>_distance` (F,), ||theta - theta_0|| after them.
    """
    y = targets(data)
    found: dict[str, np.ndarray] = {
        "followed_epochs": np.array(landmark_epochs(config.epochs)),
        "majority_rate": np.asarray(y.y_test.mean(axis=0).max()),
    }
    # Both precisions start from the same weights and take the same minibatches: in double precision JAX draws others.
    net = config.initial_network(data.x_train.shape[1:], y.num_outputs)
    batches = config.recipe.minibatches(config.seed, len(data.x_train))
    with float64_scope() if config.precision == "float64" else contextlib.nullcontext():
        net = net.replace(params=cast(net.params, np.dtype(config.precision)))
        found["num_params"] = np.asarray(net.num_params)
        for kind in config.kinds:
            model = net if kind == "network" else net.linearization()
            part = folder.part(kind, _one, config, kind, model, y, batches, folder, phase=kind)
            found |= {f"{kind}_{name}": value for name, value in part.items()}
    return found


def _one(
    config: Config,
    kind: str,
    net: Network,
    data: RegressionData,
    batches: Int[np.ndarray, "steps b"],
    folder: RunFolder,
) -> dict[str, Any]:
    """The result of training one model."""
    console.print(f"  {kind}, {net.num_params:,} parameters", highlight=False)
    x_train, x_test = (np.asarray(x, config.precision) for x in (data.x_train, data.x_test))
    epochs = {epoch: f"{kind}_distance_{epoch:05d}" for epoch in landmark_epochs(config.epochs)}
    training = train(
        net,
        x_train,
        data.y_train,
        recipe=config.recipe,
        batches=batches,
        x_test=x_test,
        y_test=data.y_test,
        checkpoint_at=epochs,
        checkpoint_fn=lambda epoch, now: folder.save_part(epochs[epoch], moved=l2_distance(now.params, net.params)),
        folder=folder,
        name=kind,
    )
    moved = [(folder.load_part(part) or {"moved": np.nan})["moved"] for part in epochs.values()]
    return {
        "train_accuracy": training.train_accuracy,
        "test_accuracy": training.test_accuracy,
        "distance": np.array(moved, float),
    }


def show(folder: RunFolder) -> None:
    """Prints the accuracies."""
    result, config = folder.result(), folder.config
    columns = {"model": "", "training accuracy": ".2%", "test accuracy": ".2%", "weight distance": ".3g"}
    rows = [
        (kind, result[f"{kind}_train_accuracy"], result[f"{kind}_test_accuracy"], result[f"{kind}_distance"][-1])
        for kind in KINDS
        if f"{kind}_distance" in result
    ]
    title = f"{display_name(config['net'])} x{config['width']:g}, {config['loss']}, {config['precision']}"
    print_table(columns, rows, title)
