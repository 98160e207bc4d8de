"""Experiment: linearizations taken in the course of training, and what their kernels have learned.

Source: Ortiz-Jimenez et al. 2021, section 4.3 (Figures 8 and 9).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.dynamics import eta_critical
from ntk_repro.experiments import experiment
from ntk_repro.gram import alignment_from_gram, gram_store, top_eigenpairs
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.rotation.settings import TaskSettings, checked_epochs, displayed_task
from ntk_repro.rotation.task import Task, task_for, task_images
from ntk_repro.rotation.tracker import Tracker
from ntk_repro.training import accuracy, train, train_linearization

KINDS = ("biased", "unbiased")
"""f(theta_e) + (theta - theta_e) . grad f(theta_e), from theta_e on; and without f(theta_e), from 0 on."""


@dataclass(frozen=True)
class Config(TaskSettings):
    """Trains a network, linearizes it at chosen epochs, and trains the linearizations on the same task."""

    linearize_at: tuple[int, ...] | None = None
    """Epochs after which to linearize, in addition to 0 and the last; none: 1, 2, 5, 10, 20, 50 ..."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, with the epochs to linearize at."""
        check_counts(epochs=self.epochs)
        at = checked_epochs(self.linearize_at, self.epochs, "linearize-at")
        return {**super().canonical(), "linearize_at": at}


@experiment("rotation_pretrained", load=task_images)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains the network and its linearizations, or continues a run that was interrupted, or returns one that is done.

    Linearizations train in function space on the batches and learning rates of the network. Of their
    BatchNorm statistics see `TaskSettings.of_kernel`.

    The result's arrays, for C linearizations of the two `KINDS`: `epochs` (C,), `linearized_test_accuracy`,
    `linearized_train_accuracy`, `linearized_distance` (C, 2), `linearized_loss` (C, 2, epochs);
    `mean_squared_gradient_norm`, `label_alignment`, `eta_over_critical` (C,) of their kernels (the learning rate at the
    first step over `eta_critical`, of full-batch descent on the squared loss); `checkpoint_test_accuracy` (C,) of the
    network then; `network_test_accuracy`, `network_train_accuracy`, `network_loss` (epochs,), `majority_rate`.
    nan from where the network's training diverged.
    """
    net = config.initial_network(data.x_train.shape[1:])
    task = task_for(config, data, net, folder.root)
    batches = config.recipe.minibatches(config.seed, len(data.x_train))

    def measure(epoch: int, network: Network) -> dict[str, np.ndarray]:
        where = folder.path / "parts" / f"gram_{epoch:05d}"
        measured = _linearized(config, data, task, config.of_kernel(net, network), where, batches)
        shutil.rmtree(where, ignore_errors=True)
        return {**measured, "checkpoint_test_accuracy": np.asarray(accuracy(network(data.x_test), task.y_test))}

    tracker = Tracker(folder, config.linearize_at or (), measure)
    training = train(
        net,
        data.x_train,
        task.y_train,
        recipe=config.recipe,
        batches=batches,
        x_test=data.x_test,
        y_test=task.y_test,
        checkpoint_at=tracker.epochs,
        checkpoint_fn=tracker,
        folder=folder,
    )
    return {
        "epochs": np.array(tracker.epochs),
        **tracker.collect(until=int(np.isfinite(training.train_loss).sum())),
        "network_test_accuracy": np.asarray(training.test_accuracy),
        "network_train_accuracy": np.asarray(training.train_accuracy),
        "network_loss": training.train_loss,
        "majority_rate": np.asarray(task.majority_rate),
    }


def _linearized(config: Config, data: Dataset, task: Task, net: Network, where: Path, batches) -> dict[str, np.ndarray]:
    """Trains the linearizations at `net`, both kinds at once: they differ in where they start only."""
    n = len(data.x_train)
    kernel = gram_store(net, data.x, where).array()
    # Only the largest eigenvalue: all of them would cost more than the training, and lambda_min is nearly 0.
    ratio = config.learning_rate / (n * eta_critical(top_eigenpairs(kernel[:n, :n], 1, tolerance=1e-4)))
    console.print(f"linearization: eta / eta_critical = {ratio:.2g}", highlight=False)
    # Of the two kinds, one column each, one starts at the network's outputs and the other at 0.
    labels = (np.repeat(y[:, None], 2, axis=1) for y in (task.y_train, task.y_test))
    start = (net(x) * np.array([1, 0], np.float32) for x in (data.x_train, data.x_test))
    kernels = kernel[:n, :n], kernel[n:, :n]
    trained = train_linearization(*kernels, *labels, *start, recipe=config.recipe, batches=batches)
    return {
        "linearized_test_accuracy": trained.test_accuracy,
        "linearized_train_accuracy": trained.train_accuracy,
        "linearized_distance": trained.l2_distance,
        "linearized_loss": trained.train_loss,
        "eta_over_critical": np.asarray(ratio),
        "mean_squared_gradient_norm": np.asarray(np.mean(np.diagonal(kernel), dtype=np.float64)),
        "label_alignment": alignment_from_gram(kernel[:n, :n], 2.0 * task.y_train - 1)[0],
    }


def show(folder: RunFolder) -> None:
    """Prints the test accuracies of the linearizations by the epoch that they were taken after."""
    result, config = folder.result(), folder.config
    columns = {"linearized after epoch": "d", **dict.fromkeys((*KINDS, "the network then"), ".1%")}
    accuracies = (*result["linearized_test_accuracy"].T, result["checkpoint_test_accuracy"])
    rows = [*zip(result["epochs"], *accuracies, strict=True)]
    rows.append(("the network", "", "", result["network_test_accuracy"]))
    print_table(columns, rows, f"{display_name(config['net'])}, {displayed_task(config['index'])}: test accuracy")
