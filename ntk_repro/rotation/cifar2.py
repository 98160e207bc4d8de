"""Experiment: a network and its linearization on the classes, against the number of training images.

Source: Ortiz-Jimenez et al. 2021, section 4.1 (Figure 5).
"""

import dataclasses
import functools
import time
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from ntk_repro.data import Dataset, class_labels
from ntk_repro.dynamics import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.gram import gram_store
from ntk_repro.gram.eigenfunctions import gram_folder
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.rotation.settings import Settings
from ntk_repro.rotation.task import NO_CLASSES, batches_for, identity_of, images, network_for
from ntk_repro.training import accuracy, epoch_means, majority_rate, train

__all__ = ["Config", "run", "show"]


@dataclass(frozen=True)
class Config(Settings):
    """Trains a network and its linearization on classes 0 to 4 against 5 to 9, with more and more training images."""

    sizes: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4000)
    """Numbers of training images; a smaller set is the beginning of a larger one."""

    @property
    def n_train(self) -> int | None:
        """The largest number of training images."""
        return max(self.sizes, default=None)

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the sizes in order."""
        if not self.sizes:
            raise UserError("--sizes is empty: name at least one number of training images, such as --sizes 256 1024")
        if min(self.sizes) < self.batch_size:
            raise UserError(
                f"{min(self.sizes)} training images are fewer than a batch of {self.batch_size}: leave that size out, "
                "or lower --batch-size"
            )
        check_counts(epochs=self.epochs)
        return {**super().canonical(), "sizes": tuple(sorted(set(self.sizes)))}

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: sizes that so few images cannot give are left out."""
        fit, lines = super().within(n_train, n_test)
        sizes = tuple(size for size in self.sizes if size <= n_train)
        if sizes != self.sizes:
            lines.append(f"training sets above {n_train:,} images are left out")
        return dataclasses.replace(fit, sizes=sizes), lines


def _load(config: Config) -> Dataset:
    data = images(config)
    y_train, _ = class_labels(data, NO_CLASSES)
    for size in config.sizes:
        if len(np.unique(y_train[:size])) < 2:
            raise UserError(f"the first {size} training images are all of one class: leave out --sizes {size}")
    return data


@experiment("rotation_cifar2", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains on each number of images, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for S sizes: `size` (S,); `network_test_accuracy`, `linearized_test_accuracy`,
    `network_train_accuracy`, `linearized_train_accuracy`, `network_distance`, `linearized_distance` (S,): the last two
    ||theta - theta_0||; `network_cosine_distance` (S,), `network_loss`, `linearized_loss` (S, epochs) and
    `majority_rate`, of the test labels. nan where a network's training diverged; a linearization's is refused.
    """
    study = _Study(config, data, folder)
    rows = [folder.part(f"size_{size:06d}", study.row, size) for size in config.sizes]
    return {
        "size": np.array(config.sizes),
        "majority_rate": np.asarray(majority_rate(study.y_test)),
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    }


class _Study:
    def __init__(self, config: Config, data: Dataset, folder: RunFolder):
        self.config, self.data, self.folder = config, data, folder
        self.y_train, self.y_test = class_labels(data, NO_CLASSES)
        self.net: Network = network_for(config, data)

    @functools.cached_property
    def kernel(self) -> Float[np.ndarray, "n n"]:
        """The NTK on all images, training images first; every training set is a corner of it."""
        identity = identity_of(self.config, self.data)
        _, where = gram_folder(self.net, self.data.x, identity=identity, root=self.folder.root)
        return gram_store(self.net, self.data.x, where, identity={"network": identity}).array()

    def row(self, size: int) -> dict[str, np.ndarray]:
        """The result of one training-set size."""
        console.print(f"{size:,} training images", highlight=False)
        started = time.monotonic()
        row = {**self._network(size), **self._linearization(size)}
        accuracies = {f"{kind}_test_accuracy": float(row[f"{kind}_test_accuracy"]) for kind in _KINDS}
        self.folder.log(phase="size", size=size, **accuracies, seconds=time.monotonic() - started)
        return row

    def _network(self, size: int) -> dict[str, np.ndarray]:
        trained = train(
            self.net,
            self.data.x_train[:size],
            self.y_train[:size],
            recipe=self.config.recipe,
            batches=batches_for(self.config, size),
            x_test=self.data.x_test,
            y_test=self.y_test,
            folder=self.folder,
            name=f"network_{size:06d}",
        )
        return {
            "network_test_accuracy": np.asarray(trained.test_accuracy),
            "network_train_accuracy": np.asarray(trained.train_accuracy),
            "network_distance": np.asarray(trained.l2_distance),
            "network_cosine_distance": np.asarray(trained.cosine_distance),
            "network_loss": trained.train_loss,
        }

    def _linearization(self, size: int) -> dict[str, np.ndarray]:
        n, kernel = len(self.data.x_train), self.kernel
        trained = train_in_function_space(
            kernel[:size, :size],
            self.y_train[:size, None].astype(np.float32),
            batches=batches_for(self.config, size),
            **self.config.recipe.in_function_space(size),
            fx_train_0=self.net(self.data.x_train[:size]),
            k_test_train=kernel[n:, :size],
            fx_test_0=self.net(self.data.x_test),
        )
        assert trained.fx_test is not None
        return {
            "linearized_test_accuracy": np.asarray(accuracy(trained.fx_test, self.y_test)),
            "linearized_train_accuracy": np.asarray(accuracy(trained.fx_train, self.y_train[:size])),
            "linearized_distance": np.asarray(trained.l2_distance[0], np.float64),
            "linearized_loss": epoch_means(trained.loss[:, 0], size, self.config.batch_size),
        }


_KINDS = ("network", "linearized")


def show(folder: RunFolder) -> None:
    """Prints accuracies and weight distances at each number of training images."""
    result = folder.result()
    table = Table(
        "images",
        *(f"{kind}: {quantity}" for kind in _KINDS for quantity in ("test accuracy", "weight distance")),
        title=f"{display_name(folder.config['net'])} on classes 0-4 / 5-9",
    )
    for i, size in enumerate(result["size"]):
        cells = [(result[f"{kind}_test_accuracy"][i], result[f"{kind}_distance"][i]) for kind in _KINDS]
        table.add_row(f"{size:,}", *(text for a, d in cells for text in (f"{a:.1%}", f"{d:.3g}")))
    Console().print(table)
