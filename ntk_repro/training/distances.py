"""How far parameters have moved."""

from typing import Any

import jax
import numpy as np


def l2_distance(params: Any, params_0: Any) -> float:
    """||theta - theta_0|| over all leaves of two pytrees of the same structure, summed in float64."""
    return _norm([x - y for x, y in zip(_leaves(params), _leaves(params_0), strict=True)])


def cosine_distance(params: Any, params_0: Any) -> float:
    """1 - cos(theta, theta_0), between 0 and 2; nan where one of them is zero.

    Computed as half the squared distance of the unit vectors, which keeps its digits where the angle is small.
    """
    a, b = _leaves(params), _leaves(params_0)
    norm_a, norm_b = _norm(a), _norm(b)
    if norm_a == 0 or norm_b == 0:
        return float("nan")
    return _norm([x / norm_a - y / norm_b for x, y in zip(a, b, strict=True)]) ** 2 / 2


def _leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf, dtype=np.float64) for leaf in jax.tree.leaves(tree)]


def _norm(leaves: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.vdot(leaf, leaf) for leaf in leaves)))
