"""Accuracies of networks and linearizations at every width, with standard deviations over seeds: Tables A1 and A2."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import PARTS, panels_of, repeated

from ntk_repro.network_names import width_text
from ntk_repro.papers.drawing import Drawing, header
from ntk_repro.plot import MUTED, table_of
from ntk_repro.record import RunFolder

NAMES = {"train": "training", "test": "test"}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One table for each panel: rows are the models, columns the widths; training accuracy above test accuracy."""
    panels = panels_of(runs)
    widest = max(len(widths_of(panel)) for panel in panels)
    rows = [2 * len(panel["lines"]) + 3 for panel in panels]
    size = (3.4 + 1.25 * max(widest, 3), 0.26 * sum(rows) + 0.4)
    picture, axes = plt.subplots(len(panels), 1, figsize=size, squeeze=False, layout="constrained", height_ratios=rows)
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        _table(ax, panel, "" if len(panels) == 1 else f", {panel['label']}")
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def widths_of(panel: dict[str, Any]) -> list[float]:
    """All widths of a panel's lines."""
    return sorted({width for line in panel["lines"] for width in line["widths"]})


def _table(ax, panel: dict[str, Any], of: str) -> None:
    widths = widths_of(panel)
    rows = [(part, line) for part in PARTS for line in panel["lines"]]
    spread = " (mean ± standard deviation)" if repeated(panel) else ""
    title = f"Per cent{of}\n{panel['settings']}, {panel['seeds']}{spread}"
    ax.set_title(title, fontsize=8, color=MUTED)
    table_of(
        ax,
        [[cell(line, part, width) for width in widths] for part, line in rows],
        [f"{line['name']}, {NAMES[part]}" for part, line in rows],
        [f"×{width_text(width)}" for width in widths],
    )


def cell(line: dict[str, Any], part: str, width: float) -> str:
    """ "97.12 ± 0.34" in per cent, mean and standard deviation of the seeds that did not diverge."""
    if width not in line["widths"]:
        return "-"
    values = np.array(line[part][line["widths"].index(width)], float)
    finite = 100 * values[np.isfinite(values)]
    if not len(finite):
        return "diverged"
    spread = f" ± {finite.std(ddof=1):.2f}" if len(finite) > 1 else ""
    lost = f" ({len(values) - len(finite)} diverged)" if len(finite) < len(values) else ""
    return f"{finite.mean():.2f}{spread}{lost}"
