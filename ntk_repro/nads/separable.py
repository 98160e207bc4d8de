"""Experiment: networks and their linearizations on linearly separable data along their anisotropy directions.

Source: Ortiz-Jimenez et al. 2021, section 3.2 and appendix C.1 (Figure 4).
"""

import shutil
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from ntk_repro.dynamics import train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram import gram_store
from ntk_repro.models import NetworkChoice
from ntk_repro.nads import basis
from ntk_repro.nads.separable_data import linearly_separable
from ntk_repro.network import Network
from ntk_repro.network_names import spoken_network
from ntk_repro.progress import progress
from ntk_repro.record import RunFolder
from ntk_repro.seeds import order_seed
from ntk_repro.training import Recipe, binary_accuracies, minibatches, train

__all__ = ["Config", "run", "show"]


@dataclass(frozen=True)
class Config(NetworkChoice):
    """Trains a network and its linearization on D(v_j) for some of the network's directions v_j."""

    net: str = "lenet"
    """Architecture: mlp, lenet or resnet18; or your own: my_network.py:MyNet, or package.module:MyNet."""
    width: float = 1.0
    """Factor on every channel count and hidden width (1: the paper's network)."""
    activation: str = "gelu"
    """Activation function: gelu, relu, tanh, erf, softplus or identity."""
    residual_scale_init: float = 1.0
    """Initial scale of each residual block's last BatchNorm; resnet18 only (0: the authors' code)."""
    size: int = 32
    """Height and width of the inputs."""
    channels: int = 1
    """Channels of the inputs."""
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
    learning_rate: float = 0.05
    """Learning rate at the first step."""
    schedule: Literal["linear", "constant"] = "linear"
    """Course of the learning rate: falling linearly, to reach 0 one step after the last, or constant."""
    momentum: float = 0.9
    """Momentum, between 0 and 1."""
    batch_size: int = 128
    """Samples a minibatch."""
    epochs: int = 20
    """Passes over the training samples."""
    seed: int = 0
    """Seed of the initialization, of the data and of the minibatches."""
    memory: str | None = field(default=None, metadata={"identity": False})
    """Memory for the directional derivatives, such as 2GiB; none: 4 GiB."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{self.spoken_net} along {len(self.indices)} directions"

    @property
    def recipe(self) -> Recipe:
        """How networks and linearizations train.

        Raises:
            UserError: for a setting out of range.
        """
        own = {f.name for f in fields(self)} & {f.name for f in fields(Recipe)}
        return Recipe(**{name: getattr(self, name) for name in own})

    @property
    def basis(self) -> basis.Config:
        """The settings of the run that computes the directions."""
        own = {f.name for f in fields(self)} & {f.name for f in fields(basis.Config)}
        return basis.Config(shown=min(10, self.size**2 * self.channels), **{name: getattr(self, name) for name in own})

    def resolved(self) -> "Config":
        """The same settings, checked, the indices in order.

        Raises:
            UserError: for settings out of range and unknown names.
        """
        d, indices = self.size**2 * self.channels, tuple(sorted(set(self.indices)))
        if not indices or not 1 <= indices[0] <= indices[-1] <= d:
            raise UserError(f"indices must name directions from 1 to {d}, not {self.indices}")
        found = self.basis.resolved()
        self.recipe.steps(self.train_size)
        return replace(self, net=found.net, indices=indices, residual_scale_init=found.residual_scale_init)


def run(config: Config, root: Path | None = None) -> RunFolder:
    """Trains along every direction, or continues a run that was interrupted, or returns one that is done.

    The directions come from a run of `ntk_repro.nads.basis`, which is shared with its figure.

    The result's arrays, for I directions of d: `index` (I,); `network_test_accuracy`, `network_train_accuracy`,
    `linearized_test_accuracy`, `linearized_train_accuracy` (I,), nan where a network's training diverged (a
    linearization's is refused); `alignment` (d,): the predicted alpha(g_vj) of all directions; `null` (d,).

    Args:
        config: the settings.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.

    Raises:
        UserError: for settings that cannot be worked with, and when a linearization's training diverges.
    """
    config = config.resolved()
    if RunFolder.is_done("nads_separable", config, root=root):
        with RunFolder.open("nads_separable", config, root=root) as folder:
            return folder
    found = basis.run(config.basis, root=root).result()
    net = basis.network_of(config.basis, found["directions"].shape[1:])
    with RunFolder.open("nads_separable", config, root=root) as folder:
        if not folder.done:
            spoken = " x ".join(map(str, found["directions"].shape[1:]))
            folder.describe(
                provenance={
                    "label": f"linearly separable data D(u), {spoken}",
                    "n_train": config.train_size,
                    "n_test": config.test_size,
                }
            )
            rows = []
            with progress(f"{config.spoken_net}: training", len(config.indices), "directions") as advance:
                for j in config.indices:
                    rows.append(_along(config, net, found["directions"][j - 1], j, folder))
                    advance(note=f"direction {j}: {float(rows[-1]['network_test_accuracy']):.1%}")
            folder.finish(
                index=np.array(config.indices),
                alignment=found["values"] ** 2,
                null=found["null"],
                **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
            )
    return folder


def _along(config: Config, net: Network, direction: np.ndarray, j: int, folder: RunFolder) -> dict[str, np.ndarray]:
    """Both accuracies along one direction, kept as a part of the run; a long training and the kernel are on the way."""
    name = f"direction_{j:05d}"
    part = folder.load_part(name)
    if part is not None:
        return part
    started = time.monotonic()
    sizes: dict[str, Any] = {"epsilon": config.epsilon, "sigma": config.sigma, "seed": config.seed}
    data = linearly_separable(direction, config.train_size, config.test_size, **sizes)
    # The same minibatches for the network, for its linearization and for every direction.
    batches = minibatches(order_seed(config.seed), config.train_size, config.batch_size, config.epochs)
    trained = train(
        net,
        data.x_train,
        data.y_train,
        recipe=config.recipe,
        batches=batches,
        x_test=data.x_test,
        y_test=data.y_test,
        folder=folder,
        name=f"network_{j:05d}",
    )
    where, n = folder.path / "parts" / f"gram_{j:05d}", config.train_size
    kernel = gram_store(net, np.concatenate([data.x_train, data.x_test]), where).array()
    linearized = train_in_function_space(
        kernel[:n, :n],
        data.y_train[:, None].astype(np.float32),
        batches=batches,
        **config.recipe.in_function_space(n),
        fx_train_0=net(data.x_train),
        k_test_train=kernel[n:, :n],
        fx_test_0=net(data.x_test),
    )
    assert linearized.fx_test is not None
    part = {
        "network_test_accuracy": np.float64(trained.test_accuracy),
        "network_train_accuracy": np.float64(trained.train_accuracy),
        "linearized_test_accuracy": binary_accuracies(linearized.fx_test, data.y_test[:, None])[0],
        "linearized_train_accuracy": binary_accuracies(linearized.fx_train, data.y_train[:, None])[0],
    }
    said = {name: float(value) for name, value in part.items()}
    folder.log(direction=j, seconds=time.monotonic() - started, **said)
    folder.save_part(name, **part)
    # What was kept on the way: of a large network a state for each direction would fill the disk.
    shutil.rmtree(where, ignore_errors=True)
    where.with_name(f"network_{j:05d}_state.npz").unlink(missing_ok=True)
    return part


def show(folder: RunFolder) -> None:
    """Prints a run's accuracies beside the alignments."""
    result = folder.result()
    title = f"{spoken_network(folder.config['net'])}: test accuracy on D(v)"
    table = Table("NAD", "alignment", "network", "linearization", title=title)
    for i, j in enumerate(result["index"]):
        accuracies = (result[f"{name}_test_accuracy"][i] for name in ("network", "linearized"))
        table.add_row(str(j), f"{result['alignment'][j - 1]:.4g}", *(f"{value:.1%}" for value in accuracies))
    Console().print(table)
