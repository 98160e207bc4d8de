"""What all experiments of the study set: the network, its data and its training."""

import dataclasses
from dataclasses import dataclass, field
from typing import Self

from ntk_repro.errors import UserError
from ntk_repro.models import MODELS, NetworkChoice, model_settings
from ntk_repro.seeds import check_seed
from ntk_repro.training import Recipe, landmark_epochs

__all__ = ["Settings", "checked_index", "default_epochs"]


@dataclass(frozen=True)
class Settings(NetworkChoice):
    """A network, its data and its training."""

    net: str = "lenet"
    """Architecture: mlp, lenet or resnet18; or your own: my_network.py:MyNet, or package.module:MyNet."""
    width: float = 1.0
    """Factor on every channel count and hidden width (1: the paper's network)."""
    activation: str = "relu"
    """Activation function: relu, gelu, tanh, erf, softplus or identity."""
    residual_scale_init: float = 0.0
    """Initial scale of each residual block's last BatchNorm; resnet18 only (0: the authors' code)."""
    data: str = "mnist5k"
    """Data set: mnist5k (embedded), digits, cifar10, mnist, fashion_mnist, or the path of an .npz file."""
    data_dir: str | None = field(default=None, metadata={"identity": False})
    """Folder of prepared TensorFlow data sets; none: $TFDS_DATA_DIR, then its usual place."""
    n_test: int | None = None
    """Number of test images; none: all of them."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are."""
    seed: int = 0
    """Seed of the initialization and of the minibatches."""
    learning_rate: float = 0.05
    """Learning rate at the first step; it falls linearly, to reach 0 one step after the last."""
    momentum: float = 0.9
    """Momentum of sgd, between 0 and 1."""
    batch_size: int = 128
    """Images a minibatch."""
    epochs: int = 20
    """Passes over the training images."""

    def resolved(self) -> Self:
        """The same settings in their canonical form: what has no effect beside the others at its default.

        Raises:
            UserError: for settings that contradict each other or that no network or training could have.
        """
        for name in ("n_train", "n_test"):
            value = getattr(self, name, None)
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        check_seed(self.seed)
        check_seed(self.data_seed, "data_seed")
        pinned = self.checked_net()  # an unknown network or activation is told now
        if self.epochs:
            _ = self.recipe
        idle = {name for net in MODELS for name in model_settings(net)} - set(model_settings(self.net))
        if getattr(self, "n_train", 1) is None and self.n_test is None:
            idle.add("data_seed")
        if not self.epochs:
            idle |= {"learning_rate", "momentum", "batch_size"}
        defaults = {f.name: f.default for f in dataclasses.fields(self) if f.name in idle}
        return dataclasses.replace(self, **defaults, net=pinned)

    @property
    def recipe(self) -> Recipe:
        """How the network trains.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(
            optimizer="sgd",
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            batch_size=self.batch_size,
            epochs=self.epochs,
            loss="binary_cross_entropy",
        )

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        index = getattr(self, "index", None)
        task = "classes 0-4 / 5-9" if index is None else f"eigenfunction {index}"
        return f"{self.spoken_net} on {self.data}, {task}"


def checked_index(index: int | None) -> None:
    """Refuses an eigenfunction that cannot be a task.

    Raises:
        UserError: an index below 2.
    """
    if index is not None and index < 2:
        raise UserError(
            f"index {index} cannot be a task: eigenfunctions are counted from 1, and the first has one sign on all "
            "images, so its labels are one class; begin at 2"
        )


def default_epochs(chosen: tuple[int, ...] | None, last: int, name: str) -> tuple[int, ...]:
    """The epochs to look at: those chosen, or 1, 2, 5, 10, 20, 50 ..., always with 0 and the last.

    Raises:
        UserError: epochs that are not in the training.
    """
    if chosen is None:
        chosen = landmark_epochs(last)
    if any(not 0 <= epoch <= last for epoch in chosen):
        raise UserError(f"--{name} must be epochs from 0 to {last}, not {' '.join(map(str, chosen))}")
    return tuple(sorted({0, *chosen, last}))
