"""Experiment: least squares on the Jacobian of any number of images, through their kernel, against the ridge.

A kernel K = J J^T in float64 loses the eigenvalues below n times its rounding of the largest one, which the Jacobian J
still has. Where memory does not hold J, the accuracies as the ridge falls show where those without one lie.

Source: Samarin et al. 2022, section 4.3 (the solver of Tables 1 and 2, whose cut-off the paper does not state).
"""

import shutil
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.data import Dataset, RegressionData
from ntk_repro.dynamics.least_squares import solve_least_squares
from ntk_repro.dynamics.weights import weight_change
from ntk_repro.errors import UserError
from ntk_repro.experiments import experiment
from ntk_repro.finite_width.settings import FiniteWidthSettings
from ntk_repro.finite_width.task import checked_images, targets
from ntk_repro.gram import GramStore, gram_store, kernel_solve, top_eigenpairs
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.solve import NotPositiveDefiniteError
from ntk_repro.gram.solve.cholesky import factor_folder
from ntk_repro.network import Network
from ntk_repro.network_names import display_name
from ntk_repro.progress import console, stage
from ntk_repro.ranges import check_not_negative
from ntk_repro.record import RunFolder
from ntk_repro.training import accuracy


@dataclass(frozen=True)
class Config(FiniteWidthSettings):
    """Solves least squares of one class against the others exactly, with several ridges."""

    positive: int = 0
    """The class to distinguish from all others."""
    ridges: tuple[float, ...] = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    """Ridges as shares of the largest eigenvalue of the kernel; 0: none."""
    jacobian: bool = False
    """Whether to solve once more by SciPy on the Jacobian itself, without a ridge, to compare; it has to fit into
    memory."""

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`, the ridges in descending order."""
        if not self.ridges:
            raise UserError("--ridges has no value: give one share of the largest eigenvalue at least, such as 1e-6")
        for ridge in self.ridges:
            check_not_negative(ridges=ridge)
        return {**super().canonical(), "ridges": tuple(sorted(set(self.ridges), reverse=True))}

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"{super().label}, {self.positive} or not"


def _load(config: Config) -> Dataset:
    return checked_images(config, config.positive)


@experiment("finite_width_ridges", load=_load)
def run(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes one width, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for R ridges: `ridges`, shares of `largest_eigenvalue`; `train_accuracy`, `test_accuracy`,
    `train_error`, `norm` (of the change of the weights) and `residual` (R,), nan where the kernel with that ridge is
    not positive definite in float64; `num_params`; `majority_rate`, the accuracy on the test images of always
    predicting the other classes; with jacobian `jacobian_train_accuracy`, `jacobian_test_accuracy`,
    `jacobian_rank` and `jacobian_norm`.
    """
    y = targets(data, config.positive)
    net = config.initial_network(data.x_train.shape[1:], 1)
    found: dict[str, Any] = {
        "ridges": np.array(config.ridges),
        "num_params": np.asarray(net.num_params),
        "majority_rate": np.mean(y.y_test == 0, dtype=np.float64),
    }
    # Kernel and factors lie with the parts, which go when the run is finished: each has 4 n^2 bytes or more.
    where = folder.path / "parts" / "kernel"
    count = 1 + len(config.ridges) + config.jacobian
    stage(1, count, "kernel")
    store = gram_store(net, y.x_train, where, outputs="full", precision="float64")
    largest = folder.part("largest", lambda: {"eigenvalue": top_eigenpairs(store, 1).values[0]})["eigenvalue"]
    solved = []
    for number, share in enumerate(config.ridges, 2):
        stage(number, count, f"ridge {share:g} of the largest eigenvalue")
        ridge = share * float(largest)
        solved.append(folder.part(f"ridge_{share!r}", _solved, net, y, store, ridge))
        shutil.rmtree(factor_folder(store, ridge), ignore_errors=True)
    found |= {name: np.stack([one[name] for one in solved]) for name in solved[0]}
    if config.jacobian:
        stage(count, count, "least squares on the Jacobian")
        found |= {f"jacobian_{name}": value for name, value in folder.part("jacobian", _by_jacobian, net, y).items()}
    return found | {"largest_eigenvalue": largest}


def _solved(net: Network, y: RegressionData, store: GramStore, ridge: float) -> dict[str, float]:
    """The solution for one ridge."""
    with checked_arguments(net, y.x_train, y.x_test, "full", "float64") as (wide, x, x_test, *_):
        start = wide(x)
        try:
            solution = kernel_solve(store, (y.y_train - start)[:, 0], ridge)
        except NotPositiveDefiniteError as error:
            console.print(f"  {error}", style="yellow", highlight=False, soft_wrap=True)
            return dict.fromkeys(("train_accuracy", "test_accuracy", "train_error", "norm", "residual"), np.nan)
        change = weight_change(wide, x, solution.coefficients[:, None])
        moved = wide.linearization().replace(params=jax.tree.map(jnp.add, wide.params, change))
        fx_train = start + solution.fitted[:, None]
        return {
            **_accuracies(y, fx_train, moved(x_test)),
            "train_error": float(np.mean((y.y_train - fx_train) ** 2)),
            "norm": float(np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(change)))),
            "residual": solution.residual,
        }


def _by_jacobian(net: Network, y: RegressionData) -> dict[str, float]:
    """The solution by SciPy's `lstsq` on the Jacobian."""
    solution = solve_least_squares(net, y.x_train, y.y_train, y.x_test, method="primal")
    assert solution.fx_test is not None
    return {**_accuracies(y, solution.fx_train, solution.fx_test), "rank": solution.rank, "norm": solution.norm}


def _accuracies(
    y: RegressionData, fx_train: Float[np.ndarray, "n 1"], fx_test: Float[np.ndarray, "m 1"]
) -> dict[str, float]:
    return {
        "train_accuracy": accuracy(fx_train, y.y_train, 0.5),
        "test_accuracy": accuracy(fx_test, y.y_test, 0.5),
    }


def show(folder: RunFolder) -> None:
    """Prints the accuracies for each ridge."""
    result, config = folder.result(), folder.config
    columns = {"ridge": "", "training accuracy": ".2%", "test accuracy": ".2%", "length of the change": ".3g"}
    names = ("train_accuracy", "test_accuracy", "norm")
    rows = [
        (f"{ridge:g}" if ridge else "none", *(result[name][i] for name in names))
        for i, ridge in enumerate(result["ridges"])
    ]
    if config["jacobian"]:
        rows.append(("none, by the Jacobian", *(result[f"jacobian_{name}"] for name in names)))
    title = f"{display_name(config['net'])} x{config['width']:g}, ridges as shares of the largest eigenvalue"
    print_table(columns, rows, title)
