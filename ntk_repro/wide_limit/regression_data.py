"""Images with the targets that a network is regressed on: signs for two classes, one-hot rows for more."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ntk_repro.data import Dataset, Provenance, one_hot, signed_targets
from ntk_repro.experiments import DataSource

__all__ = ["RegressionData", "load_regression_data"]


@dataclass(frozen=True)
class RegressionData:
    """Images and targets of a training and a test part.

    Attributes:
        x_train: training images.
        y_train: their targets: +-1 where two classes were named (k = 1), else one-hot rows.
        x_test: test images.
        y_test: their targets.
        provenance: which images these are.
    """

    x_train: Float32[np.ndarray, "n H W C"]
    y_train: Float32[np.ndarray, "n k"]
    x_test: Float32[np.ndarray, "m H W C"]
    y_test: Float32[np.ndarray, "m k"]
    provenance: Provenance

    @property
    def num_outputs(self) -> int:
        """How many outputs a network of these targets has."""
        return self.y_train.shape[1]


def load_regression_data(config: DataSource) -> RegressionData:
    """The images of a config with their targets.

    Source: Lee et al. 2019, Section 3 (two classes as targets +1 and -1).

    Raises:
        UserError: from `load_dataset`.
    """
    data = config.load()
    y_train, y_test = _targets(data, config.classes)
    return RegressionData(data.x_train, y_train, data.x_test, y_test, data.provenance)


def _targets(data: Dataset, classes: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    if classes is not None and len(classes) == 2:
        return signed_targets(data.y_train), signed_targets(data.y_test)
    k = int(data.y.max()) + 1
    return one_hot(data.y_train, k), one_hot(data.y_test, k)
