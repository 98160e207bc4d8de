"""The tracker: measurements of a network at chosen epochs of its training, each saved at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.network import Network
from ntk_repro.record import RunFolder

Measure = Callable[[int, Network], Mapping[str, Any]]


class Tracker:
    """Measures a network at chosen epochs: `train(..., checkpoint_at=tracker.epochs, checkpoint_fn=tracker)`.

    Each measurement is a part of the run folder. With `folder` given to `train` too, a run that is killed continues
    where it stopped: no epoch is trained twice, no measurement is made twice.
    """

    def __init__(self, folder: RunFolder, epochs: Sequence[int], measure: Measure, name: str = "epoch"):
        """Measures nothing yet.

        Args:
            folder: an open run folder.
            epochs: after how many epochs, 0 for before training.
            measure: (epoch, the network then) -> named arrays, of the same shapes at every epoch.
            name: of the measurements, unique in the folder.
        """
        self.epochs = tuple(epochs)
        self._folder, self._measure, self._of = folder, measure, name

    def __call__(self, epoch: int, network: Network) -> None:
        """Measures the network after `epoch` epochs, unless that was done before."""
        self._folder.part(self._name(epoch), self._measure, epoch, network, phase="tracking", epoch=epoch)

    def collect(self, until: int | None = None) -> dict[str, np.ndarray]:
        """All measurements, stacked along a first axis of epochs (in the order of `epochs`).

        Args:
            until: the last epoch that was trained, for a training that diverged; later rows are nan.

        Raises:
            UserError: a measurement is missing.
        """
        rows = []
        for epoch in self.epochs:
            row = self._folder.load_part(self._name(epoch))
            if row is None and (until is None or epoch <= until or not rows):
                raise UserError(
                    f"the measurement after epoch {epoch} in {self._folder.path} is missing or damaged: delete the "
                    "folder and run again"
                )
            rows.append(row)
        like = rows[0] or {}
        missing = {name: np.full(np.shape(value), np.nan) for name, value in like.items()}
        return {name: np.stack([(missing if row is None else row)[name] for row in rows]) for name in like}

    def _name(self, epoch: int) -> str:
        return f"{self._of}_{epoch:05d}"
