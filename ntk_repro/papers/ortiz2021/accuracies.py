"""What an accuracy on so many samples can tell."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

__all__ = ["left_the_majority", "margin"]

Number = float | None

_ERRORS_OF_A_DIFFERENCE = 2.0
_ERRORS_OF_CHANCE = 3.0


def margin(first: float, second: float, samples: int) -> float:
    """Two standard errors of the difference of two accuracies, each on so many samples.

    As of independent samples: on the same ones it is rather less, so that what is above the margin is no noise.

    >>> round(margin(0.5, 0.5, 200), 3)
    0.1
    """
    variance = sum(max(share * (1 - share), 0.0) for share in (first, second))
    return _ERRORS_OF_A_DIFFERENCE * math.sqrt(variance / samples)


def left_the_majority(
    train_accuracy: Sequence[Number], majority_rate: float, samples: int | Sequence[int]
) -> Bool[np.ndarray, " points"]:
    """Where a model fits its training samples better than the more frequent label does, by three standard errors.

    Where it does not, it has hardly been trained, and what it can learn is not to be seen from its accuracy.

    Args:
        train_accuracy: of the model, on its training samples; what is missing has not left.
        majority_rate: share of the more frequent label.
        samples: how many training samples, of all points or of each.
    """
    accuracy = np.array([math.nan if value is None else value for value in train_accuracy], float)
    return accuracy > majority_rate + _ERRORS_OF_CHANCE * 0.5 / np.sqrt(np.asarray(samples, float))
