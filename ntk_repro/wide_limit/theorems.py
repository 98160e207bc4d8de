"""Experiment: the quantities that Theorem 2.1 and its proof bound, of many small networks of several widths.

Source: Lee et al. 2019, Theorem 2.1 (Eq. 17) and appendices G and H.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.command_line import print_table
from ntk_repro.errors import UserError, check_name
from ntk_repro.experiments import experiment
from ntk_repro.gram import analytic_kernel
from ntk_repro.models import PARAMETERIZATIONS
from ntk_repro.precision import float64_scope
from ntk_repro.progress import console
from ntk_repro.ranges import check_counts, check_positive, check_whole
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for
from ntk_repro.wide_limit.descent_path import (
    Ball,
    Path,
    Problem,
    ball_constants,
    descent_path,
    length,
    operator_norms,
)
from ntk_repro.wide_limit.jacobian_factors import FactoredFcn
from ntk_repro.wide_limit.path_bounds import Limit, bounded, flow_bounds
from ntk_repro.wide_limit.settings import WidthsSettings

_INFINITE = 2**40  # a width at which layers of constant size no longer count
_NUMBERS = 2**24  # of one weight matrix, of all networks that are trained at once
_LINE = 17  # points of the line between two test inputs
_SINGULAR = 1e-10  # about lambda_min / lambda_max


@dataclass(frozen=True)
class Config(WidthsSettings):
    """Trains many networks of each width on a few points of the unit sphere, in float64, and measures the bounds."""

    depth: int = 2
    activation: str = "tanh"
    """Activation function, with a Lipschitz derivative (Eq. S38 excludes relu): tanh, erf, softplus or identity."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    parameterization: Literal["standard", "ntk"] = "standard"
    """Parameterization: standard, with eta = eta_0 / width, or ntk, with eta = eta_0."""
    fraction: float = 0.5
    """eta_0 as a share of eta_critical = 2 / (lambda_min + lambda_max)."""
    flow: bool = False
    """Gradient flow instead of gradient descent; a step is then the time eta_0 (at most a quarter of eta_critical)."""
    steps: int = 256
    """Steps of full-batch training."""
    networks: int = 40
    """Networks of each width."""
    num_inputs: int = 4
    """Training inputs, drawn uniformly from the unit sphere; their targets are +1 and -1 in turn."""
    input_size: int = 4
    """Numbers of an input."""
    num_test: int = 8
    """Test inputs, drawn uniformly from the unit ball."""
    radius: float = 3.0
    """C: Lemmas 1 and 2 are measured in balls of radius C / sqrt(width) in standard, C in NTK parameterization."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        training = "gradient flow" if self.flow else f"gradient descent at {self.fraction:g} eta_critical"
        return f"{self.layers}, {self.width_range}, {self.parameterization} parameterization, {training}"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        check_name("parameterization", self.parameterization, PARAMETERIZATIONS)
        check_counts(num_inputs=self.num_inputs, input_size=self.input_size)
        for name, lowest in (("networks", 2), ("num_test", 2), ("steps", 4)):
            check_whole(name, getattr(self, name), lowest)
        check_positive(fraction=self.fraction, radius=self.radius)
        most = 0.25 if self.flow else 1.0
        if self.fraction > most:
            raise UserError(f"--fraction must be at most {most:g} here, not {self.fraction:g}")
        return super().canonical()

    def network(self, width: int) -> Any:
        """The module of one width."""
        return self.module(width, parameterization=self.parameterization)

    def norm(self, width: int) -> float:
        """What J J^T is divided by."""
        return float(width) if self.parameterization == "standard" else 1.0

    def inputs(self) -> Float[np.ndarray, "n+m d"]:
        """Training inputs on the unit sphere, then test inputs in the unit ball."""
        rng = np.random.default_rng([self.seed, self.num_inputs, self.input_size])
        x = rng.normal(size=(self.num_inputs + self.num_test, self.input_size))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        x[self.num_inputs :] *= rng.uniform(size=(self.num_test, 1)) ** (1 / self.input_size)
        return x


@dataclass(frozen=True)
class Sphere:
    """A regression problem on the unit sphere.

    Attributes:
        x: training inputs (n, d).
        y: targets (n,), +1 and -1 in turn.
        x_test: test inputs (m, d).
        limit: the kernel of infinite width, and the learning rate.
        provenance: what a run records.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    limit: Limit
    provenance: dict[str, Any]


def limit_kernel(config: Config, activation: str, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Theta, the limit of J J^T / norm with growing width (Eq. S42)."""
    module = config.network(_INFINITE).clone(activation=activation)
    # Of standard parameterization the input layer and the biases do not grow, so their part vanishes.
    return analytic_kernel(module, x).ntk / config.norm(_INFINITE)


def load(config: Config) -> Sphere:
    """The problem of a run.

    Raises:
        UserError: where Theta is singular, so that assumption 2 of appendix G does not hold.
    """
    x, x_test = np.split(config.inputs(), [config.num_inputs])
    limit = Limit(limit_kernel(config, config.activation, x), config.fraction, config.flow)
    if limit.lambda_min * limit.eta_critical < _SINGULAR:
        raise UserError(f"Theta is singular on these {config.num_inputs} inputs: take fewer, or more numbers in each")
    label = f"{config.num_inputs} inputs on the unit sphere of {config.input_size} numbers"
    return Sphere(x, np.where(np.arange(len(x)) % 2, -1.0, 1.0), x_test, limit, {"label": label})


@experiment("wide_limit_theorems", load=load)
def run(config: Config, data: Sphere, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains all networks, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for w widths and s networks: `widths` (w,), `kernel` (n, n), Theta; `eta_0`, `lambda_min`,
    `rate` (the share of the residual that a step leaves at most); `positive` (3,), lambda_min / lambda_max of Theta for
    tanh, erf and relu; (w, s) each: the quantities of `path_bounds.bounded` and, of gradient flow, `flow_bounds`;
    `jacobian`, `lipschitz`, ||J||_F / sqrt(norm) and its Lipschitz constant, the largest of the ball's (`Ball`);
    `activations_lipschitz`, `deltas_lipschitz`, the same of x^l and delta^l, the largest of all layers;
    `weights_ratio`, largest ratio of a weight matrix's operator norm to its bound in Eq. S84, at the end of training
    and in the ball; `theta_norm`, ||theta_0||; `input_bend`, largest second difference of the trained network along
    a line between two test inputs, over its range there; `lemma_constant`, the constant K of Lemma 1 or 2 in the ball.
    """
    limit = data.limit
    parts = [folder.part(f"width={width}", _one_width, config, data, width) for width in config.widths]
    spectra = [np.linalg.eigvalsh(limit_kernel(config, name, data.x)) for name in ("tanh", "erf", "relu")]
    return {
        "widths": np.array(config.widths),
        "kernel": limit.kernel,
        "eta_0": np.array(limit.eta_0),
        "lambda_min": np.array(limit.lambda_min),
        "rate": np.array(limit.rate),
        "positive": np.array([values[0] / values[-1] for values in spectra]),
        **{name: np.stack([part[name] for part in parts]) for name in parts[0]},
    }


def _one_width(config: Config, data: Sphere, width: int) -> dict[str, np.ndarray]:
    """The measured quantities of all networks of one width."""
    console.print(f"width {width:,}", highlight=False)
    norm, limit, y = config.norm(width), data.limit, data.y
    keys = jax.random.split(jax.random.fold_in(key_for(config.seed, INIT), width), config.networks)
    largest = width * (width if config.depth > 1 else config.input_size)
    at_once = max(1, min(config.networks, _NUMBERS // largest))
    chunks = []
    with float64_scope(), jax.default_matmul_precision("highest"):
        train = jax.jit(jax.vmap(_training(config, width, data), in_axes=(0, None)))
        problem = Problem(*map(jnp.asarray, (data.x, y, data.x_test, limit.eta_0 / norm, norm)))
        for first in range(0, len(keys), at_once):
            path, ball, ends = jax.tree.map(np.asarray, train(keys[first : first + at_once], problem))
            measured = bounded(path, y, limit, norm) | (flow_bounds(path, y, limit) if config.flow else {})
            chunks.append(measured | _constants(config, width, ball, ends))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _training(
    config: Config, width: int, data: Sphere
) -> Callable[[Array, Problem], tuple[Path, Ball, dict[str, Array]]]:
    """(key, problem) -> path, constants of the ball, and what is measured at both ends, of one network."""
    module = config.network(width)
    network = FactoredFcn.of(module, config.input_size)
    line = np.linspace(*data.x_test[:2], _LINE)

    def train(key: Array, problem: Problem) -> tuple[Path, Ball, dict[str, Array]]:
        start = network.params(module.init(key, jnp.zeros((1, config.input_size), jnp.float32)))
        path, last = descent_path(network, start, problem, config.steps, config.flow)
        radius = config.radius / jnp.sqrt(problem.norm)
        ball = ball_constants(network, start, problem, radius, jax.random.fold_in(key, 1))
        on_line = network.factors(last, jnp.asarray(line)).fx
        straight = jnp.linspace(on_line[0], on_line[-1], _LINE)
        ends = {
            "theta_norm": length(start),
            "weights": operator_norms(network, last),
            "input_bend": jnp.abs(on_line - straight).max() / jnp.ptp(on_line),
            "fx_test": path.fx_test[-1],
        }
        return path, ball, ends

    return train


def _constants(config: Config, width: int, ball: Ball, ends: dict[str, Any]) -> dict[str, np.ndarray]:
    """The largest of the constants of the ball and of the end of training, one for each network."""
    sigma, layers = config.sigma_w_squared**0.5, config.depth + 1
    first = 3 * sigma * (width / config.input_size) ** 0.5
    bounds = np.array([first] + [3 * sigma] * (layers - 1))  # Eq. S84
    weights = np.concatenate([ball.weights, ends["weights"][:, None]], axis=1)
    jacobian, lipschitz = ball.jacobian.max(axis=1), ball.lipschitz.max(axis=1)
    return {
        "jacobian": jacobian,
        "lipschitz": lipschitz,
        "lemma_constant": np.maximum(jacobian, lipschitz),
        "activations_lipschitz": ball.activations_lipschitz.max(axis=(1, 2)),
        "deltas_lipschitz": ball.deltas_lipschitz.max(axis=(1, 2)),
        "weights_ratio": (weights / bounds).max(axis=(1, 2)),
        "theta_norm": ends["theta_norm"],
        "input_bend": ends["input_bend"],
        "fx_test": ends["fx_test"],
    }


def show(folder: RunFolder) -> None:
    """Prints a run's suprema, as medians over the networks."""
    result = folder.result()
    names = {
        "||theta - theta_0||": "distance",
        "||Theta - Theta_0||": "kernel_change",
        "train |f - f_lin|": "train_difference",
        "test |f - f_lin|": "test_difference",
    }
    rows = zip(result["widths"], *(np.median(result[name], axis=1) for name in names.values()), strict=True)
    title = f"suprema over training, medians of {folder.config['networks']} networks, eta_0 = {result['eta_0']:.3g}"
    print_table({"width": ",", **dict.fromkeys(names, ".3g")}, rows, title)
