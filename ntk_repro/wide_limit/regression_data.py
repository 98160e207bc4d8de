"""Images with the targets that a network is regressed on: signs for two classes, one-hot rows for more."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from ntk_repro.data import Dataset, Provenance, load_dataset, one_hot, signed_targets
from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder

__all__ = ["RegressionData", "check_same_images", "load_regression_data"]


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


def load_regression_data(config: Any) -> RegressionData:
    """The images that a config names by `data`, `data_dir`, `n_train`, `n_test`, `data_seed` and `classes`.

    Source: Lee et al. 2019, Section 3 (two classes as targets +1 and -1).

    Raises:
        UserError: from `load_dataset`.
    """
    data = load_dataset(
        config.data,
        config.data_dir,
        n_train=config.n_train,
        n_test=config.n_test,
        seed=config.data_seed,
        classes=config.classes,
    )
    y_train, y_test = _targets(data, config.classes)
    return RegressionData(data.x_train, y_train, data.x_test, y_test, data.provenance)


def check_same_images(folder: RunFolder, data: RegressionData) -> None:
    """Refuses to continue with other images than the run began with: a file or a data folder may have changed.

    Raises:
        UserError: the images differ.
    """
    sessions = [folder.environment, *folder.environment.get("earlier_sessions", [])]
    begun = {session["provenance"]["sha256"] for session in sessions if "provenance" in session}
    if begun - {data.provenance.sha256}:
        raise UserError(
            f"the images of {folder.config['data']} are not those that {folder.path} was begun with: bring them back, "
            "delete that folder, or name another folder for runs in NTK_REPRO_RUNS"
        )


def _targets(data: Dataset, classes: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    if classes is not None and len(classes) == 2:
        return signed_targets(data.y_train), signed_targets(data.y_test)
    k = int(data.y.max()) + 1
    return one_hot(data.y_train, k), one_hot(data.y_test, k)
