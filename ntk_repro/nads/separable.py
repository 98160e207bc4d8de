"""Experiment: networks and their linearizations on linearly separable data along their anisotropy directions.

Source: Ortiz-Jimenez et al. 2021, section 3.2 and appendix C.1 (Figure 4).
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.experiments import ScheduleSettings, experiment
from ntk_repro.gram import gram_store
from ntk_repro.nads import basis
from ntk_repro.nads.separable_data import linearly_separable
from ntk_repro.nads.settings import InputSettings, Samples
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import progress, stage
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, train, train_linearization


@dataclass(frozen=True)
class Config(ScheduleSettings, InputSettings):
    """Trains a network and its linearization on D(v_j) for some of the network's directions v_j."""

    data: Literal["origin", "gaussian"] = "origin"
    """Where the derivative of these directions is taken: origin (x = 0) or gaussian (64 standard normal inputs)."""
    indices: tuple[int, ...] = (1, 2, 5, 11, 26, 51, 101, 201, 401, 701, 1001)
    """Directions to train along: 1-based, by falling alignment."""
    train_size: int = 10000
    """Training samples of each task."""
    test_size: int = 10000
    """Test samples of each task."""
    epsilon: float = 1.0
    """Distance of a class from the separating hyperplane (the authors' public code: half of it)."""
    sigma: float = 1.0
    """Standard deviation of the noise in all other directions."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.display_name} along {len(self.indices)} directions"

    @property
    def recipe(self) -> Recipe:
        """How networks and linearizations train.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(**self.values(ScheduleSettings))

    @property
    def basis(self) -> basis.Config:
        """The settings of the run that computes the directions."""
        return basis.Config(**self.values(InputSettings), data=self.data, shown=min(10, self.dimension))

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the indices in order."""
        indices = self.checked_indices(self.indices)
        self.recipe.steps(self.train_size)
        return {**super().canonical(), "indices": indices}


def _load(config: Config) -> Samples:
    label = f"linearly separable data D(u), {config.shape}"
    facts = {"label": label, "n_train": config.train_size, "n_test": config.test_size}
    return replace(basis.load(config.basis), provenance=facts)


@experiment("nads_separable", load=_load)
def run(config: Config, samples: Samples, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains along every direction, or continues a run that was interrupted, or returns one that is done.

    The directions come from a run of `ntk_repro.nads.basis`, which is shared with its figure.

    The result's arrays, for I directions of d: `index` (I,); `network_test_accuracy`, `network_train_accuracy`,
    `linearized_test_accuracy`, `linearized_train_accuracy` (I,), nan where a network's training diverged (a
    linearization's is refused); `alignment` (d,): the predicted alpha(g_vj) of all directions; `null` (d,).
    """
    stage(1, 2, "neural anisotropy directions")
    found = basis.run(config.basis, folder.root).result()
    stage(2, 2, "trainings along them")
    net = config.initial_network(samples.shape)
    rows = []
    with progress(f"{config.display_name}: training", len(config.indices), "directions") as advance:
        for j in config.indices:
            arguments = (config, net, found["directions"][j - 1], j, folder)
            rows.append(folder.part(f"direction_{j:05d}", _along, *arguments, direction=j))
            shutil.rmtree(_gram_path(folder, j), ignore_errors=True)  # the disk would fill
            advance(note=f"direction {j}: {float(rows[-1]['network_test_accuracy']):.1%}")
    return {
        "index": np.array(config.indices),
        "alignment": found["values"] ** 2,
        "null": found["null"],
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    }


def _along(config: Config, net: Network, direction: np.ndarray, j: int, folder: RunFolder) -> dict[str, float]:
    """The accuracies along one direction; a long training and the kernel are saved as they grow."""
    n, sizes = config.train_size, (config.train_size, config.test_size)
    data = linearly_separable(direction, *sizes, epsilon=config.epsilon, sigma=config.sigma, seed=config.seed)
    # The same minibatches for the network, for its linearization and for every direction.
    settings: dict[str, Any] = {"recipe": config.recipe, "batches": config.recipe.minibatches(config.seed, n)}
    test: dict[str, Any] = {"x_test": data.x_test, "y_test": data.y_test}
    trained = train(net, data.x_train, data.y_train, **settings, **test, folder=folder, name=f"direction_{j:05d}")
    kernel = gram_store(net, np.concatenate([data.x_train, data.x_test]), _gram_path(folder, j)).array()
    start = net(data.x_train), net(data.x_test)
    linearized = train_linearization(kernel[:n, :n], kernel[n:, :n], data.y_train, data.y_test, *start, **settings)
    return {
        "network_test_accuracy": trained.test_accuracy,
        "network_train_accuracy": trained.train_accuracy,
        "linearized_test_accuracy": linearized.test_accuracy[0],
        "linearized_train_accuracy": linearized.train_accuracy[0],
    }


def _gram_path(folder: RunFolder, j: int) -> Path:
    return folder.path / "parts" / f"gram_{j:05d}"


def show(folder: RunFolder) -> None:
    """Prints a run's alignments and accuracies."""
    result = folder.result()
    alignments = result["alignment"][result["index"] - 1]
    accuracies = (result[f"{name}_test_accuracy"] for name in ("network", "linearized"))
    columns = {"NAD": "d", "alignment": ".4g", "network": ".1%", "linearization": ".1%"}
    rows = zip(result["index"], alignments, *accuracies, strict=True)
    print_table(columns, rows, f"{display_name(folder.config['net'])}: test accuracy on D(v)")
