"""Stochastic gradient descent as the study does it, of a network or of its linearization."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.data import Dataset
from ntk_repro.finite_width.task import Targets
from ntk_repro.network import Network
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, Training, train

__all__ = ["KINDS", "Trained", "followed_images", "train_one"]

KINDS = ("network", "linearized")


@dataclass(frozen=True, eq=False)
class Trained:
    """A training and the outputs on the way.

    Attributes:
        training: what `ntk_repro.training.train` gives.
        outputs: on the images that were followed, at the epochs that were asked for; nan where it had diverged.
    """

    training: Training
    outputs: Float[np.ndarray, "epochs images k"]


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
        recipe: how it trains.
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
