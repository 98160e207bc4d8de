"""What the arrays of a run's result are drawn against."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int, Shaped

from ntk_repro.record import RunFolder

# Arrays of results that count training.
_PROGRESS = ("steps", "epochs", "followed_epochs", "curve_epochs")
# Arrays of results that name the rows of others.
_ROWS = ("index", "linearized_index", "widths", "sizes", "size", "ridges", "log2_eta", "samples")
AXES = (*_PROGRESS, *_ROWS)
"""The arrays of results that others are drawn against."""


def rows_of(result: Mapping[str, np.ndarray], length: int) -> Shaped[np.ndarray, " length"] | None:
    """The array that names so many rows, such as the indices of eigenfunctions; None where a result has none."""
    return _first_of_length(result, _ROWS, length)


def steps_of(run: RunFolder, result: Mapping[str, np.ndarray], name: str) -> Int[np.ndarray, " s"] | None:
    """The steps or epochs of a curve of a result, along its last axis; None where it could as well belong to rows.

    A loss has a value for each epoch, from 1 on, where the run's settings name that many epochs.
    """
    length = result[name].shape[-1]
    if name.endswith("loss") and length == run.config.get("epochs"):
        return np.arange(1, length + 1)
    if rows_of(result, length) is not None:
        return None
    return _first_of_length(result, _PROGRESS, length)


def _first_of_length(result: Mapping[str, np.ndarray], names: tuple[str, ...], length: int) -> np.ndarray | None:
    return next((result[name] for name in names if np.shape(result.get(name, ())) == (length,)), None)
