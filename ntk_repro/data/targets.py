"""Training targets from integer classes: signs and one-hot rows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Shaped

from ntk_repro.data.dataset import Dataset, Provenance
from ntk_repro.errors import UserError


@dataclass(frozen=True)
class RegressionData:
    """Images, and the targets that a network's outputs are fitted to, of a training and a test part.

    Attributes:
        x_train: training images.
        y_train: their targets.
        x_test: test images.
        y_test: their targets.
        provenance: which images these are.
    """

    x_train: Float32[np.ndarray, "n H W C"]
    y_train: Float32[np.ndarray, "n k"]
    x_test: Float32[np.ndarray, "m H W C"]
    y_test: Float32[np.ndarray, "m k"]
    provenance: Provenance

    @classmethod
    def of(
        cls, data: Dataset, targets: Callable[[Int[np.ndarray, " n"]], Float32[np.ndarray, "n k"]]
    ) -> "RegressionData":
        """A data set with the targets of its classes."""
        return cls(data.x_train, targets(data.y_train), data.x_test, targets(data.y_test), data.provenance)

    @property
    def num_outputs(self) -> int:
        """How many outputs a network for these targets has."""
        return self.y_train.shape[1]


def binary_labels(
    y: Shaped[np.ndarray, " n"], positive: Collection[int] = (0, 1, 2, 3, 4)
) -> Float32[np.ndarray, " n"]:
    """+1 for the classes in `positive` and -1 for the others.

    With the default this is CIFAR2 for CIFAR-10, and the same rule (first five classes against the last five) for any
    other set of ten classes.

    Source: Ortiz-Jimenez et al. 2021, Section 4 (CIFAR2).

    Raises:
        UserError: labels that are not integers.
    """
    return np.where(np.isin(_classes(y), list(positive)), 1.0, -1.0).astype(np.float32)


def class_labels(data: Dataset, remedy: str) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]]:
    """1 for the first half of the classes and 0 for the others, of training and test images.

    Of ten classes 0 to 4 against 5 to 9 (CIFAR2 for CIFAR-10), of two 0 against 1.

    Source: Ortiz-Jimenez et al. 2021, Section 4 (CIFAR2).

    Args:
        data: the images.
        remedy: what to do if there is no such task, for the message.

    Raises:
        UserError: negative labels, or training images of one of the two halves only.
    """
    name, positive = data.provenance.name, range(_half(data.provenance.num_classes or 10))
    if data.y.min() < 0:
        raise UserError(f"{name} has labels from {data.y.min()}, which cannot be split into two halves: {remedy}")
    y_train, y_test = ((binary_labels(y, positive) > 0).astype(np.int32) for y in (data.y_train, data.y_test))
    if len(np.unique(y_train)) < 2:
        halves = " and ".join(halves_of_classes(data.provenance.num_classes or 10))
        raise UserError(f"the labels of the training images of {name} cannot be split into {halves}: {remedy}")
    return y_train, y_test


def halves_of_classes(count: int) -> tuple[str, str]:
    """The two halves that `class_labels` tells apart.

    >>> halves_of_classes(10), halves_of_classes(2), halves_of_classes(3)
    (('0-4', '5-9'), ('0', '1'), ('0-1', '2'))
    """
    ends = (0, _half(count) - 1), (_half(count), max(count - 1, _half(count)))
    lower, upper = (f"{first}-{last}" if last > first else f"{first}" for first, last in ends)
    return lower, upper


def _half(count: int) -> int:
    return (count + 1) // 2


def signed_targets(y: Shaped[np.ndarray, " n"]) -> Float32[np.ndarray, "n 1"]:
    """+1 for class 0 and -1 for class 1, as the one column of targets of a network with one output.

    Source: Lee et al. 2019, Section 3 (two classes with targets +-1).

    Raises:
        UserError: labels other than 0 and 1.
    """
    y = _classes(y)
    others = np.setdiff1d(y, (0, 1))
    if others.size:
        raise UserError(f"class {others[0]} has no sign: load two classes only, such as classes=(7, 0)")
    return np.where(y == 0, 1.0, -1.0).astype(np.float32)[:, None]


def one_hot(y: Shaped[np.ndarray, " n"], k: int) -> Float32[np.ndarray, "n k"]:
    """Rows with a 1 at the class and 0 elsewhere.

    Raises:
        UserError: classes outside 0..k-1.
    """
    y = _classes(y)
    if y.size and not 0 <= y.min() <= y.max() < k:
        raise UserError(f"classes from {y.min()} to {y.max()} do not fit {k} outputs: use classes 0 to {k - 1}")
    return (y[:, None] == np.arange(k)).astype(np.float32)


def _classes(y: Shaped[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise UserError(f"labels must be integer classes, not {y.dtype}: give Dataset.y_train or similar")
    return y
