"""The computation: Gram matrix, eigenfunctions, and the training of networks and linearizations on them."""

import time
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int
from rich.console import Console
from rich.table import Table

from ntk_repro.data import Dataset, binary_labels, class_labels
from ntk_repro.dynamics import train_in_function_space
from ntk_repro.eigentasks.config import EigentasksConfig
from ntk_repro.experiments import experiment
from ntk_repro.gram import Eigenbasis, eigenbasis, eigenfunction_labels
from ntk_repro.gram.checks import check_eigenpair_count
from ntk_repro.network import Network, check_network
from ntk_repro.network_names import display_name
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for, order_seed
from ntk_repro.training import (
    binary_accuracies,
    epoch_means,
    epochs_to_loss,
    majority_rate,
    minibatches,
    train,
)

__all__ = ["Config", "run", "show"]

Config = EigentasksConfig

_TARGET_LOSS = 0.01  # nats; the paper's, in its Figure 3
_FIGURE_3 = ("l2_distance", "cosine_distance")


def _load(config: EigentasksConfig) -> Dataset:
    """The images, and whatever can be refused: first what is cheap to see, then what the data show."""
    recipe, count = config.recipe, config.num_eigenfunctions or 0
    data = config.load()
    check_network(config.net, data.x_train.shape[1:], 1, **config.model_settings)
    check_eigenpair_count(count, len(data.x_train) + len(data.x_test), "--indices")
    if config.baseline:
        class_labels(data, "leave that baseline out with --no-baseline")
    recipe.steps(len(data.x_train))  # refuses batches that are too large
    return data


@experiment("eigentasks", load=_load)
def run(config: EigentasksConfig, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one run of the study, or continues one that was interrupted, or returns one that is done.

    The result's arrays, for I tasks of the network and L of the linearization:
    `index` (I,), `network_test_accuracy`, `network_train_accuracy`, `l2_distance`, `cosine_distance` (I,),
    `network_loss` (I, epochs); `linearized_index`, `linearized_test_accuracy`, `linearized_train_accuracy`,
    `majority_rate` (of the test labels) (L,), `linearized_loss` (L, epochs); `eigenvalues`, `residuals` (k,); with a
    baseline `baseline_network_*` and `baseline_linearized_*`. Accuracies lie between 0 and 1, nan where a training
    diverged. `ntk_repro.training.epochs_to_loss` reads off `network_loss` when a loss was reached.
    """
    study = _Study(config, data, folder)
    identity = {"net": config.net, **config.model_settings, "seed": config.seed, "data": data.provenance.sha256}
    basis = eigenbasis(study.net, data.x, config.num_eigenfunctions or 0, identity=identity, root=folder.root)
    arrays = {"eigenvalues": basis.values, "residuals": basis.residuals}
    return arrays | study.linearizations(basis) | study.networks(basis)


class _Study:
    def __init__(self, config: EigentasksConfig, data: Dataset, folder: RunFolder):
        self.config, self.recipe, self.data, self.folder = config, config.recipe, data, folder
        self.net = Network.create(
            config.net, key_for(config.seed, INIT), data.x_train.shape[1:], **config.model_settings
        )
        # The same minibatches for the network, for its linearization and for every task.
        self.batches = minibatches(order_seed(config.seed), len(data.x_train), config.batch_size, config.epochs)

    def _labels(self, basis: Eigenbasis, index: int | None) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]]:
        """The labels 0 and 1 of training and test images: an eigenfunction's sign, or without index the classes."""
        data = self.data
        signs = binary_labels(data.y) if index is None else eigenfunction_labels(basis.vectors, index)
        labels = (np.asarray(signs) > 0).astype(np.int32)
        return labels[: len(data.x_train)], labels[len(data.x_train) :]

    @property
    def _tasks(self) -> list[int | None]:
        """The network's tasks; None is the baseline."""
        return [*self.config.indices, *([None] if self.config.baseline else [])]

    def linearizations(self, basis: Eigenbasis) -> dict[str, np.ndarray]:
        indices = self.config.linearized_indices or ()
        tasks = [*indices, *([None] if self.config.baseline else [])]
        labels = [self._labels(basis, task) for task in tasks]
        y_train, y_test = (np.stack(part, axis=1) for part in zip(*labels, strict=True))
        if self.config.linearized_training == "function_space":
            rows = self.folder.part("linearized", self._in_function_space, basis, y_train, y_test)
        else:
            net = self.net.linearization()
            rows = self._trained("linearized", net, tasks, zip(y_train.T, y_test.T, strict=True))
        rows["majority_rate"] = majority_rate(y_test)
        return _named(rows, "linearized", indices, self.config.baseline)

    def _in_function_space(self, basis: Eigenbasis, y_train, y_test) -> dict[str, np.ndarray]:
        n, gram = len(y_train), basis.gram
        started = time.monotonic()
        trained = train_in_function_space(
            gram[:n, :n],
            y_train.astype(np.float32),
            batches=self.batches,
            **self.recipe.in_function_space(n),
            fx_train_0=self.net(self.data.x_train),
            k_test_train=gram[n:, :n],
            fx_test_0=self.net(self.data.x_test),
        )
        self.folder.log(phase="linearized", tasks=y_train.shape[1], seconds=time.monotonic() - started)
        return {
            "test_accuracy": binary_accuracies(np.asarray(trained.fx_test), y_test),
            "train_accuracy": binary_accuracies(np.asarray(trained.fx_train), y_train),
            "loss": epoch_means(trained.loss, n, self.config.batch_size).T,
            "l2_distance": np.asarray(trained.l2_distance),
        }

    def networks(self, basis: Eigenbasis) -> dict[str, np.ndarray]:
        tasks = self._tasks
        rows = self._trained("network", self.net, tasks, (self._labels(basis, task) for task in tasks))
        return _named(rows, "network", self.config.indices, self.config.baseline)

    def _trained(self, kind: str, net: Network, tasks: list[int | None], labels: Iterable) -> dict[str, np.ndarray]:
        """Trains a copy of `net` on each task, one after the other; each is kept as soon as it is trained."""
        rows = []
        with progress(f"{self.config.display_name}: training ({kind})", len(tasks), "tasks") as advance:
            for task, (y_train, y_test) in zip(tasks, labels, strict=True):
                name = f"{kind}_baseline" if task is None else f"{kind}_{task:05d}"
                rows.append(self.folder.part(name, self._trained_on, kind, net, task, y_train, y_test))
                advance(note=f"{name}: {float(rows[-1]['test_accuracy']):.1%}")
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def _trained_on(self, kind: str, net: Network, task: int | None, y_train, y_test) -> dict[str, np.ndarray]:
        started = time.monotonic()
        training = train(
            net,
            self.data.x_train,
            y_train,
            recipe=self.recipe,
            batches=self.batches,
            x_test=self.data.x_test,
            y_test=y_test,
        )
        self.folder.log(
            phase=kind,
            index=task,
            test_accuracy=float(training.test_accuracy),
            train_loss=float(training.train_loss[-1]),
            seconds=time.monotonic() - started,
        )
        return {
            "test_accuracy": np.asarray(training.test_accuracy, np.float64),
            "train_accuracy": np.asarray(training.train_accuracy, np.float64),
            "loss": np.asarray(training.train_loss, np.float64),
            "l2_distance": np.asarray(training.l2_distance, np.float64),
            "cosine_distance": np.asarray(training.cosine_distance, np.float64),
        }


def _named(rows: dict[str, np.ndarray], kind: str, indices: tuple[int, ...], baseline: bool) -> dict[str, np.ndarray]:
    """The result's arrays from those over all tasks, of which the baseline is the last."""
    count = len(indices)
    own = {"network": "index", "linearized": "linearized_index"}[kind]
    # What Figure 3 shows of the network has no prefix; a linearization has it if trained in weight space.
    unprefixed = {"majority_rate", *(_FIGURE_3 if kind == "network" else ())}
    named: dict[str, np.ndarray] = {own: np.array(indices)}
    for key, values in rows.items():
        named[key if key in unprefixed else f"{kind}_{key}"] = values[:count]
        if baseline:
            named[f"baseline_{kind}_{key}"] = values[count]
    return named


def show(folder: RunFolder) -> None:
    """Prints a run's accuracies."""
    result = folder.result()
    table = Table(
        "index",
        "network",
        "linearization",
        f"epochs to loss {_TARGET_LOSS:g}",
        title=f"{display_name(folder.config['net'])}: test accuracy",
    )
    linearized = dict(zip(result["linearized_index"], result["linearized_test_accuracy"], strict=True))
    reached = epochs_to_loss(result["network_loss"], _TARGET_LOSS)
    for i, index in enumerate(result["index"]):
        accuracies = (result["network_test_accuracy"][i], linearized[index])
        epochs = "never" if np.isnan(reached[i]) else f"{reached[i]:.0f}"
        table.add_row(str(index), *map(_percent, accuracies), epochs)
    if folder.config["baseline"]:
        accuracies = tuple(float(result[f"baseline_{name}_test_accuracy"]) for name in ("network", "linearized"))
        table.add_row("classes 0-4 / 5-9", *map(_percent, accuracies), "")
    Console().print(table)


def _percent(accuracy: float) -> str:
    return "diverged" if np.isnan(accuracy) else f"{accuracy:.1%}"
