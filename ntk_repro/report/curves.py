"""What the arrays of a run's result are drawn against."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ntk_repro.record import RunFolder

# Arrays of results that count training, and those that name the rows of others, each with the label of its axis.
_PROGRESS = {"steps": "Step", "epochs": "Epoch", "followed_epochs": "Epoch", "curve_epochs": "Epoch"}
_ROWS = {
    "index": "Index",
    "linearized_index": "Index",
    "widths": "Width",
    "sizes": "Training images",
    "size": "Training images",
    "ridges": "Ridge",
    "log2_eta": "log2 of the learning rate",
    "samples": "Networks averaged",
}
AXES = (*_ROWS, *_PROGRESS)
"""The arrays of results that others are drawn against."""


class Axis(NamedTuple):
    """What arrays are drawn against: its label, such as "Epoch", and its values (n,)."""

    label: str
    values: Shaped[np.ndarray, " n"]


def rows_of(result: Mapping[str, np.ndarray], length: int) -> Axis | None:
    """What names so many rows, such as the indices of eigenfunctions; None where a result has nothing that does."""
    return _first_of_length(result, _ROWS, length)


def steps_of(run: RunFolder, result: Mapping[str, np.ndarray], name: str) -> Axis | None:
    """The steps or epochs of a curve of a result, along its last axis; None where it could as well belong to rows.

    A loss has a value for each epoch, from 1 on, where the run's settings name that many epochs.
    """
    length = result[name].shape[-1]
    if name.endswith("loss") and length == run.config.get("epochs"):
        return Axis("Epoch", np.arange(1, length + 1))
    if rows_of(result, length) is not None:
        return None
    return _first_of_length(result, _PROGRESS, length)


def axis_of(run: RunFolder, result: Mapping[str, np.ndarray], name: str) -> Axis:
    """The steps, epochs or rows that an array of one axis is drawn against, or the numbers 1, 2 ... of its entries."""
    length = len(result[name])
    return steps_of(run, result, name) or rows_of(result, length) or Axis("Entry", np.arange(1, length + 1))


def _first_of_length(result: Mapping[str, np.ndarray], labels: Mapping[str, str], length: int) -> Axis | None:
    found = (name for name in labels if np.shape(result.get(name, ())) == (length,))
    return next((Axis(labels[name], result[name]) for name in found), None)
