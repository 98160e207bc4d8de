"""D(u): data separated by one direction, with noise in all others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from ntk_repro.errors import UserError
from ntk_repro.nads.streams import Stream
from ntk_repro.ranges import check_counts, check_positive


@dataclass(frozen=True)
class SeparableData:
    """Inputs of both parts, float32, and their labels, 0 or 1."""

    x_train: Float32[np.ndarray, "n *input"]
    y_train: Int32[np.ndarray, " n"]
    x_test: Float32[np.ndarray, "m *input"]
    y_test: Int32[np.ndarray, " m"]


def linearly_separable(
    direction: Float32[np.ndarray, "*input"],
    train_size: int,
    test_size: int,
    *,
    epsilon: float = 1.0,
    sigma: float = 1.0,
    seed: int = 0,
) -> SeparableData:
    """Draws from D(u): x = epsilon y u + w, w ~ N(0, sigma^2 (I - u u^T)), y = -1 or +1 with equal probability.

    The classes are 2 epsilon apart along u. Labels and noise before its projection depend on the seed alone, so that
    tasks along two directions differ in the direction alone.

    Source: Ortiz-Jimenez et al. 2021, Eq. (5). The authors' public code has epsilon / 2 in place of epsilon, and the
    paper writes sigma for the variance: at its sigma = 1 that is the same.

    Args:
        direction: u, of any shape and length; it is scaled to unit norm.
        train_size: number of training samples.
        test_size: number of test samples.
        epsilon: distance of a class from the separating hyperplane.
        sigma: standard deviation of the noise in every other direction.
        seed: of labels and noise.

    Raises:
        UserError: sizes below 1, epsilon or sigma that are not positive and finite, a direction of length 0.
    """
    check_counts(train_size=train_size, test_size=test_size)
    check_positive(epsilon=epsilon, sigma=sigma)
    u = np.asarray(direction, np.float64).ravel()
    norm = np.linalg.norm(u)
    if not 0 < norm < np.inf:
        raise UserError(f"the direction has norm {norm:g}: give one of positive length")
    u = (u / norm).astype(np.float32)
    parts = []
    # A stream for each part, so that the test samples do not depend on how many are trained on.
    for stream, size in ((Stream.SEPARABLE_TRAIN, train_size), (Stream.SEPARABLE_TEST, test_size)):
        rng = np.random.default_rng([seed, stream])
        positive = rng.integers(0, 2, size).astype(np.int32)
        noise = rng.standard_normal((size, u.size), np.float32) * np.float32(sigma)
        x = noise + np.outer(epsilon * (2 * positive - 1) - noise @ u, u).astype(np.float32)
        parts += [x.reshape(size, *np.shape(direction)), positive]
    return SeparableData(*parts)
