"""Runs of one study side by side: the settings that differ, their numbers, and their curves over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.papers.departures import setting_text
from ntk_repro.record import RunFolder
from ntk_repro.report.curves import AXES, rows_of, steps_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_MOST_PANELS = 12


@dataclass(frozen=True)
class Comparison:
    """What runs have in common and where they differ.

    Attributes:
        names: of the runs.
        settings: those that differ, with the value of each run as text.
        numbers: the results that are one number, with that of each run; nan where a run has none.
        curves: the results of one axis, by name for each run what they are drawn against, and the values.
    """

    names: tuple[str, ...]
    settings: dict[str, list[str]]
    numbers: dict[str, list[float]]
    curves: dict[str, list[tuple[np.ndarray, np.ndarray] | None]]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Comparison":
        """Reads finished runs.

        Raises:
            UserError: fewer than two runs, of two studies, or not finished.
        """
        runs = [RunFolder.read(folder) for folder in folders]
        if len(runs) < 2:
            raise UserError("name two runs or more to compare")
        if len({run.study for run in runs}) > 1:
            raise UserError(
                f"these are runs of {' and '.join(sorted({run.study for run in runs}))}: compare one study's"
            )
        results = [run.result() for run in runs]
        configs = [run.config for run in runs]
        keys = dict.fromkeys(key for config in configs for key in config)
        differing = [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]
        arrays = dict.fromkeys(key for result in results for key in result)
        numbers = [key for key in arrays if all(np.size(result[key]) == 1 for result in results if key in result)]
        return cls(
            names=tuple(run.path.absolute().name for run in runs),
            settings={key: [setting_text(config.get(key)) for config in configs] for key in differing},
            numbers={key: [float(np.ravel(result.get(key, np.nan))[0]) for result in results] for key in numbers},
            curves={
                key: [_curve(run, key) for run in runs]
                for key in arrays
                if key not in AXES and key not in numbers and all(_is_curve(result, key) for result in results)
            },
        )

    @property
    def labels(self) -> list[str]:
        """What sets each run apart, in a few words."""
        texts = [
            ", ".join(f"{name} {values[i]}" for name, values in self.settings.items()) for i in range(len(self.names))
        ]
        return [text if text and len(text) < 60 else name for text, name in zip(texts, self.names, strict=True)]

    def picture(self) -> "Picture":
        """A panel for each curve, with that of every run."""
        import matplotlib.pyplot as plt

        curves = list(self.curves.items())[:_MOST_PANELS]
        rows = max(1, -(-len(curves) // 3))
        picture, axes = plt.subplots(rows, 3, figsize=(11, 2.9 * rows), layout="constrained", squeeze=False)
        for ax, (name, of_runs) in zip(axes.flat, curves, strict=False):
            for label, curve in zip(self.labels, of_runs, strict=True):
                if curve is not None:
                    ax.plot(*curve, ".-", lw=1.2, label=label)
            ax.set_title(name.replace("_", " "), fontsize=9)
        for ax in axes.flat[len(curves) :]:
            ax.set_axis_off()
        if curves:
            picture.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", fontsize=8)
        return picture


def _is_curve(result: dict[str, np.ndarray], key: str) -> bool:
    return key not in result or (result[key].ndim == 1 and result[key].dtype.kind in "fiu" and len(result[key]) > 1)


def _curve(run: RunFolder, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """What an array is drawn against (the steps, rows, or their numbers where a result names none), and its values."""
    result = run.result()
    if key not in result:
        return None
    values, steps = result[key], steps_of(run, result, key)
    rows = rows_of(result, len(values)) if steps is None else steps
    return np.arange(len(values)) if rows is None else rows, values
