"""The curves of a finished run as an event file, which TensorBoard shows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder, write_errors_explained

# Arrays of a result that count training: a curve of the same length is drawn against them.
_PROGRESS = ("steps", "epochs", "followed_epochs", "curve_epochs")
# Arrays that name the rows of a result's curves.
_ROWS = ("index", "linearized_index", "widths", "size")


def export_events(folder: Path, out: Path) -> Path:
    """Writes the curves of a run for TensorBoard, into a folder of `out` that is named after the run.

    A scalar of TensorBoard is a curve against steps or epochs, such as `network_loss`, one for each row where the
    result has several (`network_loss/11` of eigenfunction 11), or a single number, such as `network_test_accuracy`,
    at step 0. An event file that was written there before is replaced.

    Args:
        folder: of a finished run.
        out: the folder that TensorBoard is started on; each run is a run there.

    Returns:
        The folder of the event file.

    Raises:
        UserError: TensorBoard is not installed; the folder is not that of a finished run; a full disk.
    """
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise UserError("TensorBoard is not installed: pip install tensorboard") from error
    run = RunFolder.read(folder)
    curves = list(training_curves(run))
    events = out / f"{run.study}-{run.path.resolve().name}"
    with write_errors_explained(events):
        for earlier in events.glob("events.out.tfevents.*"):
            earlier.unlink()
        writer = Writer(str(events))
        for name, steps, values in curves:
            for step, value in zip(steps, values, strict=True):
                writer.add_scalar(name, value, step)
        writer.close()
    return events


def training_curves(run: RunFolder) -> Iterator[tuple[str, Int[np.ndarray, " s"], Float[np.ndarray, " s"]]]:
    """The name, the steps and the values of every curve in a finished run's result, and of its single numbers.

    A loss has a value for each epoch, from 1 on, where the run's settings name that many epochs. Other curves have
    those steps or epochs of the result that are as many; one that could as well belong to rows is left out.

    Raises:
        UserError: the run is not finished, or its result is damaged.
    """
    result = run.result()
    for name, values in result.items():
        if values.dtype.kind != "f":
            continue
        if values.ndim == 0:
            yield name, np.zeros(1, int), values[None]
        elif (steps := _steps(run, result, name)) is not None and values.ndim == 1:
            yield name, steps, values
        elif steps is not None and values.ndim == 2:
            rows = next((result[row] for row in _ROWS if len(result.get(row, ())) == len(values)), range(len(values)))
            for row, curve in zip(rows, values, strict=True):
                yield f"{name}/{row:g}", steps, curve


def _steps(run: RunFolder, result: dict[str, np.ndarray], name: str) -> Int[np.ndarray, " s"] | None:
    length = result[name].shape[-1]
    if name.endswith("loss") and length == run.config.get("epochs"):
        return np.arange(1, length + 1)
    if any(len(result.get(row, ())) == length for row in _ROWS):
        return None
    return next((result[axis] for axis in _PROGRESS if len(result.get(axis, ())) == length), None)
