"""The curves of a finished run as an event file, which TensorBoard shows."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ntk_repro.errors import UserError
from ntk_repro.record import RunFolder, write_errors_explained
from ntk_repro.report.curves import rows_of, steps_of


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow, where it is installed, tells what the CPU can do
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

    A curve is against its `ntk_repro.report.curves.steps_of`; one without is left out.

    Raises:
        UserError: the run is not finished, or its result is damaged.
    """
    result = run.result()
    for name, values in result.items():
        if values.dtype.kind != "f":
            continue
        if values.ndim == 0:
            yield name, np.zeros(1, int), values[None]
        elif (steps := steps_of(run, result, name)) is not None and values.ndim == 1:
            yield name, steps.values, values
        elif steps is not None and values.ndim == 2:
            rows = rows_of(result, len(values))
            for row, curve in zip(range(len(values)) if rows is None else rows.values, values, strict=True):
                yield f"{name}/{row:g}", steps.values, curve
