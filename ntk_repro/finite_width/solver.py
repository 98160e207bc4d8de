"""Experiment: one class against the others, by least squares on the Jacobian, by SGD, and by baselines.

Source: Samarin et al. 2022, section 4.3 (Tables 1 and 2).
"""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.table import Table

from ntk_repro.data import Dataset
from ntk_repro.dynamics import train_in_function_space
from ntk_repro.dynamics.function_space import DivergedError
from ntk_repro.dynamics.least_squares import LeastSquares, solve_least_squares
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.finite_width.baselines import Config as BaselinesConfig
from ntk_repro.finite_width.baselines import run as run_baselines
from ntk_repro.finite_width.settings import Settings, SgdSettings
from ntk_repro.finite_width.sgd import train_one
from ntk_repro.finite_width.task import batches_for, checked_images, network_for, targets
from ntk_repro.gram import empirical_gram
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console
from ntk_repro.ranges import check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, accuracy

__all__ = ["MODELS", "Config", "run", "show"]

MODELS = {
    "solver": "least squares",
    "kernel_ridge": "least squares with a ridge",
    "linearized": "linearization by SGD",
    "network": "network by SGD",
    "logistic": "logistic regression on pixels",
    "ridge": "ridge regression on pixels",
}
"""The solutions by the beginning of their arrays' names, as a reader sees them."""

_FLOAT32 = 4  # bytes
_RIDGE_FOR_CHOLESKY = 1e-6  # of the largest eigenvalue


@dataclass(frozen=True)
class Config(SgdSettings, Settings):
    """Learns one class against the others with one output, in every way there is."""

    positive: int = 0
    """The class to distinguish from all others."""
    sizes: tuple[int, ...] | None = None
    """Numbers of training images to solve least squares on, the first ones; none: all of them; 0: do not solve."""
    cutoff: float | None = None
    """Eigenvalues of the kernel up to so many times the largest are taken as 0; none: float64's rounding."""
    kernel_ridge: float = 1e-4
    """Ridge of the regularized solution, as a share of the largest eigenvalue of the kernel; 0: none."""
    sgd: bool = True
    """Whether to train the network and its linearization by SGD, too."""
    learning_rate: float = 0.01
    """Learning rate, for the squared error averaged over the batch."""
    epochs: int = 200

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the sizes in order."""
        _ = self.recipe
        check_not_negative(kernel_ridge=self.kernel_ridge)
        sizes = self.sizes
        if sizes is not None:
            sizes = tuple(sorted(set(sizes) - {0}))
            if sizes and (sizes[0] < 1 or (self.n_train is not None and sizes[-1] > self.n_train)):
                raise UserError(f"sizes must be numbers of training images from 1 to {self.n_train}, not {self.sizes}")
        return {**super().canonical(), "sizes": sizes}

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: sizes above the number of training images become that."""
        fit, lines = super().within(n_train, n_test)
        if self.sizes is None or max(self.sizes, default=0) <= n_train:
            return fit, lines
        lines.append(f"{n_train:,} training images: the largest size is all of them")
        return dataclasses.replace(fit, sizes=tuple(sorted({min(size, n_train) for size in self.sizes}))), lines

    @property
    def recipe(self) -> Recipe:
        """How both models train by SGD.

        Raises:
            UserError: for a setting out of range.
        """
        return Recipe(schedule="constant", loss="squared_error", **self.values(SgdSettings))

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{super().label}, {self.positive} or not"


def _load(config: Config) -> Dataset:
    data = checked_images(config, config.positive)
    if config.sizes and config.sizes[-1] > len(data.x_train):
        raise UserError(f"--sizes {config.sizes[-1]} is above the {len(data.x_train):,} training images: leave it out")
    return data


@experiment("finite_width_solver", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one width, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for S sizes: `sizes`, `solver_train_accuracy`, `solver_test_accuracy`, `solver_rank`,
    `solver_dual` (1 for the kernel of the samples, 0 for the Jacobian), `solver_live` (parameters that move an output),
    `solver_norm`, `solver_cutoff` (S,); `kernel_ridge_*`, `linearized_*`, `network_*`, `logistic_*` and `ridge_*`
    (the last two on the pixels) `train_accuracy` and `test_accuracy`, nan where a training diverged;
    `linearized_function_space`, 1 where the linearization was trained by its kernel and 0 for by its weights;
    `num_params`; `majority_rate`, the accuracy on the test images of always saying no.
    """
    sizes = (len(data.x_train),) if config.sizes is None else config.sizes
    return {"sizes": np.array(sizes, int), **_Study(config, data, folder).everything(sizes)}


class _Study:
    def __init__(self, config: Config, data: Dataset, folder: RunFolder):
        self.config, self.data, self.folder = config, data, folder
        self.y = targets(data, config.positive)
        self.net: Network = network_for(config, data, 1)

    def everything(self, sizes: tuple[int, ...]) -> dict[str, np.ndarray]:
        found = {
            "num_params": np.asarray(self.net.num_params),
            "majority_rate": np.asarray(float(np.mean(self.y.test == 0))),
        }
        solved = [self._part(f"solver_{n:06d}", self._solved, n) for n in sizes]
        for name in solved[0] if solved else ():
            found[f"solver_{name}"] = np.stack([part[name] for part in solved])
        if solved and self.config.kernel_ridge:
            found |= _named("kernel_ridge", self._part("kernel_ridge", self._regularized, sizes[-1], solved[-1]))
        if self.config.sgd:
            found |= _named("linearized", self._part("linearized", self._linearized))
            found |= _named("network", self._part("network", self._network))
        baselines = BaselinesConfig.of(self.config, self.config.positive)
        return found | run_baselines(baselines, self.folder.root, self.data).result()

    def _part(self, name: str, compute, *arguments) -> dict[str, np.ndarray]:
        """The result of one solution; kept as soon as it is known."""

        def solve() -> dict[str, Any]:
            console.print(f"  {name}", highlight=False)
            started = time.monotonic()
            part = compute(*arguments)
            accuracies = {key: float(value) for key, value in part.items() if key.endswith("accuracy")}
            self.folder.log(phase=name, **accuracies, seconds=time.monotonic() - started)
            return part

        return self.folder.part(name, solve)

    def _solve(self, n: int, **settings) -> LeastSquares:
        x, x_test = self.data.x_train[:n], self.data.x_test
        return solve_least_squares(self.net, x, self.y.train[:n], x_test, cutoff=self.config.cutoff, **settings)

    def _solved(self, n: int) -> dict:
        solution = self._solve(n)
        return {
            **self._accuracies(solution.fx_train, solution.fx_test),
            "rank": solution.rank,
            "dual": int(solution.method == "dual"),
            "live": solution.columns.live,
            "norm": solution.norm,
            "cutoff": solution.cutoff,
            "largest": solution.eigenvalues[0],
        }

    def _regularized(self, n: int, solved: dict) -> dict:
        ridge = self.config.kernel_ridge * float(solved["largest"])
        # With a ridge the kernel is far from singular, and a factor does; cut-off directions need its eigenvectors.
        factor = self.config.cutoff is None and self.config.kernel_ridge >= _RIDGE_FOR_CHOLESKY
        solution = self._solve(n, ridge=ridge, method="cholesky" if factor else "dual")
        return {**self._accuracies(solution.fx_train, solution.fx_test), "strength": ridge}

    def _linearized(self) -> dict:
        n, net, data = len(self.data.x_train), self.net, self.data
        # Its steps stay in the span of the training images' gradients: with one output the kernel is all they need,
        # and far cheaper than weights. What does not fit into memory trains its weights.
        if not _kernel_fits(n, len(data.x_test)):
            return {**self._trained(net.linearization(), "linearized"), "function_space": 0}
        try:
            trained = train_in_function_space(
                empirical_gram(net, data.x_train),
                self.y.train,
                batches=self._batches(),
                **self.config.recipe.in_function_space(n),
                fx_train_0=net(data.x_train),
                k_test_train=empirical_gram(net, data.x_test, data.x_train),
                fx_test_0=net(data.x_test),
            )
        except DivergedError as error:  # as a training of weights: the other solutions stand
            console.print(f"  {error}", style="yellow", highlight=False, soft_wrap=True)
            return {"train_accuracy": np.nan, "test_accuracy": np.nan, "function_space": 1}
        return {**self._accuracies(trained.fx_train, trained.fx_test), "function_space": 1}

    def _network(self) -> dict:
        return self._trained(self.net, "network")

    def _trained(self, net: Network, name: str) -> dict:
        trained = train_one(
            net,
            self.data,
            self.y,
            recipe=self.config.recipe,
            batches=self._batches(),
            folder=self.folder,
            name=f"sgd_{name}",
        ).training
        return {"train_accuracy": trained.train_accuracy, "test_accuracy": trained.test_accuracy}

    def _batches(self) -> np.ndarray:
        return batches_for(self.config.seed, len(self.data.x_train), self.config.batch_size, self.config.epochs)

    def _accuracies(self, fx_train: np.ndarray, fx_test: np.ndarray | None) -> dict[str, float]:
        assert fx_test is not None
        return {
            "train_accuracy": accuracy(fx_train, self.y.train[: len(fx_train)], 0.5),
            "test_accuracy": accuracy(fx_test, self.y.test, 0.5),
        }


def _kernel_fits(n: int, m: int) -> bool:
    from ntk_repro.gram.memory import host_available_bytes

    return 2 * _FLOAT32 * n * (n + m) < 0.7 * host_available_bytes()


def _named(prefix: str, part: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}_{name}": value for name, value in part.items()}


def show(folder: RunFolder) -> None:
    """Prints the accuracies of every solution."""
    result, config = folder.result(), folder.config
    table = Table(
        "",
        "images",
        "training accuracy",
        "test accuracy",
        title=f"{display_name(config['net'])} x{config['width']:g}",
    )
    for i, n in enumerate(result["sizes"]):
        cells = [f"{100 * result[f'solver_{part}_accuracy'][i]:.2f} %" for part in ("train", "test")]
        table.add_row(f"least squares, rank {int(result['solver_rank'][i]):,}", f"{n:,}", *cells)
    for name, title in MODELS.items():
        if name != "solver" and f"{name}_test_accuracy" in result:
            cells = [f"{100 * float(result[f'{name}_{part}_accuracy']):.2f} %" for part in ("train", "test")]
            solved_on = f"{result['sizes'][-1]:,}" if name == "kernel_ridge" else "all"
            table.add_row(title, solved_on, *cells)
    Console().print(table)
