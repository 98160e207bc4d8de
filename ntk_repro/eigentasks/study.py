"""The computation: Gram matrix, eigenfunctions, and the training of networks and linearizations on them."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, UInt8

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, class_labels, halves_of_classes
from ntk_repro.eigentasks.config import EigentasksConfig
from ntk_repro.experiments import experiment
from ntk_repro.gram import Eigenbasis, alignment_from_gram, eigenbasis, eigenfunction_labels
from ntk_repro.gram.checks import check_eigenpair_count
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import progress, stage
from ntk_repro.record import RunFolder
from ntk_repro.training import (
    epochs_to_loss,
    majority_rate,
    side_by_side,
    train,
    train_linearization,
    training_bytes,
)

Config = EigentasksConfig
Tasks = tuple[int | None, ...]
"""Indices of eigenfunctions, None for the classes."""

_CLASSES: Tasks = (None,)
_NO_CLASSES = "add --no-baseline"
_EPSILON = 1e-5  # of ResNet18's BatchNorm
_IMAGES = 500

_TARGET_LOSS = 0.01  # nats; the paper's, in its Figure 3
_FIGURE_3 = ("l2_distance", "cosine_distance")


def _load(config: EigentasksConfig) -> Dataset:
    """The images, after checks: first those that cost nothing, then those that need the data."""
    count, data = config.num_eigenfunctions or 0, config.load()
    config.check_network(data.x_train.shape[1:])
    check_eigenpair_count(count, len(data.x_train) + len(data.x_test), "--indices")
    if config.baseline:
        class_labels(data, _NO_CLASSES)
    config.check_batches(len(data.x_train))
    return data


@experiment("eigentasks", load=_load)
def run(config: EigentasksConfig, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one run of the study, or continues one that was interrupted, or returns one that is done.

    The result's arrays, for I tasks of the network and L of the linearization:
    `index` (I,), `network_test_accuracy`, `network_train_accuracy`, `l2_distance`, `cosine_distance` (I,),
    `network_loss` (I, epochs), `network_label_bits` (I, bytes): the labels 0 and 1 of training and then test images
    as bits, since eigenvectors differ from machine to machine by rounding; `linearized_index`,
    `linearized_test_accuracy`, `linearized_train_accuracy`, `majority_rate` (of the test labels) (L,),
    `linearized_loss` (L, epochs); trained in function space also `linearized_halfway_accuracy` (L,): on the test
    images after half of the epochs, and `alignment` (L,): of the training labels -1 and +1 with the kernel;
    `eigenvalues`, `residuals`, `sign_overlap` (k,): the inner product of an eigenvector and its sign as unit
    vectors; `parameters`; of ResNet18 `normalization_effect`, see the function; with a baseline
    `baseline_network_*`, `baseline_linearized_*` and `baseline_alignment`.
    Accuracies lie between 0 and 1, nan where a training diverged. `ntk_repro.training.epochs_to_loss` reads off
    `network_loss` when a loss was reached.
    """
    stage(1, 3, "Gram matrix and its eigenfunctions")
    net = config.initial_network(data.x_train.shape[1:])
    identity = config.kernel_identity(data)
    basis = eigenbasis(net, data.x, config.num_eigenfunctions or 0, identity=identity, root=folder.root)
    study = _Study(config, data, folder, net, basis)
    facts = {
        "eigenvalues": basis.values,
        "residuals": basis.residuals,
        "sign_overlap": np.abs(basis.vectors).sum(axis=0) / np.sqrt(len(basis.vectors)),
        "parameters": np.array(net.num_params),
    }
    if config.net == "resnet18":
        facts["normalization_effect"] = normalization_effect(net, data.x_train)
    stage(2, 3, "linearizations")
    linearizations = study.linearizations()
    stage(3, 3, "networks")
    return {**facts, **linearizations, **study.networks()}


def normalization_effect(net: Network, x: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, ""]:
    """How much BatchNorm with the statistics of a network changes its outputs: RMS, relative to those without it.

    Without it means mean 0 and a variance which together with epsilon is 1, so that only scale and bias are left.

    Source: Ortiz-Jimenez et al. 2021, appendix B: the statistics at initialization deactivate it.
    """
    one = {"mean": 0.0, "var": 1.0 - _EPSILON}
    statistics = net.state["batch_stats"]
    without = jax.tree_util.tree_map_with_path(lambda path, leaf: np.full_like(leaf, one[path[-1].key]), statistics)
    fx, fx_without = (given(x[:_IMAGES]) for given in (net, net.replace(state={"batch_stats": without})))
    return np.sqrt(np.mean((fx - fx_without) ** 2) / np.mean(fx_without**2))


class _Study:
    def __init__(self, config: EigentasksConfig, data: Dataset, folder: RunFolder, net: Network, basis: Eigenbasis):
        self.config, self.data, self.folder, self.net, self.basis = config, data, folder, net, basis

    def _settings(self, task: int | None) -> dict[str, Any]:
        """Recipe and minibatches: the same for the network, for its linearization and for every eigenfunction."""
        recipe = self.config.baseline_recipe if task is None else self.config.recipe
        return {"recipe": recipe, "batches": recipe.minibatches(self.config.seed, len(self.data.x_train))}

    def _labels(self, tasks: Tasks) -> tuple[Int[np.ndarray, "n T"], Int[np.ndarray, "m T"]]:
        """The labels 0 and 1 of training and test images, a task a column; None is that of the classes."""
        columns = [
            np.concatenate(class_labels(self.data, _NO_CLASSES))
            if task is None
            else eigenfunction_labels(self.basis.vectors, task)
            for task in tasks
        ]
        labels = (np.stack(columns, axis=1) > 0).astype(np.int32)
        return labels[: len(self.data.x_train)], labels[len(self.data.x_train) :]

    def linearizations(self) -> dict[str, np.ndarray]:
        indices = self.config.linearized_indices or ()
        trained = self._in_function_space
        if self.config.linearized_training == "weight_space":
            trained = functools.partial(self._trained, "linearized", self.net.linearization())
        return self._named("linearized", indices, trained)

    def _in_function_space(self, tasks: Tasks) -> dict[str, np.ndarray]:
        name = "linearized_baseline" if tasks == _CLASSES else "linearized"
        return self.folder.part(name, self._all_in_function_space, tasks, phase="linearized", tasks=len(tasks))

    def _all_in_function_space(self, tasks: Tasks) -> dict[str, np.ndarray]:
        y_train, y_test = self._labels(tasks)
        n, gram, settings = len(y_train), self.basis.gram, self._settings(tasks[0])
        start = self.net(self.data.x_train), self.net(self.data.x_test)
        kernels = gram[:n, :n], gram[n:, :n]
        halfway = (settings["recipe"].epochs + 1) // 2
        trained = train_linearization(*kernels, y_train, y_test, *start, **settings, observe_at=[halfway])
        return {
            "test_accuracy": trained.test_accuracy,
            "train_accuracy": trained.train_accuracy,
            "halfway_accuracy": trained.test_curve[0],
            "loss": trained.train_loss,
            "l2_distance": trained.l2_distance,
            "alignment": alignment_from_gram(gram[:n, :n], 2.0 * y_train - 1),
        }

    def networks(self) -> dict[str, np.ndarray]:
        return self._named("network", self.config.indices, functools.partial(self._trained, "network", self.net))

    def _trained(self, kind: str, net: Network, tasks: Tasks) -> dict[str, np.ndarray]:
        """Trains a copy of `net` on each task; each result is saved at once."""

        def row(task: int | None, y_train, y_test) -> dict[str, np.ndarray]:
            name = f"{kind}_baseline" if task is None else f"{kind}_{task:05d}"
            part = self.folder.part(name, self._trained_on, name, net, y_train, y_test, task, phase=kind, index=task)
            # A part that another machine has computed was trained on that one's labels, and says so.
            return {"label_bits": _bits(y_train, y_test), **part}

        rows, recipe = [], self._settings(tasks[0])["recipe"]
        labelled = list(zip(tasks, *(part.T for part in self._labels(tasks)), strict=True))
        needed = training_bytes(net, self.data.x_train[: recipe.batch_size], recipe.rule)
        needed += self.data.x_train.nbytes + self.data.x_test.nbytes
        with progress(f"{self.config.display_name}: training ({kind})", len(tasks), "tasks") as advance:
            for task, found in zip(tasks, side_by_side(lambda one: row(*one), labelled, needed), strict=True):
                rows.append(found)
                advance(note=f"{'classes' if task is None else task}: {float(found['test_accuracy']):.1%}")
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def _trained_on(self, name: str, net: Network, y_train, y_test, task: int | None) -> dict[str, Any]:
        x_train, x_test = self.data.x_train, self.data.x_test
        saved: dict[str, Any] = {"folder": self.folder, "name": name}
        training = train(net, x_train, y_train, x_test=x_test, y_test=y_test, **self._settings(task), **saved)
        return {
            "test_accuracy": training.test_accuracy,
            "train_accuracy": training.train_accuracy,
            "loss": training.train_loss,
            "l2_distance": training.l2_distance,
            "cosine_distance": training.cosine_distance,
            "label_bits": _bits(y_train, y_test),
        }

    def _named(
        self, kind: str, indices: tuple[int, ...], trained: Callable[[Tasks], dict[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """The result's arrays of a network or its linearization, on eigenfunctions and on the classes."""
        # What Figure 3 shows of the network has no prefix; a linearization that was trained in weight space has one.
        unprefixed = {"alignment", "majority_rate", *(_FIGURE_3 if kind == "network" else ())}
        named = {"index" if kind == "network" else "linearized_index": np.array(indices)}
        for tasks in (indices, *([_CLASSES] if self.config.baseline else [])):
            rows, classes = trained(tasks), tasks == _CLASSES
            if kind == "linearized":
                rows["majority_rate"] = majority_rate(self._labels(tasks)[1])
            for key, values in rows.items():
                if classes:
                    named["baseline_alignment" if key == "alignment" else f"baseline_{kind}_{key}"] = values[0]
                else:
                    named[key if key in unprefixed else f"{kind}_{key}"] = values
        return named


def _bits(y_train: Int[np.ndarray, " n"], y_test: Int[np.ndarray, " m"]) -> UInt8[np.ndarray, " bytes"]:
    return np.packbits(np.concatenate([y_train, y_test]).astype(bool))


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
        count = folder.environment.get("provenance", {}).get("num_classes") or 10
        rows.append((f"classes {' / '.join(halves_of_classes(count))}", *accuracies, ""))
    print_table(columns, rows, f"{display_name(folder.config['net'])}: test accuracy")
