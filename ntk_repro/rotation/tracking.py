"""Experiment: the tangent kernel in the course of training.

Source: Ortiz-Jimenez et al. 2021, section 4.2 (Figures 6, 7, 15, 16 and Table 1).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.experiments import experiment
from ntk_repro.gram.checks import check_eigenpair_count
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.ranges import check_counts, check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.rotation.kernel_measurement import KernelMeasurement, nested_counts
from ntk_repro.rotation.settings import TaskSettings, checked_epochs
from ntk_repro.rotation.task import Task, task_for, task_images
from ntk_repro.rotation.tracker import Tracker
from ntk_repro.training import accuracy, l2_distance, train


@dataclass(frozen=True)
class Config(TaskSettings):
    """Trains a network on an eigenfunction of its NTK, or on the classes, and measures its NTK at some epochs."""

    track: tuple[int, ...] | None = None
    """Epochs after which the kernel is measured, in addition to 0 and the last; none: 1, 2, 5, 10, 20, 50 ..."""
    kernel_images: int | None = None
    """Training images that the kernel is measured on, at most (the first ones); none: all of them."""
    top: int = 50
    """Eigenvectors on which the energy of the labels is measured."""
    num_eigenfunctions: int = 0
    """Eigenfunctions of the initial kernel on all images (training and test) whose alignment is followed."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, with the epochs to measure at."""
        check_counts(top=self.top, kernel_images=self.kernel_images)
        if self.kernel_images is not None:
            check_eigenpair_count(self.top, self.kernel_images, "--top")
        check_not_negative(num_eigenfunctions=self.num_eigenfunctions, epochs=self.epochs)
        return {**super().canonical(), "track": checked_epochs(self.track, self.epochs, "track")}

    @property
    def gram_counts(self) -> tuple[int | None, int | None]:
        """As `DataSource.gram_counts`: without eigenfunctions the kernel is only measured on some training images."""
        if not self.kernel_images or self.index is not None or self.num_eigenfunctions:
            return super().gram_counts
        return min(self.kernel_images, self.n_train or self.kernel_images), 0

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: no more eigenfunctions are followed than there are."""
        (fit, lines), images = super().within(n_train, n_test), n_train + n_test
        if self.num_eigenfunctions <= images:
            return fit, lines
        lines.append(f"{images:,} images have {images:,} eigenfunctions: only these are followed")
        return dataclasses.replace(fit, num_eigenfunctions=images), lines


def _load(config: Config) -> Dataset:
    data = task_images(config)
    # Before the kernel on all images is computed.
    check_eigenpair_count(config.top, _kernel_images(config, data), "--top")
    return data


@experiment("rotation_tracking", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains and measures, or continues a run that was interrupted, or returns one that is done.

    Of the BatchNorm statistics of a kernel see `TaskSettings.of_kernel`; accuracies are the network's with its own.

    The result's arrays, for C measurements, K eigenvectors, S nested sets of images and T eigenfunctions:
    `epochs` (C,), what `KernelMeasurement` gives with a first axis C, `network_test_accuracy`,
    `network_train_accuracy`, `weight_distance` (C,), `images` (S,) (of `energy_by_images`), `eigenvalues` (T,),
    `network_loss` (epochs,) and `majority_rate`, of the test labels. nan from where the training diverged. With
    epochs = 0 the kernel is measured before training only.
    """
    net = config.initial_network(data.x_train.shape[1:])
    task = task_for(config, data, net, folder.root, config.num_eigenfunctions)
    count = _kernel_images(config, data)
    kernel = KernelMeasurement(
        folder, net, data.x_train[:count], task.y_train[:count], config.top, _targets(config, data, task)
    )

    def measure(epoch: int, network: Network) -> dict[str, Any]:
        return {
            **kernel(epoch, config.of_kernel(net, network)),
            "network_test_accuracy": accuracy(network(data.x_test), task.y_test),
            "network_train_accuracy": accuracy(network(data.x_train), task.y_train),
            "weight_distance": l2_distance(network.params, net.params),
        }

    tracker = Tracker(folder, config.track or (), measure)
    losses, last = np.zeros(0), None
    if config.epochs:
        training = train(
            net,
            data.x_train,
            task.y_train,
            recipe=config.recipe,
            batches=config.recipe.minibatches(config.seed, len(data.x_train)),
            checkpoint_at=tracker.epochs,
            checkpoint_fn=tracker,
            folder=folder,
        )
        losses = training.train_loss
        last = int(np.isfinite(losses).sum())
    else:
        tracker(0, net)
    eigenvalues = np.zeros(0) if task.basis is None else task.basis.values[: config.num_eigenfunctions]
    return {
        "epochs": np.array(tracker.epochs),
        **tracker.collect(until=last),
        "images": np.array(nested_counts(count, config.top)),
        "eigenvalues": eigenvalues,
        "network_loss": losses,
        "majority_rate": np.asarray(task.majority_rate),
    }


def _kernel_images(config: Config, data: Dataset) -> int:
    return min(config.kernel_images or len(data.x_train), len(data.x_train))


def _targets(config: Config, data: Dataset, task: Task):
    """The eigenfunctions phi_j = sqrt(n) v_j to follow, and their alignments before training, lambda_j / n."""
    if task.basis is None or not config.num_eigenfunctions:
        return None
    n, count = len(data.x), config.num_eigenfunctions
    return data.x, np.sqrt(n) * task.basis.vectors[:, :count], task.basis.values[:count] / n


def show(folder: RunFolder) -> None:
    """Prints what was measured at each epoch."""
    result, config = folder.result(), folder.config
    columns = {
        "epoch": "d",
        f"energy on top {config['top']}": ".1%",
        "cosine distance of the kernel": ".3f",
        "mean squared gradient norm": ".4g",
        "test accuracy": ".1%",
    }
    shown = ("energy_concentration", "kernel_cosine_distance", "mean_squared_gradient_norm", "network_test_accuracy")
    rows = zip(result["epochs"], *(result[name] for name in shown), strict=True)
    title = f"{display_name(config['net'])}: the kernel in training, on {result['images'][-1]:,} images"
    print_table(columns, rows, title)
