"""Numbers in the text: parameters of the networks, over the square of their width factor."""

import matplotlib.pyplot as plt
import numpy as np

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, check_study, draw_command, entitle
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.thresholds import ABOUT
from ntk_repro.plot import MUTED, SERIES, width_axis
from ntk_repro.record import RunFolder

_MARKERS = "os^D"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel for each network: its parameters over width^2, and the paper's numbers with 10% on either side."""
    check_study(runs, "finite_width_sizes")
    lines = [_line(run) for run in runs]
    nets = list(dict.fromkeys(line["net"] for line in lines))
    picture, axes = plt.subplots(1, len(nets), figsize=(4.2 * len(nets), 3.6), squeeze=False, layout="constrained")
    printed = printed_numbers("samarin2022")["numbers"]["parameters"]
    for ax, net in zip(axes[0], nets, strict=True):
        of_net = [line for line in lines if line["net"] == net]
        for line, color, marker in zip(of_net, SERIES, _MARKERS, strict=False):
            label = f"{' × '.join(map(str, line['image']))}, {line['outputs']} output{'s' * (line['outputs'] > 1)}"
            over_square = np.array(line["num_params"]) / np.square(line["widths"])
            ax.plot(line["widths"], over_square, color=color, marker=marker, ms=5, mfc="none", label=label)
        paper = {float(width): count / float(width) ** 2 for width, count in printed.get(net, {}).items()}
        if paper:
            values = np.array(list(paper.values()))
            error = {"yerr": ABOUT * values, "fmt": "x", "ms": 7, "capsize": 3, "lw": 1.0}
            ax.errorbar(list(paper), values, color=MUTED, label="the paper's, 10%", **error)
        width_axis(ax, of_net[0]["widths"])
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.5 * (high - low))  # room for the legend
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.set_title(net_title(net))
        ax.legend(fontsize=8, loc="upper right")
    axes[0, 0].set_ylabel("Parameters / width$^2$")
    entitle(picture, "Parameters of the networks", preset)
    return Drawing(picture, {"preset": preset, "data": "", "data_label": "", "lines": lines})


def _line(run: RunFolder) -> dict:
    counts = [int(count) for count in array(run, "num_params")]
    return {**{name: run.config[name] for name in ("net", "image", "outputs", "widths")}, "num_params": counts}


if __name__ == "__main__":
    draw_command("samarin2022/sizes", draw)
