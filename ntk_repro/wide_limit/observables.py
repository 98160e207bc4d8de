"""What is observed of a network and of its linearization during training: outputs, and single weights."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from ntk_repro.network import Network

PyTree = Any


def scores(
    fx: Float[np.ndarray, "s n k"], y: Float[np.ndarray, "n k"], loss: str
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, " s"]]:
    """Loss and accuracy of outputs against targets: signs for k = 1, one-hot rows otherwise.

    Returns:
        The loss, 1/2 mean (f - y)^2 over samples and outputs or mean cross-entropy (nats), and the share of samples
        classified correctly, nan where an output is nan, at s times.
    """
    fx = np.asarray(fx, np.float64)
    fx = np.where(np.isfinite(fx), fx, np.nan)  # after divergence inf - inf would give a warning
    if loss == "cross_entropy":
        top = fx.max(axis=2, keepdims=True)
        log_sum = top[..., 0] + np.log(np.exp(fx - top).sum(axis=2))
        value = (log_sum - (fx * y).sum(axis=2)).mean(axis=1)
    else:
        value = ((fx - y) ** 2).mean(axis=(1, 2)) / 2
    right = (fx * y > 0)[..., 0] if y.shape[1] == 1 else fx.argmax(axis=2) == y.argmax(axis=1)
    finite = np.isfinite(fx).all(axis=(1, 2))
    return value, np.where(finite, right.mean(axis=1), np.nan)


def chosen_weights(params: PyTree, count: int, seed: int) -> Int[np.ndarray, "count 2"]:
    """Single weights drawn at random: (number of the leaf, position in the flattened leaf)."""
    sizes = np.array([leaf.size for leaf in jax.tree.leaves(params)])
    ends = np.cumsum(sizes)
    drawn = np.sort(np.random.default_rng(seed).choice(int(ends[-1]), min(count, int(ends[-1])), replace=False))
    leaf = np.searchsorted(ends, drawn, side="right")
    return np.stack([leaf, drawn - (ends - sizes)[leaf]], axis=1)


def evaluated(net: Network, x: Float[np.ndarray, "n ..."], block: int) -> Float[np.ndarray, "n k"]:
    """The outputs, computed in blocks of nearly equal size and at most `block` samples; none is padded."""
    return np.concatenate([net(part, len(part)) for part in np.array_split(x, -(-len(x) // block))])


def observer(
    x_train: Float[np.ndarray, "n ..."], x_test: Float[np.ndarray, "m ..."], weights: Int[np.ndarray, "w 2"], block: int
) -> Callable[[Network, PyTree], dict[str, np.ndarray]]:
    """The function for `train_pair`: outputs at these inputs, `train` (n, k) and `test` (m, k), and `weights` (w,)."""

    def observe(net: Network, params: PyTree) -> dict[str, np.ndarray]:
        leaves = jax.tree.leaves(params)
        return {
            "train": evaluated(net, x_train, block),
            "test": evaluated(net, x_test, block),
            "weights": np.array([leaves[leaf].reshape(-1)[at] for leaf, at in weights], np.float32),
        }

    return observe
