"""Runs of one study side by side: the settings that differ, their numbers, and their curves over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.papers.departures import setting_text
from ntk_repro.plot import SERIES, integer_axis, legend_of, percent_axis, style
from ntk_repro.record import RunFolder
from ntk_repro.report.curves import AXES, Axis, axis_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_MOST_PANELS = 12
_MOST_MARKS = 30  # of a curve
_LONGEST_LABEL = 60


@dataclass(frozen=True)
class Comparison:
    """What runs have in common and where they differ.

    Attributes:
        names: of the runs.
        settings: those that differ, with the value of each run as text.
        numbers: the results that are one number, with that of each run; nan where a run has none.
        curves: the results of one axis, by name for each run what they are drawn against, and the values (None where
            a run has none); accuracies first, then losses.
    """

    names: tuple[str, ...]
    settings: dict[str, list[str]]
    numbers: dict[str, list[float]]
    curves: dict[str, list[tuple[Axis, np.ndarray] | None]]

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
        curves = [
            key
            for key in sorted(arrays, key=lambda key: ("accuracy" not in key, "loss" not in key))
            if key not in AXES and key not in numbers and all(_is_curve(result, key) for result in results)
        ]
        return cls(
            names=tuple(run.path.absolute().name for run in runs),
            settings={key: [setting_text(config.get(key)) for config in configs] for key in differing},
            numbers={key: [float(np.ravel(result.get(key, np.nan))[0]) for result in results] for key in numbers},
            curves={key: [_curve(run, key) for run in runs] for key in curves},
        )

    @property
    def labels(self) -> list[str]:
        """What sets each run apart, in a few words: the first settings that do, or its name."""
        words = [f"{name} {{}}".format for name in self.settings]
        for count in range(1, len(words) + 1):
            values = zip(*list(self.settings.values())[:count], strict=True)
            texts = [", ".join(word(one) for word, one in zip(words, of_run, strict=False)) for of_run in values]
            if len(set(texts)) == len(texts) and max(map(len, texts)) < _LONGEST_LABEL:
                return texts
        return list(self.names)

    def picture(self) -> "Picture":
        """A panel for each curve, with that of every run; of more than a dozen the first."""
        import matplotlib.pyplot as plt

        curves = list(self.curves.items())[:_MOST_PANELS]
        columns = max(1, min(3, len(curves)))
        rows = max(1, -(-len(curves) // columns))
        with style():
            picture, axes = plt.subplots(
                rows, columns, figsize=(3.7 * columns, 2.9 * rows + 0.4), layout="constrained", squeeze=False
            )
            for ax, (name, of_runs) in zip(axes.flat, curves, strict=False):
                for number, (label, curve) in enumerate(zip(self.labels, of_runs, strict=True)):
                    if curve is not None:
                        axis, values = curve
                        line = "o-" if len(values) <= _MOST_MARKS else "-"
                        ax.plot(axis.values, values, line, color=SERIES[number % len(SERIES)], label=label)
                        ax.set_xlabel(axis.label)
                        if axis.values.dtype.kind in "iu":
                            integer_axis(ax)
                ax.set_title(name.replace("_", " "))
                if name.endswith(("accuracy", "majority_rate")):
                    percent_axis(ax)
                elif _wide_range(of_runs):
                    ax.set_yscale("log")
            for ax in axes.flat[len(curves) :]:
                ax.set_axis_off()
            if curves:
                legend_of(axes.flat, picture, 1)
        return picture


def _is_curve(result: dict[str, np.ndarray], key: str) -> bool:
    return key not in result or (result[key].ndim == 1 and result[key].dtype.kind in "fiu" and len(result[key]) > 1)


def _curve(run: RunFolder, key: str) -> tuple[Axis, np.ndarray] | None:
    """What an array is drawn against, and its values; None where the result lacks it."""
    result = run.result()
    return (axis_of(run, result, key), result[key]) if key in result else None


def _wide_range(curves: Sequence[tuple[Axis, np.ndarray] | None]) -> bool:
    """Whether values above 0 span more than two decades."""
    values = np.concatenate([curve[1] for curve in curves if curve is not None])
    return bool(values.min() > 0 and values.max() > 100 * values.min())
