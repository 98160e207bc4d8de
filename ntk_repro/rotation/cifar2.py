"""Experiment: a network and its linearization on the classes, against the number of training images.

Source: Ortiz-Jimenez et al. 2021, section 4.1 (Figure 5).
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, class_labels
from ntk_repro.errors import UserError
from ntk_repro.experiments import TrainingSizes, experiment
from ntk_repro.gram import gram_store
from ntk_repro.gram.eigenfunctions import gram_folder
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import stages
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.rotation.settings import RotationSettings, displayed_task
from ntk_repro.rotation.task import NO_CLASSES, images
from ntk_repro.rotation.tracker import Tracker
from ntk_repro.training import accuracy, landmark_epochs, majority_rate, train, train_linearization

_CURVE_POINTS = 20  # evenly spaced epochs, beside the landmarks


@dataclass(frozen=True)
class Config(TrainingSizes, RotationSettings):
    """Trains a network and its linearization on classes 0 to 4 against 5 to 9, with more and more training images."""

    sizes: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4000)

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
    `majority_rate`, of the test labels. After E epochs in the course of training, `curve_epochs` (E,), the test
    accuracies `network_curve` and `linearized_curve` (S, E). `approximation_error` (S,): how far the linearization at
    the start is from the network at the trained weights, with the BatchNorm statistics of the start, over how far the
    network's outputs have moved (root mean squares over the test images). nan where a network's training diverged; a
    linearization's is refused.
    """
    study = _Study(config, data, folder)
    rows = [
        folder.part(f"size_{size:06d}", study.row, size, phase="size", size=size)
        for size in stages(config.sizes, "{:,} training images".format)
    ]
    return {
        "size": np.array(config.sizes),
        "majority_rate": np.asarray(majority_rate(study.y_test)),
        "curve_epochs": np.array(study.epochs),
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    }


class _Study:
    def __init__(self, config: Config, data: Dataset, folder: RunFolder):
        self.config, self.data, self.folder = config, data, folder
        self.y_train, self.y_test = class_labels(data, NO_CLASSES)
        self.net = config.initial_network(data.x_train.shape[1:])
        last = config.epochs
        twentieths = (round(last * i / _CURVE_POINTS) for i in range(_CURVE_POINTS))
        self.epochs = sorted({*landmark_epochs(last), *twentieths})

    @functools.cached_property
    def kernel(self) -> Float[np.ndarray, "n n"]:
        """The NTK on all images, training images first; every training set is a corner of it."""
        identity = self.config.kernel_identity(self.data)
        where = gram_folder(self.net, self.data.x, identity=identity, root=self.folder.root)
        return gram_store(self.net, self.data.x, where, identity={"network": identity}).array()

    def row(self, size: int) -> dict[str, Any]:
        """The result of one training-set size."""
        recipe, n, kernel = self.config.recipe, len(self.data.x_train), self.kernel
        x_train, y_train = self.data.x_train[:size], self.y_train[:size]
        x_test, y_test = self.data.x_test, self.y_test
        settings: dict[str, Any] = {"recipe": recipe, "batches": recipe.minibatches(self.config.seed, size)}
        saved: dict[str, Any] = {"folder": self.folder, "name": f"network_{size:06d}"}
        curve = Tracker(self.folder, self.epochs, self._test_accuracy, name=f"curve_{size:06d}")
        network = train(
            self.net,
            x_train,
            y_train,
            x_test=x_test,
            y_test=y_test,
            checkpoint_at=curve.epochs,
            checkpoint_fn=curve,
            **settings,
            **saved,
        )
        start = self.net(x_train), self.net(x_test)
        kernels = kernel[:size, :size], kernel[n:, :size]
        linearized = train_linearization(*kernels, y_train, y_test, *start, **settings, observe_at=self.epochs)
        trained_epochs = int(np.isfinite(network.train_loss).sum())
        return {
            "network_test_accuracy": network.test_accuracy,
            "network_train_accuracy": network.train_accuracy,
            "network_distance": network.l2_distance,
            "network_cosine_distance": network.cosine_distance,
            "network_loss": network.train_loss,
            "network_curve": curve.collect(until=trained_epochs)["test_accuracy"],
            "approximation_error": approximation_error(self.net, network.network, x_test),
            "linearized_test_accuracy": linearized.test_accuracy[0],
            "linearized_train_accuracy": linearized.train_accuracy[0],
            "linearized_distance": linearized.l2_distance[0],
            "linearized_loss": linearized.train_loss[0],
            "linearized_curve": linearized.test_curve[:, 0],
        }

    def _test_accuracy(self, epoch: int, network: Network) -> dict[str, Any]:
        return {"test_accuracy": accuracy(network(self.data.x_test), self.y_test)}


def approximation_error(net_0: Network, network: Network, x: Float[np.ndarray, "n ..."]) -> float:
    """The root mean square of f(theta) - f_lin(theta), over that of f(theta) - f(theta_0), at the inputs x.

    Both have the BatchNorm statistics of `net_0`.

    Args:
        net_0: the network at theta_0, where it is linearized.
        network: the same at theta.
        x: inputs.
    """
    start, end = net_0(x), network.replace(state=net_0.state)(x)
    linearized = net_0.linearization().replace(params=network.params)(x)
    return float(np.linalg.norm(end - linearized) / np.linalg.norm(end - start))


def show(folder: RunFolder) -> None:
    """Prints accuracies and weight distances at each number of training images."""
    result = folder.result()
    columns, values = {"images": ","}, [result["size"]]
    for kind in ("network", "linearized"):
        columns |= {f"{kind}: test accuracy": ".1%", f"{kind}: weight distance": ".3g"}
        values += [result[f"{kind}_test_accuracy"], result[f"{kind}_distance"]]
    title = f"{display_name(folder.config['net'])} on {displayed_task(None)}"
    print_table(columns, zip(*values, strict=True), title)
