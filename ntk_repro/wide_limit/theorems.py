"""Experiment: the quantities that Theorem 2.1 and its proof bound, of many small networks of several widths.

Source: Lee et al. 2019, Theorem 2.1 (Eq. 17) and appendices G and H.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ntk_repro.command_line import print_table
from ntk_repro.errors import UserError, check_name
from ntk_repro.experiments import experiment
from ntk_repro.gram import analytic_kernel
from ntk_repro.models import PARAMETERIZATIONS
from ntk_repro.progress import stages
from ntk_repro.ranges import check_counts, check_positive, check_whole
from ntk_repro.record import RunFolder
from ntk_repro.wide_limit.descent_path import Ball, Problem, ball_constants, descent_path
from ntk_repro.wide_limit.jacobian_factors import ACTIVATIONS, FactoredFcn, Params, length, operator_norms
from ntk_repro.wide_limit.path_bounds import Limit, bounded, flow_bounds
from ntk_repro.wide_limit.settings import WidthsSettings

_INFINITE = 2**40  # a width at which layers of constant size no longer count
_NUMBERS = 2**20  # in one array, of all networks that are trained at once
_LINE = 17  # points of a line between two test inputs
_SINGULAR = 1e-10  # about lambda_min / lambda_max


@dataclass(frozen=True)
class Config(WidthsSettings):
    """Trains many networks of each width on a few points of the unit sphere, in float64, and measures the bounds."""

    depth: int = 2
    activation: str = "tanh"
    """Activation function, with a Lipschitz derivative (Eq. S38 excludes relu): tanh, erf or identity."""
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
        check_name("activation with a Lipschitz derivative", self.activation, ACTIVATIONS)
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


def limit_kernel(config: Config, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Theta, the limit of J J^T / norm with growing width (Eq. S42)."""
    # Of standard parameterization the input layer and the biases do not grow, so their part vanishes.
    return analytic_kernel(config.network(_INFINITE), x).ntk / config.norm(_INFINITE)


@functools.cache  # for several checks of a run: its kernel takes seconds
def load(config: Config) -> Sphere:
    """The problem of a run.

    Raises:
        UserError: where Theta is singular, so that assumption 2 of appendix G does not hold; the largest network does
            not fit into memory.
    """
    config.check_networks((config.input_size,))
    x, x_test = np.split(config.inputs(), [config.num_inputs])
    limit = Limit(limit_kernel(config, x), config.fraction, config.flow)
    if limit.lambda_min * limit.eta_critical < _SINGULAR:
        raise UserError(f"Theta is singular on these {config.num_inputs} inputs: take fewer, or more numbers in each")
    label = f"{config.num_inputs} inputs on the unit sphere of {config.input_size} numbers"
    return Sphere(x, np.where(np.arange(len(x)) % 2, -1.0, 1.0), x_test, limit, {"label": label})


@experiment("wide_limit_theorems", load=load)
def run(config: Config, data: Sphere, folder: RunFolder) -> dict[str, np.ndarray]:
    """Trains all networks, or continues a run that was interrupted, or returns one that is done.

    The result's arrays, for w widths and s networks: `widths` (w,), `kernel` (n, n), Theta; `eta_0`, `lambda_min`,
    `rate` (the share of the residual that a step leaves at most); (w, s) each: the quantities of `path_bounds.bounded`
    and, of gradient flow, `flow_bounds`;
    `jacobian`, `lipschitz`, ||J||_F / sqrt(norm) and its Lipschitz constant, the largest of the ball's (`Ball`);
    `activations_lipschitz`, `deltas_lipschitz`, the same of x^l and delta^l, the largest of all layers;
    `weights_ratio`, largest ratio of a weight matrix's operator norm to its bound in Eq. S84, at the end of training
    and in the ball; `theta_norm`, ||theta_0||; `input_bend`, largest second difference of the trained network along
    a line between two test inputs, over its range there; `lemma_constant`, the constant K of Lemma 1 or 2 in the ball.
    """
    limit = data.limit
    parts = [
        folder.part(f"width={width}", _one_width, config, data, width)
        for width in stages(config.widths, "width {:,}".format)
    ]
    return {
        "widths": np.array(config.widths),
        "kernel": limit.kernel,
        "eta_0": np.array(limit.eta_0),
        "lambda_min": np.array(limit.lambda_min),
        "rate": np.array(limit.rate),
        **{name: np.stack([part[name] for part in parts]) for name in parts[0]},
    }


def _one_width(config: Config, data: Sphere, width: int) -> dict[str, np.ndarray]:
    """The measured quantities of all networks of one width."""
    norm, rng = config.norm(width), np.random.default_rng([config.seed, width])
    network = FactoredFcn.of(config.network(width), config.input_size)
    problem = Problem(data.x, data.y, data.x_test, data.limit.eta_0 / norm, norm)
    rows = max(width if config.depth > 1 else config.input_size, _LINE * (config.num_test - 1))
    at_once = max(1, min(config.networks, _NUMBERS // (width * rows)))
    chunks = []
    for first in range(0, config.networks, at_once):
        start = network.initial(rng, min(at_once, config.networks - first))
        chunks.append(_trained(config, network, start, problem, data.limit, rng))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _trained(
    config: Config, network: FactoredFcn, start: Params, problem: Problem, limit: Limit, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The measured quantities of some networks."""
    path, last = descent_path(network, start, problem, config.steps, config.flow)
    ball = ball_constants(network, start, problem, config.radius / problem.norm**0.5, rng)
    return {
        **bounded(path, limit, problem.norm),
        **(flow_bounds(path, limit) if config.flow else {}),
        **_constants(config, network, ball, operator_norms(network, last)),
        "theta_norm": length(start),
        "input_bend": _bend(network, last, problem.x_test),
        "fx_test": path.fx_test[:, -1],
    }


def _bend(network: FactoredFcn, params: Params, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " s"]:
    """The largest distance from a straight line, over the range, on lines from the first input to the others."""
    lines = np.linspace(np.broadcast_to(x[0], x[1:].shape), x[1:], _LINE)
    fx = network.factors(params, lines.reshape(-1, x.shape[1])).fx.reshape(len(params[0]), _LINE, -1)
    straight = np.linspace(fx[:, 0], fx[:, -1], _LINE, axis=1)
    return (np.abs(fx - straight).max(axis=1) / np.ptp(fx, axis=1)).max(axis=1)


def _constants(
    config: Config, network: FactoredFcn, ball: Ball, at_end: Float[np.ndarray, "s layers"]
) -> dict[str, np.ndarray]:
    """The largest constants of the ball, and of the weights at the end of training, one for each network."""
    sigma = config.sigma_w_squared**0.5
    first = 3 * sigma * (network.sizes[1] / network.sizes[0]) ** 0.5
    bounds = np.array([first] + [3 * sigma] * config.depth)  # Eq. S84
    weights = np.concatenate([ball.weights, at_end[:, None]], axis=1)
    jacobian, lipschitz = ball.jacobian.max(axis=1), ball.lipschitz.max(axis=1)
    return {
        "jacobian": jacobian,
        "lipschitz": lipschitz,
        "lemma_constant": np.maximum(jacobian, lipschitz),
        "activations_lipschitz": ball.activations_lipschitz.max(axis=(1, 2)),
        "deltas_lipschitz": ball.deltas_lipschitz.max(axis=(1, 2)),
        "weights_ratio": (weights / bounds).max(axis=(1, 2)),
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
