"""The settings of one run of the study: one network, one data set, one seed."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from ntk_repro.errors import UserError
from ntk_repro.experiments import DataSettings, ScheduleSettings, StudyConfig, WeightDecaySettings
from ntk_repro.gram.eigenfunctions import check_task_index
from ntk_repro.initial_network import InitialNetwork
from ntk_repro.models import ResidualNetworkSettings
from ntk_repro.ranges import check_counts
from ntk_repro.training import Recipe


@dataclass(frozen=True)
class EigentasksConfig(
    ScheduleSettings, WeightDecaySettings, DataSettings, ResidualNetworkSettings, InitialNetwork, StudyConfig
):
    """Trains a network and its linearization on the binarized eigenfunctions of the network's NTK."""

    indices: tuple[int, ...] = (2, 11, 51, 101, 201, 301, 451, 601)
    """Eigenfunctions that the network is trained on: 1-based indices by falling eigenvalue (1 has one sign only)."""
    linearized_indices: tuple[int, ...] | None = None
    """More eigenfunctions for the linearization, which always trains on `indices` too; none: all from 2 to the
    largest of `indices` in function space, no more in weight space."""
    num_eigenfunctions: int | None = None
    """Number of eigenpairs to compute; none: as many as the largest index."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimizer of the network, and of the linearization."""
    linearized_training: Literal["auto", "function_space", "weight_space"] = "auto"
    """How linearizations train: function_space (exact, all tasks at once, sgd only), weight_space (one by one), or
    auto: function_space for sgd, weight_space for adam."""
    baseline: bool = True
    """Whether to train both on the classes of the data set too, the first half (0 to 4) against the others."""
    baseline_epochs: int | None = field(default=None, metadata={"added": True})
    """Epochs of the trainings on the classes; none: as many as on eigenfunctions."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, with every "auto" and "none" replaced that does not depend on the data."""
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
                f"index {max(linearized)} exceeds the {k} eigenpairs of --num-eigenfunctions: raise it to "
                f"{max(linearized)} or leave it out"
            )
        check_counts(baseline_epochs=self.baseline_epochs)
        _ = self.recipe
        unused = not self.baseline or self.baseline_epochs == self.epochs
        return {
            **super().canonical(),
            **(self.defaults("momentum") if self.optimizer == "adam" else {}),
            **(self.defaults("baseline_epochs") if unused else {}),
            "indices": indices,
            "linearized_indices": linearized,
            "linearized_training": training,
            "num_eigenfunctions": k,
        }

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: eigenfunctions beyond the number of images are left out."""
        fit, lines = super().within(n_train, n_test)
        images = n_train + n_test
        indices = tuple(index for index in self.indices if index <= images)
        count = None if (self.num_eigenfunctions or 0) > images else self.num_eigenfunctions
        if indices != self.indices:
            lines.append(f"{images:,} images have {images:,} eigenfunctions: indices beyond are left out")
        return dataclasses.replace(fit, indices=indices, num_eigenfunctions=count), lines

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} on {self.data}"

    @property
    def recipe(self) -> Recipe:
        """How networks and linearizations train.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(**self.values(ScheduleSettings), weight_decay=self.weight_decay, optimizer=self.optimizer)

    @property
    def baseline_recipe(self) -> Recipe:
        """How they train on the classes."""
        return dataclasses.replace(self.recipe, epochs=self.baseline_epochs or self.epochs)


def _indices(values: tuple[int, ...]) -> tuple[int, ...]:
    check_task_index(min(values))
    return tuple(sorted(set(values)))
