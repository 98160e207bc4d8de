"""The computation: Gram matrix, eigenfunctions, and the training of networks and linearizations on them."""

from typing import Any

import numpy as np
from jaxtyping import Int

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, binary_labels, class_labels
from ntk_repro.eigentasks.config import EigentasksConfig
from ntk_repro.experiments import experiment
from ntk_repro.gram import Eigenbasis, eigenbasis, eigenfunction_labels
from ntk_repro.gram.checks import check_eigenpair_count
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder
from ntk_repro.training import epochs_to_loss, majority_rate, train, train_linearization

Config = EigentasksConfig

_TARGET_LOSS = 0.01  # nats; the paper's, in its Figure 3
_FIGURE_3 = ("l2_distance", "cosine_distance")


def _load(config: EigentasksConfig) -> Dataset:
    """The images, after checks: first those that cost nothing, then those that need the data."""
    recipe, count = config.recipe, config.num_eigenfunctions or 0
    data = config.load()
    config.check_network(data.x_train.shape[1:])
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
    net = config.initial_network(data.x_train.shape[1:])
    identity = config.kernel_identity(data)
    basis = eigenbasis(net, data.x, config.num_eigenfunctions or 0, identity=identity, root=folder.root)
    study = _Study(config, data, folder, net, basis)
    return {"eigenvalues": basis.values, "residuals": basis.residuals, **study.linearizations(), **study.networks()}


class _Study:
    def __init__(self, config: EigentasksConfig, data: Dataset, folder: RunFolder, net: Network, basis: Eigenbasis):
        self.config, self.data, self.folder, self.net, self.basis = config, data, folder, net, basis
        # The same minibatches for the network, for its linearization and for every task.
        batches = config.recipe.minibatches(config.seed, len(data.x_train))
        self.settings: dict[str, Any] = {"recipe": config.recipe, "batches": batches}

    def _labels(self, indices: tuple[int, ...]) -> tuple[Int[np.ndarray, "n T"], Int[np.ndarray, "m T"]]:
        """The labels 0 and 1 of training and test images, a task a column; the baseline is the last one."""
        columns = [eigenfunction_labels(self.basis.vectors, index) for index in indices]
        if self.config.baseline:
            columns.append(binary_labels(self.data.y))
        labels = (np.stack(columns, axis=1) > 0).astype(np.int32)
        return labels[: len(self.data.x_train)], labels[len(self.data.x_train) :]

    def linearizations(self) -> dict[str, np.ndarray]:
        indices = self.config.linearized_indices or ()
        y_train, y_test = self._labels(indices)
        if self.config.linearized_training == "function_space":
            facts = {"phase": "linearized", "tasks": y_train.shape[1]}
            rows = self.folder.part("linearized", self._in_function_space, y_train, y_test, **facts)
        else:
            rows = self._trained("linearized", self.net.linearization(), indices)
        rows["majority_rate"] = majority_rate(y_test)
        return self._named(rows, "linearized", indices)

    def _in_function_space(self, y_train, y_test) -> dict[str, np.ndarray]:
        n, gram = len(y_train), self.basis.gram
        start = self.net(self.data.x_train), self.net(self.data.x_test)
        trained = train_linearization(gram[:n, :n], gram[n:, :n], y_train, y_test, *start, **self.settings)
        return {
            "test_accuracy": trained.test_accuracy,
            "train_accuracy": trained.train_accuracy,
            "loss": trained.train_loss,
            "l2_distance": trained.l2_distance,
        }

    def networks(self) -> dict[str, np.ndarray]:
        indices = self.config.indices
        return self._named(self._trained("network", self.net, indices), "network", indices)

    def _trained(self, kind: str, net: Network, indices: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Trains a copy of `net` on each task, one after the other; each result is saved at once."""
        rows = []
        tasks = [*indices, *([None] if self.config.baseline else [])]
        with progress(f"{self.config.display_name}: training ({kind})", len(tasks), "tasks") as advance:
            for task, y_train, y_test in zip(tasks, *(part.T for part in self._labels(indices)), strict=True):
                name = f"{kind}_baseline" if task is None else f"{kind}_{task:05d}"
                rows.append(self.folder.part(name, self._trained_on, net, y_train, y_test, phase=kind, index=task))
                advance(note=f"{name}: {float(rows[-1]['test_accuracy']):.1%}")
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def _trained_on(self, net: Network, y_train, y_test) -> dict[str, Any]:
        x_train, x_test = self.data.x_train, self.data.x_test
        training = train(net, x_train, y_train, x_test=x_test, y_test=y_test, **self.settings)
        return {
            "test_accuracy": training.test_accuracy,
            "train_accuracy": training.train_accuracy,
            "loss": training.train_loss,
            "l2_distance": training.l2_distance,
            "cosine_distance": training.cosine_distance,
        }

    def _named(self, rows: dict[str, np.ndarray], kind: str, indices: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The result's arrays from those over all tasks, of which the baseline is the last."""
        count = len(indices)
        # What Figure 3 shows of the network has no prefix; a linearization that was trained in weight space has one.
        unprefixed = {"majority_rate", *(_FIGURE_3 if kind == "network" else ())}
        named = {"index" if kind == "network" else "linearized_index": np.array(indices)}
        for key, values in rows.items():
            named[key if key in unprefixed else f"{kind}_{key}"] = values[:count]
            if self.config.baseline:
                named[f"baseline_{kind}_{key}"] = values[count]
        return named


def show(folder: RunFolder) -> None:
    """Prints a run's accuracies."""
    result = folder.result()
    loss = f"epochs to loss {_TARGET_LOSS:g}"
    columns = {"index": "d", "network": ".1%", "linearization": ".1%", loss: ".0f"}
    linearized = dict(zip(result["linearized_index"], result["linearized_test_accuracy"], strict=True))
    reached = epochs_to_loss(result["network_loss"], _TARGET_LOSS)
    rows: list[tuple[Any, ...]] = [
        (index, accuracy, linearized[index], "never" if np.isnan(epochs) else epochs)
        for index, accuracy, epochs in zip(result["index"], result["network_test_accuracy"], reached, strict=True)
    ]
    if folder.config["baseline"]:
        accuracies = [result[f"baseline_{name}_test_accuracy"] for name in ("network", "linearized")]
        rows.append(("classes 0-4 / 5-9", *accuracies, ""))
    print_table(columns, rows, f"{display_name(folder.config['net'])}: test accuracy")
