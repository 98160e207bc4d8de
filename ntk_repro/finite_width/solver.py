"""Experiment: one class against the others (or all), by least squares on the Jacobian, by SGD, and by baselines.

Source: Samarin et al. 2022, section 4.3 (Tables 1 and 2).
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset
from ntk_repro.dynamics.function_space import DivergedError
from ntk_repro.dynamics.least_squares import LeastSquares, solve_least_squares
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.finite_width import baselines
from ntk_repro.finite_width.settings import FiniteWidthSettings, SgdSettings
from ntk_repro.finite_width.task import checked_images, targets
from ntk_repro.gram import empirical_gram
from ntk_repro.memory import host_available_bytes
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console, stage
from ntk_repro.ranges import check_counts, check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.training import Recipe, accuracy, train, train_linearization

MODELS = {
    "solver": "least squares",
    "kernel_ridge": "least squares with a ridge",
    "linearized": "linearization by SGD",
    "network": "network by SGD",
    "logistic": "logistic regression on pixels",
    "ridge": "ridge regression on pixels",
}
"""The names of the solutions in tables, by the prefix of their arrays."""

ALL_CLASSES = -1
"""The value of `Config.positive` with which all classes are learned, an output for each."""

_FLOAT32 = 4  # bytes
_RIDGE_FOR_CHOLESKY = 1e-6  # of the largest eigenvalue


@dataclass(frozen=True)
class Config(SgdSettings, FiniteWidthSettings):
    """Learns one class against the others with one output, or all classes, by every method."""

    positive: int = 0
    """The class to distinguish from all others; -1: all classes are learned, an output for each."""
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
        if self.positive < ALL_CLASSES:
            raise UserError(f"positive must be a class, from 0, or {ALL_CLASSES} for all of them, not {self.positive}")
        check_not_negative(kernel_ridge=self.kernel_ridge)
        check_counts(n_train=self.n_train)
        sizes = self.sizes
        if sizes is not None:
            sizes = tuple(sorted(set(sizes) - {0}))
            if sizes and (sizes[0] < 1 or (self.n_train is not None and sizes[-1] > self.n_train)):
                raise UserError(f"sizes must be numbers of training images from 1 to {self.n_train}, not {self.sizes}")
        return {**super().canonical(), "sizes": sizes}

    def within(self, n_train: int, n_test: int) -> tuple[Self, list[str]]:
        """As `Settings.within`: sizes above the number of training images become that number."""
        fit, lines = super().within(n_train, n_test)
        if self.sizes is None or max(self.sizes, default=0) <= n_train:
            return fit, lines
        lines.append(f"{n_train:,} training images: the largest size is all of them")
        return dataclasses.replace(fit, sizes=tuple(sorted({min(size, n_train) for size in self.sizes}))), lines

    @property
    def recipe(self) -> Recipe:
        """How both models train by SGD; of all classes the loss is the mean over the outputs, as in `training`.

        Raises:
            UserError: for a setting out of range.
        """
        loss = "mean_squared_error" if self.one_class is None else "squared_error"
        return self.recipe_for(loss)

    @property
    def one_class(self) -> int | None:
        """The class to distinguish from all others; None where all classes are learned."""
        return None if self.positive == ALL_CLASSES else self.positive

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{super().label}, " + ("all classes" if self.one_class is None else f"{self.positive} or not")


def _load(config: Config) -> Dataset:
    data = checked_images(config, config.one_class)
    if config.sizes and config.sizes[-1] > len(data.x_train):
        raise UserError(f"--sizes {config.sizes[-1]} is above the {len(data.x_train):,} training images: leave it out")
    if config.sgd:
        config.check_batches(len(data.x_train))
    return data


@experiment("finite_width_solver", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one width, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for S sizes: `sizes`, `solver_train_accuracy`, `solver_test_accuracy`, `solver_rank`,
    `solver_dual` (1 for the kernel of the samples, 0 for the Jacobian), `solver_live` (parameters that move an output),
    `solver_norm`, `solver_cutoff` (S,); `kernel_ridge_*`, `linearized_*`, `network_*`, `logistic_*` and `ridge_*`
    (the last two on the pixels) `train_accuracy` and `test_accuracy`, nan where a training diverged;
    `linearized_function_space`, 1 where the linearization was trained by its kernel and 0 for by its weights;
    `num_params`; `outputs`; `majority_rate`, the accuracy on the test images of always predicting the other classes (of
    all classes: the largest).
    """
    sizes = (len(data.x_train),) if config.sizes is None else config.sizes
    study = _Study(config, data, folder)
    found: dict[str, Any] = {
        "sizes": np.array(sizes, int),
        "num_params": study.net.num_params,
        "outputs": study.y.num_outputs,
        "majority_rate": study.majority_rate,
    }
    others = ["kernel_ridge"] if sizes and config.kernel_ridge else []
    others += ["linearized", "network"] if config.sgd else []
    count = len(sizes) + len(others)
    solved = []
    for number, n in enumerate(sizes, 1):
        stage(number, count, f"{MODELS['solver']}, {n:,} images")
        solved.append(folder.part(f"solver_{n:06d}", study.solved, n, phase=f"solver_{n:06d}"))
    for name in solved[0] if solved else ():
        found[f"solver_{name}"] = np.stack([part[name] for part in solved])
    ways = {
        "kernel_ridge": lambda: study.regularized(sizes[-1], float(solved[-1]["largest"])),
        "linearized": study.linearized,
        "network": study.network,
    }
    for number, name in enumerate(others, 1 + len(sizes)):
        stage(number, count, MODELS[name])
        found |= {f"{name}_{key}": value for key, value in folder.part(name, ways[name], phase=name).items()}
    return found | baselines.run(baselines.Config.of(config, config.one_class), folder.root, data).result()


class _Study:
    def __init__(self, config: Config, data: Dataset, folder: RunFolder):
        self.config, self.folder = config, folder
        self.y = targets(data, config.one_class)
        self.net = config.initial_network(data.x_train.shape[1:], self.y.num_outputs)

    @property
    def majority_rate(self) -> float:
        """The accuracy on the test images of always predicting the same."""
        if self.config.one_class is None:
            return float(self.y.y_test.mean(axis=0, dtype=np.float64).max())
        return float(np.mean(self.y.y_test == 0, dtype=np.float64))

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """How both models train by SGD."""
        recipe = self.config.recipe
        return {"recipe": recipe, "batches": recipe.minibatches(self.config.seed, len(self.y.x_train))}

    def solved(self, n: int) -> dict[str, Any]:
        """Least squares on the first n images."""
        solution, accuracies = self._solve(n)
        return {
            **accuracies,
            "rank": solution.rank,
            "dual": int(solution.method == "dual"),
            "live": solution.columns.live,
            "norm": solution.norm,
            "cutoff": solution.cutoff,
            "largest": solution.eigenvalues[0],
        }

    def regularized(self, n: int, largest: float) -> dict[str, Any]:
        """Least squares with a ridge, a share of the kernel's largest eigenvalue."""
        ridge = self.config.kernel_ridge * largest
        # With a ridge the kernel is far from singular, and a factor does; cut-off directions need its eigenvectors.
        factor = self.config.cutoff is None and self.config.kernel_ridge >= _RIDGE_FOR_CHOLESKY
        _, accuracies = self._solve(n, ridge=ridge, method="cholesky" if factor else "dual")
        return {**accuracies, "strength": ridge}

    def _solve(self, n: int, **settings: Any) -> tuple[LeastSquares, dict[str, float]]:
        x, y = self.y.x_train[:n], self.y.y_train[:n]
        solution = solve_least_squares(self.net, x, y, self.y.x_test, cutoff=self.config.cutoff, **settings)
        assert solution.fx_test is not None
        return solution, {
            "train_accuracy": accuracy(solution.fx_train, y, 0.5),
            "test_accuracy": accuracy(solution.fx_test, self.y.y_test, 0.5),
        }

    def linearized(self) -> dict[str, Any]:
        """The linearization by SGD."""
        net, x_train, x_test = self.net, self.y.x_train, self.y.x_test
        # Its steps stay in the span of the training images' gradients: with one output the kernel is all they need,
        # and far cheaper than weights. If the kernel does not fit into memory, and of several outputs, the weights are
        # trained.
        if self.y.num_outputs > 1 or not _kernel_fits(len(x_train), len(x_test)):
            return {**self._trained(net.linearization(), "linearized"), "function_space": 0}
        try:
            kernels = empirical_gram(net, x_train), empirical_gram(net, x_test, x_train)
            start = net(x_train), net(x_test)
            trained = train_linearization(*kernels, self.y.y_train, self.y.y_test, *start, **self.settings)
        except DivergedError as error:  # as after a training of weights, the other solutions are kept
            console.print(f"  {error}", style="yellow", highlight=False, soft_wrap=True)
            return {"train_accuracy": np.nan, "test_accuracy": np.nan, "function_space": 1}
        accuracies = {"train_accuracy": trained.train_accuracy[0], "test_accuracy": trained.test_accuracy[0]}
        return {**accuracies, "function_space": 1}

    def network(self) -> dict[str, Any]:
        """The network by SGD."""
        return self._trained(self.net, "network")

    def _trained(self, net: Network, name: str) -> dict[str, Any]:
        y, saved = self.y, {"folder": self.folder, "name": f"sgd_{name}"}
        trained = train(net, y.x_train, y.y_train, x_test=y.x_test, y_test=y.y_test, **self.settings, **saved)
        return {"train_accuracy": trained.train_accuracy, "test_accuracy": trained.test_accuracy}


def _kernel_fits(n: int, m: int) -> bool:
    return 2 * _FLOAT32 * n * (n + m) < 0.7 * host_available_bytes()


def show(folder: RunFolder) -> None:
    """Prints the accuracies of every solution."""
    result, config = folder.result(), folder.config
    columns = {"": "", "images": ",", "training accuracy": ".2%", "test accuracy": ".2%"}
    rows = []
    for i, n in enumerate(result["sizes"]):
        accuracies = (result[f"solver_{part}_accuracy"][i] for part in ("train", "test"))
        rows.append((f"least squares, rank {int(result['solver_rank'][i]):,}", n, *accuracies))
    for name, title in MODELS.items():
        if name != "solver" and f"{name}_test_accuracy" in result:
            accuracies = (result[f"{name}_{part}_accuracy"] for part in ("train", "test"))
            rows.append((title, result["sizes"][-1] if name == "kernel_ridge" else "all", *accuracies))
    print_table(columns, rows, f"{display_name(config['net'])} x{config['width']:g}")
