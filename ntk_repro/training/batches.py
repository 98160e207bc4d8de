"""Which samples each step sees, and which epoch a step belongs to."""

import itertools

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.ranges import check_batch_size, check_counts


def minibatches(seed: int, n: int, batch_size: int, epochs: int) -> Int[np.ndarray, "steps b"]:
    """Row indices of every step's batch.

    The permutations of successive epochs are concatenated and cut into batches, so that no sample is dropped at the
    end of an epoch; a batch may straddle two epochs. Only samples left after the last full batch are unused.

    Raises:
        UserError: when a batch is larger than the training set, or a number is below 1.
    """
    check_counts(n=n, batch_size=batch_size, epochs=epochs)
    check_batch_size(batch_size, n)
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(n).astype(np.int32) for _ in range(epochs)])
    steps = len(rows) // batch_size
    return rows[: steps * batch_size].reshape(steps, batch_size)


def epoch_means(per_step: Float[np.ndarray, "steps *T"], n: int, batch_size: int) -> Float[np.ndarray, "epochs *T"]:
    """Means over the steps of each epoch; a straddling batch counts for the epoch that it completes.

    Every epoch has a step by this rule, as a batch is never larger than the training set.
    """
    per_step = np.asarray(per_step, dtype=np.float64)
    ends = epoch_ends(len(per_step), n, batch_size)
    return np.stack([per_step[start:end].mean(axis=0) for start, end in itertools.pairwise(ends)])


def epoch_ends(steps: int, n: int, batch_size: int) -> list[int]:
    """The numbers of steps after which each epoch ends, beginning with 0, by the rule of `epoch_means`."""
    epoch = ((np.arange(steps) + 1) * batch_size - 1) // n
    return [0, *(np.cumsum(np.bincount(epoch))).tolist()]
