"""The settings of one run of the study: one network, one data set, one seed."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from ntk_repro.errors import UserError
from ntk_repro.models import MODELS, NetworkChoice, model_settings
from ntk_repro.seeds import check_seed
from ntk_repro.training import Recipe

__all__ = ["EigentasksConfig"]


@dataclass(frozen=True)
class EigentasksConfig(NetworkChoice):
    """Trains a network and its linearization on the binarized eigenfunctions of the network's NTK."""

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
    n_train: int | None = None
    """Number of training images; none: all of them."""
    n_test: int | None = None
    """Number of test images; none: all of them."""
    data_seed: int = 0
    """Seed of the subset, where fewer images are used than there are."""
    seed: int = 0
    """Seed of the initialization and of the minibatches."""
    indices: tuple[int, ...] = (2, 11, 51, 101, 201, 301, 451, 601)
    """Eigenfunctions that the network is trained on: 1-based indices by falling eigenvalue (1 has one sign only)."""
    linearized_indices: tuple[int, ...] | None = None
    """More eigenfunctions for the linearization, which always trains on `indices` too; none: all from 2 to the
    largest of `indices` in function space, no more in weight space."""
    num_eigenfunctions: int | None = None
    """Number of eigenpairs to compute; none: as many as the largest index."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimizer of the network, and of the linearization."""
    learning_rate: float = 0.05
    """Learning rate at the first step."""
    schedule: Literal["linear", "constant"] = "linear"
    """Course of the learning rate: falling linearly, to reach 0 one step after the last, or constant."""
    momentum: float = 0.9
    """Momentum of sgd, between 0 and 1."""
    weight_decay: float = 0.0
    """Weight decay, on the weights of the network and on the distance from the start of the linearization."""
    batch_size: int = 128
    """Images a minibatch."""
    epochs: int = 20
    """Passes over the training images, for every task."""
    linearized_training: Literal["auto", "function_space", "weight_space"] = "auto"
    """How linearizations train: function_space (exact, all tasks at once, sgd only), weight_space (one by one), or
    auto: function_space for sgd, weight_space for adam."""
    baseline: bool = True
    """Whether to train both on the data set's own classes too, 0 to 4 against 5 to 9."""

    def resolved(self) -> "EigentasksConfig":
        """The same settings with every "auto" and "none" replaced that does not depend on the data.

        Two configs that mean the same run resolve to equal ones, so they share a run folder.

        Raises:
            UserError: for settings that contradict each other or that no data set could satisfy.
        """
        if not self.indices:
            raise UserError("--indices is empty: name at least one eigenfunction, such as --indices 2 11 51")
        indices = _indices(self.indices)
        training = self.linearized_training
        if training == "auto":
            training = "function_space" if self.optimizer == "sgd" else "weight_space"
        if training == "function_space" and self.optimizer != "sgd":
            raise UserError(
                f"{self.optimizer} is not linear in the gradient, so a linearization cannot train with it in function "
                "space: use --linearized-training weight_space (or auto)"
            )
        extra = self.linearized_indices
        if extra is None:
            extra = tuple(range(2, max(indices) + 1)) if training == "function_space" else ()
        linearized = _indices((*indices, *extra))
        k = max(linearized) if self.num_eigenfunctions is None else self.num_eigenfunctions
        if k < max(linearized):
            raise UserError(
                f"index {max(linearized)} is beyond the {k} eigenpairs asked for: raise --num-eigenfunctions to "
                f"{max(linearized)} or leave it out"
            )
        for name, value in (("n_train", self.n_train), ("n_test", self.n_test)):
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        check_seed(self.seed)
        check_seed(self.data_seed, "data_seed")
        return dataclasses.replace(
            self,
            **self._without_effect(),
            net=self.checked_net(),
            indices=indices,
            linearized_indices=linearized,
            linearized_training=training,
            num_eigenfunctions=k,
        )

    def within(self, n_train: int, n_test: int) -> tuple["EigentasksConfig", list[str]]:
        """The settings without what so few images cannot give, and what to say of that on the terminal."""
        images = n_train + n_test
        indices = tuple(index for index in self.indices if index <= images)
        count = None if (self.num_eigenfunctions or 0) > images else self.num_eigenfunctions
        said = [f"{images:,} images have {images:,} eigenfunctions: indices beyond are left out"]
        fit = dataclasses.replace(self, indices=indices, num_eigenfunctions=count)
        return fit, said if indices != self.indices else []

    def _without_effect(self) -> dict[str, Any]:
        """The settings that change nothing beside the others, at their defaults: they must not tell two runs apart."""
        idle = {name for net in MODELS for name in model_settings(net)} - set(model_settings(self.net))
        if self.optimizer == "adam":
            idle.add("momentum")
        if self.n_train is None and self.n_test is None:
            idle.add("data_seed")
        return {field.name: field.default for field in dataclasses.fields(self) if field.name in idle}

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.spoken_net} on {self.data}"

    @property
    def recipe(self) -> Recipe:
        """How networks and linearizations train.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            epochs=self.epochs,
            loss="binary_cross_entropy",
        )


def _indices(values: tuple[int, ...]) -> tuple[int, ...]:
    if min(values) < 2:
        raise UserError(
            f"index {min(values)} cannot be a task: eigenfunctions are counted from 1, and the first has one sign on "
            "all images, so its labels are one class; begin at 2"
        )
    return tuple(sorted(set(values)))
