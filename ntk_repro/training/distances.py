"""How far parameters have moved."""

from typing import Any

import jax
import numpy as np

__all__ = ["cosine_distance", "l2_distance"]


def l2_distance(params: Any, params_0: Any) -> float:
    """||theta - theta_0|| over all leaves of two pytrees of the same structure, summed in float64."""
    return float(np.sqrt(_inner(_difference(params, params_0), _difference(params, params_0))))


def cosine_distance(params: Any, params_0: Any) -> float:
    """1 - cos(theta, theta_0), between 0 and 2; nan where one of them is zero.

    Computed as half the squared distance of the unit vectors, which keeps its digits where the angle is small.
    """
    a, b = _leaves(params), _leaves(params_0)
    norm_a, norm_b = np.sqrt(_inner(a, a)), np.sqrt(_inner(b, b))
    if norm_a == 0 or norm_b == 0:
        return float("nan")
    gap = [x / norm_a - y / norm_b for x, y in zip(a, b, strict=True)]
    return float(_inner(gap, gap) / 2)


def _leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf, dtype=np.float64) for leaf in jax.tree.leaves(tree)]


def _difference(first: Any, second: Any) -> list[np.ndarray]:
    return [x - y for x, y in zip(_leaves(first), _leaves(second), strict=True)]


def _inner(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(first, second, strict=True)))
