"""What a network of the study is trained on: images, labels and the order of the minibatches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from ntk_repro.data import Dataset, class_labels
from ntk_repro.errors import UserError
from ntk_repro.gram import Eigenbasis, eigenbasis, eigenfunction_labels
from ntk_repro.network import Network
from ntk_repro.rotation.settings import RotationSettings, TaskSettings
from ntk_repro.training import majority_rate

NO_CLASSES = "take more images, or another data set"
"""What to do where there are no classes 0 to 4 and 5 to 9."""


@dataclass(frozen=True, eq=False)
class Task:
    """Labels in {0, 1} of the training and of the test images.

    Attributes:
        y_train: of the training images.
        y_test: of the test images.
        basis: the eigenfunctions of the NTK on all images; None where none are needed.
    """

    y_train: Int[np.ndarray, " n"]
    y_test: Int[np.ndarray, " m"]
    basis: Eigenbasis | None

    @property
    def majority_rate(self) -> float:
        """Accuracy on the test images of always saying the label that they have more often."""
        return float(majority_rate(self.y_test))


def images(config: RotationSettings) -> Dataset:
    """The images of a config.

    Raises:
        UserError: from `load_dataset`; a custom network that cannot take them.
    """
    data = config.load()
    config.check_network(data.x_train.shape[1:])
    return data


def task_images(config: TaskSettings) -> Dataset:
    """As `images`, of which a minibatch is a part.

    Raises:
        UserError: from `images` and `MinibatchSettings.check_batches`.
    """
    data = images(config)
    config.check_batches(len(data.x_train))
    return data


def task_for(config: TaskSettings, data: Dataset, net: Network, root: Path | None, num_eigenfunctions: int = 0) -> Task:
    """The labels of an eigenfunction of the network's NTK, or without index of the classes.

    Source: Ortiz-Jimenez et al. 2021, sections 3.1 (eigenfunctions of the kernel on all images) and 4.1 (CIFAR2).

    Args:
        config: the settings.
        data: the images.
        net: the network before training.
        root: folder of all runs, where eigenfunctions are saved.
        num_eigenfunctions: how many to compute at least; 0: only those that the task needs.

    Raises:
        UserError: more eigenfunctions than images, or labels of one class.
    """
    index = config.index
    count = max(num_eigenfunctions, index or 0)
    basis = eigenbasis(net, data.x, count, identity=config.kernel_identity(data), root=root) if count else None
    if basis is None or index is None:
        return Task(*class_labels(data, NO_CLASSES), basis)
    labels = (eigenfunction_labels(basis.vectors, index) > 0).astype(np.int32)
    n = len(data.x_train)
    if len(np.unique(labels[:n])) < 2:
        raise UserError(f"phi_{index} has one sign on all training images: take another eigenfunction")
    return Task(labels[:n], labels[n:], basis)
