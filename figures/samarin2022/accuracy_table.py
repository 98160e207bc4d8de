"""Accuracies of networks and linearizations at every width, with standard deviations over seeds: Tables A1 and A2."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import PARTS, panels_of

from ntk_repro.papers.drawing import QUIET, Drawing, head
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One table a panel: rows are the models, columns the widths; training accuracy above test accuracy."""
    panels = panels_of(runs)
    widest = max(len(widths_of(panel)) for panel in panels)
    rows = [2 * len(panel["lines"]) + 3 for panel in panels]
    picture, axes = plt.subplots(
        len(panels),
        1,
        figsize=(3.4 + 1.25 * widest, 0.24 * sum(rows) + 0.4),
        squeeze=False,
        layout="constrained",
        height_ratios=rows,
    )
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        _table(ax, panel)
    return Drawing(picture, {**head(picture, runs, preset), "panels": panels})


def widths_of(panel: dict[str, Any]) -> list[float]:
    """All widths of a panel's lines."""
    return sorted({width for line in panel["lines"] for width in line["widths"]})


def _table(ax, panel: dict[str, Any]) -> None:
    widths = widths_of(panel)
    rows = [(part, line) for part in PARTS for line in panel["lines"]]
    cells = [[cell(line, part, width) for width in widths] for part, line in rows]
    ax.set_axis_off()
    shift = f", shifted by up to {panel['shift']}" if panel["shift"] else ""
    ax.set_title(
        f"{panel['label'] if shift in panel['label'] else panel['label'] + shift}: {panel['settings']}",
        fontsize=8,
        color=QUIET,
    )
    table = ax.table(
        cells,
        rowLabels=[f"{line['name']}, {part}" for part, line in rows],
        colLabels=[f"×{width:g}" for width in widths],
        cellLoc="center",
        loc="center",
        bbox=(0, 0, 1, 1),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for one in table.get_celld().values():
        one.set_edgecolor("#D0D0D0")


def cell(line: dict[str, Any], part: str, width: float) -> str:
    """ "97.12 ± 0.34" in per cent, mean and standard deviation of the seeds that did not diverge."""
    if width not in line["widths"]:
        return "-"
    values = np.array(line[part][line["widths"].index(width)], float)
    there = 100 * values[np.isfinite(values)]
    if not len(there):
        return "diverged"
    spread = f" ± {there.std(ddof=1):.2f}" if len(there) > 1 else ""
    lost = f" ({len(values) - len(there)} diverged)" if len(there) < len(values) else ""
    return f"{there.mean():.2f}{spread}{lost}"
