"""Experiment: the functions of a small network, its tangent plane and two trainings, seen in three dimensions.

Source: Ortiz-Jimenez et al. 2021, Figure 1, drawn there by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntk_repro.command_line import print_table
from ntk_repro.errors import UserError
from ntk_repro.experiments import StudyConfig, experiment
from ntk_repro.nads.settings import Samples
from ntk_repro.precision import float64_scope
from ntk_repro.ranges import check_counts, check_positive
from ntk_repro.record import RunFolder
from ntk_repro.seeds import INIT, key_for


@dataclass(frozen=True)
class Config(StudyConfig):
    """Maps two parameters of networks of several widths to their outputs at three inputs."""

    widths: tuple[int, ...] = (4, 400)
    """Hidden units of each network."""
    inputs: tuple[float, float, float] = (-1.5, 0.3, 1.2)
    """The three inputs whose outputs represent a function."""
    data: Literal["toy"] = "toy"
    """The functions are of one number."""
    radius: float = 1.6
    """How far the surface extends along each parameter, in units of the outputs of the linearization."""
    target: tuple[float, float, float] = (1.0, 0.9, 0.5)
    """The function to learn, from the start: along the two axes of the tangent plane and along its normal."""
    steps: int = 400
    """Steps of gradient descent on 1/2 |f - target|^2."""
    learning_rate: float = 0.02
    """Its learning rate."""

    @property
    def label(self) -> str:
        """The run in a few words, for the terminal."""
        return f"a network of {' and '.join(map(str, self.widths))} hidden units"

    def canonical(self) -> dict[str, Any]:
        """As `Settings.canonical`."""
        if len(self.widths) < 2 or list(self.widths) != sorted(set(self.widths)) or self.widths[0] < 1:
            raise UserError(f"widths must be two or more, rising, from 1 on, not {self.widths}")
        check_counts(steps=self.steps)
        check_positive(radius=self.radius, learning_rate=self.learning_rate)
        return super().canonical()


_GRID = 41
_RADII = (1, 2, 4)  # the radius over each


def _load(config: Config) -> Samples:
    return Samples(None, (1,), {"label": "a network of one input, at three points"})


@experiment("nads_tangent_space", load=_load)
def run(config: Config, samples: Samples, folder: RunFolder) -> dict[str, np.ndarray]:
    """Computes surface, plane and trainings for every width, or returns a run that is done.

    The network is f(x) = m^-1/2 sum_i a_i tanh(w_i x + b_i), its two parameters the distances from the start along the
    two right singular vectors of the Jacobian with the largest singular values, scaled so that the linearization moves
    the three outputs by as much. All positions are given in the axes of the tangent plane: its two directions and its
    normal, from the start.

    The result's arrays, for w widths: `widths` (w,); `surface` (w, 41, 41, 3): F; `grid` (41,): both parameters;
    `target` (3,); `network_path`, `linearized_path` (w, steps + 1, 3); `bend` (w,): root mean squared distance of the
    surface from the plane, over the radius; `radii` (3,), `distance` (w, 3): that distance, within several radii;
    `off_plane`, `network_off_plane` (w,): largest distance of the linearized path, and of the other, from the plane.
    """
    with float64_scope():
        rows = [_one(config, width) for width in config.widths]
    return {
        "widths": np.array(config.widths),
        "grid": np.linspace(-config.radius, config.radius, _GRID),
        "target": np.array(config.target),
        "radii": config.radius / np.array(_RADII),
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    }


def _one(config: Config, width: int) -> dict[str, np.ndarray]:
    surface, network_path, linearized_path = jax.jit(lambda: _positions(config, width))()
    return {
        "surface": np.asarray(surface),
        "network_path": np.asarray(network_path),
        "linearized_path": np.asarray(linearized_path),
        "bend": np.asarray(_distance(surface) / config.radius),
        "distance": np.array([_distance(surface, part) for part in _RADII]),
        "off_plane": np.abs(np.asarray(linearized_path)[:, 2]).max(),
        "network_off_plane": np.abs(np.asarray(network_path)[:, 2]).max(),
    }


def _distance(surface: Float[Array, "41 41 3"], part: int = 1) -> float:
    """The root mean squared distance of the surface from the plane, within a part of the radius."""
    middle, half = _GRID // 2, _GRID // 2 // part
    rows = slice(middle - half, middle + half + 1)
    return float(np.sqrt(np.mean(np.asarray(surface[rows, rows, 2]) ** 2)))


def _positions(config: Config, width: int) -> tuple[Array, Array, Array]:
    """Surface and both paths, in the axes of the tangent plane."""
    f, axes, start = _two_parameters(config, width)
    tangent = jax.jacfwd(f)(jnp.zeros(2, start.dtype))
    grid = jnp.linspace(-config.radius, config.radius, _GRID)
    parameters = jnp.stack(jnp.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    surface = (jax.vmap(f)(parameters) - start) @ axes
    target = jnp.array(config.target, start.dtype)
    network_path = _descend(lambda p: (f(p) - start) @ axes, target, config)
    return surface.reshape(_GRID, _GRID, 3), network_path, _descend(lambda p: tangent @ p @ axes, target, config)


def _two_parameters(config: Config, width: int) -> tuple[Callable[[Array], Array], Array, Array]:
    """The outputs at the three inputs as a function of two parameters, the axes of their plane, and the start."""
    x = jnp.array(config.inputs, jnp.float64)
    keys = jax.random.split(key_for(config.seed, INIT), 3)
    theta = jnp.concatenate([jax.random.normal(key, (width,), jnp.float64) for key in keys])

    def outputs(theta: Array) -> Float[Array, " 3"]:
        a, w, b = jnp.split(theta, 3)
        return jnp.tanh(jnp.outer(x, w) + b) @ a / jnp.sqrt(width)

    axes, values, rows = jnp.linalg.svd(jax.jacrev(outputs)(theta), full_matrices=False)
    # A sign rule, so that widths are seen from the same side.
    flip = jnp.sign(axes[jnp.argmax(jnp.abs(axes), axis=0), jnp.arange(3)])
    steps = (rows[:2] * flip[:2, None]) / values[:2, None]
    return lambda p: outputs(theta + p @ steps), axes * flip, outputs(theta)


def _descend(position: Callable[[Array], Array], target: Array, config: Config) -> Float[Array, "steps 3"]:
    gradient = jax.grad(lambda p: jnp.sum((position(p) - target) ** 2) / 2)

    def step(p: Array, _: Any) -> tuple[Array, Array]:
        return p - config.learning_rate * gradient(p), position(p)

    last, path = jax.lax.scan(step, jnp.zeros(2, target.dtype), None, length=config.steps)
    return jnp.concatenate([path, position(last)[None]])


def show(folder: RunFolder) -> None:
    """Prints how far the functions of each width bend away from their tangent plane."""
    result = folder.result()
    columns = {"width": ",", "distance from the tangent plane / radius": ".3g"}
    print_table(columns, zip(result["widths"], result["bend"], strict=True))
