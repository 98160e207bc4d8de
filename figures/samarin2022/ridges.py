"""The solver of Tables 1 and 2 on all images, through their kernel: accuracies against the ridge."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from ntk_repro.network_names import width_text
from ntk_repro.papers.drawing import (
    Drawing,
    array,
    check_alike,
    check_study,
    draw_command,
    header,
    image_counts,
)
from ntk_repro.papers.samarin2022.gaps import PART_NAMES
from ntk_repro.papers.samarin2022.ridges import Lines, by_task
from ntk_repro.plot import legend_of, ordered_colors, percent_axis
from ntk_repro.record import RunFolder

_FREE = ("width", "seed", "shift", "jacobian")
_SETTINGS = ("net", "width", "seed", "data", "shift", "resize", "positive")
_JACOBIAN = ("rank", "norm")


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel each for test and training error against the ridge, dashed where there is none."""
    check_study(runs, "finite_width_ridges")
    check_alike(runs, *_FREE)
    lines = [_line(run) for run in runs]
    picture, axes = plt.subplots(1, len(PART_NAMES), figsize=(8.4, 4.0), sharex=True, layout="constrained")
    tasks = by_task(lines)
    colors = ordered_colors(len(tasks))
    for ax, (part, name) in zip(axes, PART_NAMES.items(), strict=True):
        for (task, same), color in zip(tasks.items(), colors, strict=True):
            _curve(ax, task, same, part, color)
        ax.set_xscale("log")
        # No error at all has a place, too, below that of a single image.
        ax.set_yscale("symlog", linthresh=1 / min(line[f"{part}_images"] for line in lines))
        ax.set_ylim(bottom=0)
        ax.set_xlabel("Ridge / largest eigenvalue of the kernel")
        ax.set_title(name.replace("accuracy", "error").capitalize())
        percent_axis(ax)
    legend_of(axes[:1], picture, 3, fontsize=8)
    return Drawing(picture, {**header(picture, runs, preset, settings=_settings(runs)), "lines": lines})


def _settings(runs: list[RunFolder]) -> str:
    seeds = len({run.config["seed"] for run in runs})
    return ", ".join([*image_counts(runs[0]), *([f"{seeds} seeds"] if seeds > 1 else [])])


def _curve(ax, task: tuple[int, float], same: Lines, part: str, color) -> None:
    shift, width = task
    label = f"×{width_text(width)}" + (f", shifted by up to {shift}" if shift else "")
    ridges, errors = same[0]["ridges"], 1 - np.mean([line[part] for line in same], axis=0)
    ax.plot(ridges[ridges > 0], errors[ridges > 0], "o-", ms=4, color=color, label=label, clip_on=False)
    exact = [1 - line["jacobian"][part] for line in same if line["jacobian"]]
    if exact:
        ax.axhline(np.mean(exact), ls="--", lw=1.0, color=color, label=f"{label}, by the Jacobian without a ridge")


def _line(run: RunFolder) -> dict[str, Any]:
    result, provenance = run.result(), run.environment.get("provenance", {})
    by_jacobian = None
    if run.config["jacobian"]:
        by_jacobian = {part: float(array(run, f"jacobian_{part}_accuracy")) for part in PART_NAMES}
        by_jacobian |= {name: float(array(run, f"jacobian_{name}")) for name in _JACOBIAN}
    return {
        **{name: run.config[name] for name in _SETTINGS},
        "train_images": provenance.get("n_train", run.config["n_train"]),
        "test_images": provenance.get("n_test", run.config["n_test"]),
        "num_params": int(array(run, "num_params")),
        "majority_rate": float(array(run, "majority_rate")),
        "ridges": array(run, "ridges"),
        "largest_eigenvalue": float(result["largest_eigenvalue"]),
        **{part: array(run, f"{part}_accuracy") for part in PART_NAMES},
        **{name: array(run, name) for name in ("train_error", "norm", "residual")},
        "jacobian": by_jacobian,
    }


if __name__ == "__main__":
    draw_command("samarin2022/ridges", draw)
