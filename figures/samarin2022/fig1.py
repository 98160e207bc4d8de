"""Figure 1: four regimes, usual and wide, networks and linearizations, marked in the accuracies of Figure 4."""

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import accuracy_line, color_of, panels_of, width_axis

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import COLORS, MUTED, Drawing, draw_command, header
from ntk_repro.papers.statistics import student_interval
from ntk_repro.record import RunFolder

REGIMES = {
    ("network", 0): ("I", "usual width:\nfeatures are learned"),
    ("network", -1): ("II", "wide network"),
    ("linearized", 0): ("III", "few random features"),
    ("linearized", -1): ("IV", "many random features"),
}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Test accuracy against width, with the four regimes at the ends of the two curves."""
    panels = panels_of(runs)
    lines = {line["kind"]: line for line in panels[0]["lines"]}
    if len(panels) > 1 or set(lines) != {"network", "linearized"}:
        raise UserError("this figure draws a network and its linearization on one data set: name the runs of Figure 4")
    picture, ax = plt.subplots(figsize=(6.6, 4.2), layout="constrained")
    for line in lines.values():
        accuracy_line(ax, line, "test", color_of(panels[0], line))
    widths = lines["network"]["widths"]
    ends = {kind: [student_interval(values).mean for values in line["test"]] for kind, line in lines.items()}
    for (kind, at), (number, text) in REGIMES.items():
        above = kind == "network"
        # The gap between the curves is left for the arrow.
        ax.annotate(
            f"{number}   {text}",
            (widths[at], ends[kind][at]),
            xytext=(0, 16 if above else -16),
            textcoords="offset points",
            ha="left" if at == 0 else "right",
            va="bottom" if above else "top",
            fontsize=8,
            color=MUTED,
        )
    for at in (0, -1):
        both = sorted((ends["network"][at], ends["linearized"][at]))
        if np.isfinite(both).all():
            ax.annotate(
                "", (widths[at], both[0]), (widths[at], both[1]),
                arrowprops={"arrowstyle": "<->", "color": COLORS["chance"], "shrinkA": 7, "shrinkB": 7},
            )  # fmt: skip
    width_axis(ax, widths)
    ax.margins(x=0.12, y=0.25)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_ylabel("Test accuracy")
    ax.set_title(panels[0]["settings"], fontsize=8, color=MUTED)
    ax.legend(loc="center right")
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


if __name__ == "__main__":
    draw_command("samarin2022/fig1", draw)
