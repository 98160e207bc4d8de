"""Shares of correctly classified samples."""

import numpy as np
from jaxtyping import Float, Shaped

from ntk_repro.errors import UserError


def accuracy(fx: Float[np.ndarray, "n *k"], y: Shaped[np.ndarray, "n *labels"], threshold: float = 0.0) -> float:
    """The share of samples classified correctly, between 0 and 1; nan where outputs are not finite.

    With one output, (n,) or (n, 1), labels are positive (1) or not (0 or -1), and an output above `threshold` predicts
    positive. With several, the largest output is the class; labels are integers (n,) or one-hot rows (n, k).

    Raises:
        UserError: for shapes that do not fit.
    """
    fx, y = np.asarray(fx), np.asarray(y)
    fx = fx[:, None] if fx.ndim == 1 else fx
    if fx.ndim != 2 or len(y) != len(fx) or y.shape not in ((len(fx),), fx.shape) or not len(fx):
        raise UserError(f"labels of shape {y.shape} do not fit outputs of shape {fx.shape}: one label per sample")
    if not np.all(np.isfinite(fx)):
        return float("nan")
    if fx.shape[1] == 1:
        return float(np.mean((fx[:, 0] > threshold) == (y.reshape(-1) > 0)))
    classes = y if y.ndim == 1 else y.argmax(axis=1)
    return float(np.mean(fx.argmax(axis=1) == classes))


def binary_accuracies(
    fx: Float[np.ndarray, "n T"], y: Shaped[np.ndarray, "n T"], threshold: float = 0.0
) -> Float[np.ndarray, " T"]:
    """The accuracy of each of T binary tasks; labels are positive (1) or not (0 or -1)."""
    fx, y = np.asarray(fx), np.asarray(y)
    if fx.ndim != 2 or fx.shape != y.shape:
        raise UserError(f"labels of shape {y.shape} do not fit outputs of shape {fx.shape}: one task per column")
    return np.array([accuracy(*task, threshold) for task in zip(fx.T, y.T, strict=True)])


def majority_rate(y: Shaped[np.ndarray, "n *tasks"]) -> Float[np.ndarray, "*tasks"]:
    """The accuracy of always predicting the more frequent label; labels are positive (1) or not (0 or -1).

    >>> float(majority_rate(np.array([0, 1, 1, 1])))
    0.75
    """
    rate = np.mean(np.asarray(y) > 0, axis=0)
    return np.maximum(rate, 1 - rate)
