"""Runs of one study side by side: the settings that differ, their numbers, and their curves over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.papers.departures import setting_text
from ntk_repro.record import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Arrays that others of their length are drawn against.
_AXES = ("index", "linearized_index", "widths", "sizes", "ridges", "followed_epochs", "checked_epochs", "t")
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
            names=tuple(run.path.resolve().name for run in runs),
            settings={key: [setting_text(config.get(key)) for config in configs] for key in differing},
            numbers={key: [float(np.ravel(result.get(key, np.nan))[0]) for result in results] for key in numbers},
            curves={
                key: [_curve(result, key) for result in results]
                for key in arrays
                if key not in _AXES and key not in numbers and all(_is_curve(result, key) for result in results)
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


def _curve(result: dict[str, Any], key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The values of an array and what they are drawn against: an axis of the same length, or their numbers."""
    if key not in result:
        return None
    values = result[key]
    known = (result[name] for name in _AXES if name in result and np.shape(result[name]) == values.shape)
    return next(known, np.arange(len(values))), values
