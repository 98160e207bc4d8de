"""Figure 1: four regimes, usual and wide, networks and linearizations, and the gaps of all data sets against width."""

from typing import Any

import matplotlib.pyplot as plt
from accuracy_by_width import KINDS, accuracy_line, facts_of, look_of, panels_of
from matplotlib.axes import Axes

from ntk_repro.errors import UserError
from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, draw_command, header
from ntk_repro.papers.samarin2022.gaps import pairs_of
from ntk_repro.papers.statistics import student_interval
from ntk_repro.plot import COLORS, MUTED, SERIES, percent_axis, titles, width_axis
from ntk_repro.record import RunFolder

REGIMES = {
    ("network", 0): "I\nusual width:\nfeatures\nare learned",
    ("network", -1): "II\nwide network",
    ("linearized", 0): "III\nfew random\nfeatures",
    ("linearized", -1): "IV\nmany random\nfeatures",
}
LOOKS = ("o-", "s--", "^-.", "D:", "v-", "P--")


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """On the left the regimes, marked in the accuracies of one data set; on the right the gaps of all data sets."""
    panels = panels_of(runs)
    both = [panel for panel in panels if len(pairs_of(panel)) > 1]
    if not both:
        raise UserError("no run has a network and its linearization at two widths: name the runs of Figures 2 to 5")
    picture, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained", width_ratios=(1.25, 1))
    # The paper's sketch is of no data set: CIFAR-10 shows it best, then centred digits.
    shown = min(both, key=lambda panel: (panel["decay_epochs"] is None, panel["shift"]))
    _regimes(left, shown)
    _gaps(right, panels)
    texts = [
        ("Test accuracy", facts_of(shown, alone=len(panels) == 1)),
        ("Gap in test accuracy", "means over the seeds of both"),
    ]
    titles((left, right), texts, fontsize=7)
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def _regimes(ax: Axes, panel: dict[str, Any]) -> None:
    lines = {kind: next(line for line in panel["lines"] if line["kind"] == kind) for kind in KINDS}
    for line in lines.values():
        accuracy_line(ax, line, "test", look_of(panel, line))
    for (kind, at), text in REGIMES.items():
        # Outside the curves and their error bars, and apart where the curves meet.
        ax.annotate(
            text,
            (lines[kind]["widths"][at], student_interval(lines[kind]["test"][at]).mean),
            xytext=(-10 if at == 0 else 10, 3 if kind == "network" else -3),
            textcoords="offset points",
            ha="right" if at == 0 else "left",
            va="bottom" if kind == "network" else "top",
            fontsize=8,
            color=MUTED,
        )
    width_axis(ax, lines["network"]["widths"])
    ax.margins(x=0.4, y=0.5)  # room for the texts
    percent_axis(ax)
    ax.set_ylabel("Test accuracy")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)


def _gaps(ax: Axes, panels: list[dict[str, Any]]) -> None:
    for number, panel in enumerate(panels):
        gaps = {pair.width: 100 * pair.gap().mean for pair in pairs_of(panel)}
        name = f"{net_title(panel['net'])}, {panel['label']}"
        ax.plot([*gaps], [*gaps.values()], LOOKS[number % len(LOOKS)], color=SERIES[number % len(SERIES)], label=name)
    width_axis(ax, sorted({width for panel in panels for line in panel["lines"] for width in line["widths"]}))
    ax.axhline(0, color=COLORS["chance"], lw=0.8)
    ax.set_ylabel("Network less linearization, points")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14))


if __name__ == "__main__":
    draw_command("samarin2022/fig1", draw)
