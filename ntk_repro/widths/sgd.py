"""Stochastic gradient descent as the study does it, of a network or of its linearization."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.data import Dataset
from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, Training, train
from ntk_repro.widths.task import Targets

__all__ = ["KINDS", "Trained", "followed_images", "loss_scale", "recipe_for", "train_one"]

KINDS = ("network", "linearized")

LossReduction = Literal["mean", "sum"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A training and the outputs on the way.

    Attributes:
        training: what `ntk_repro.training.train` gives; its losses are those of `half_squared_error`.
        outputs: on the images that were followed, at the epochs that were asked for; nan where it had diverged.
    """

    training: Training
    outputs: Float[np.ndarray, "epochs images k"]


def loss_scale(reduction: str, outputs: int) -> float:
    """What turns `half_squared_error` (1/2 ||f - y||^2, mean over the batch) into the study's loss.

    That is ||f - y||^2 for "sum" (Eq. 3) and its mean over the outputs for "mean", without a factor 1/2.

    >>> loss_scale("mean", 10), loss_scale("sum", 10)
    (0.2, 2.0)
    """
    return 2.0 / outputs if reduction == "mean" else 2.0


def recipe_for(
    *,
    outputs: int,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
    batch_size: int,
    epochs: int,
    decay_epochs: int | None,
    loss_reduction: str,
) -> Recipe:
    """The recipe whose steps are those of SGD on the study's loss.

    A loss that is c times another takes the same steps at a learning rate c times as small; the decay, which is added
    to the gradient, is then c times as large.

    Source: Samarin et al. 2022, sections 3 and 4 (squared loss, SGD with momentum and weight decay).

    Args:
        outputs: of the network.
        learning_rate: for the study's loss.
        weight_decay: beside the gradient of the study's loss; on theta of a network, on u of a linearization.
        momentum: heavy ball.
        batch_size: images a step.
        epochs: passes over the training images.
        decay_epochs: passes after which the learning rate is divided by ten, again and again; None for never.
        loss_reduction: over the outputs, "mean" or "sum".

    Raises:
        UserError: for a setting out of range.
    """
    scale = loss_scale(loss_reduction, outputs)
    steps = {} if decay_epochs is None else {"decay_epochs": decay_epochs}
    return Recipe(
        optimizer="sgd",
        learning_rate=learning_rate * scale,
        weight_decay=weight_decay / scale,
        momentum=momentum,
        batch_size=batch_size,
        epochs=epochs,
        schedule="constant" if decay_epochs is None else "steps",
        loss="half_squared_error",
        **steps,
    )


def followed_images(available: int, count: int) -> Int[np.ndarray, " f"]:
    """Which test images are followed, the same for every network; drawn, as images of a folder lie class by class."""
    return np.sort(np.random.default_rng(0).permutation(available)[:count])


def train_one(
    net: Network,
    data: Dataset,
    y: Targets,
    *,
    recipe: Recipe,
    batches: Int[np.ndarray, "steps b"],
    folder: RunFolder,
    name: str,
    follow: int = 0,
    follow_at: tuple[int, ...] = (),
) -> Trained:
    """Trains a network or a linearization, and keeps its outputs on some test images on the way.

    Args:
        net: what is trained.
        data: the images.
        y: the targets.
        recipe: from `recipe_for`.
        batches: rows of each step.
        folder: an open run folder, where the state and the outputs on the way are kept against a kill.
        name: of this training there.
        follow: how many test images to follow, those of `followed_images`.
        follow_at: at which epochs, 0 for the start.
    """
    x = data.x_test[followed_images(len(data.x_test), follow)]

    def keep(epoch: int, now: Network) -> None:
        folder.save_part(f"{name}_outputs_{epoch:05d}", fx=now(x))

    trained = train(
        net,
        data.x_train,
        y.train,
        recipe=recipe,
        batches=batches,
        x_test=data.x_test,
        y_test=y.test,
        threshold=y.threshold,
        checkpoint_at=follow_at if len(x) else (),
        checkpoint_fn=keep if len(x) else None,
        folder=folder,
        name=name,
    )
    outputs = np.full((len(follow_at), len(x), y.outputs), np.nan, np.float32)
    for i, epoch in enumerate(follow_at if len(x) else ()):
        part = folder.load_part(f"{name}_outputs_{epoch:05d}")
        if part is not None:
            outputs[i] = part["fx"]
    return Trained(trained, outputs)
