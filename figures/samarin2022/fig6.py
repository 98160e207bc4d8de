"""Figure 6: effective rank against width, of the singular values of the Jacobian and of the kernel's eigenvalues."""

import itertools

import matplotlib.pyplot as plt
from accuracy_by_width import width_axis
from singular_values import LINE_COLORS, display_line, lines_of

from ntk_repro.papers.drawing import Drawing, draw_command, header
from ntk_repro.record import RunFolder

RANKS = {
    "effective_rank": r"of the Jacobian's $\sigma$",
    "effective_rank_of_kernel": r"of the kernel's $\lambda = \sigma^2$",
}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A column for each network, a row for each rank, a curve for each data set."""
    lines = lines_of(runs)
    nets = list(dict.fromkeys(line["net"] for line in lines))
    picture, axes = plt.subplots(
        2, len(nets), figsize=(4.2 * len(nets), 5.8), squeeze=False, sharex="col", layout="constrained"
    )
    for column, net in zip(axes.T, nets, strict=True):
        for ax, (name, title) in zip(column, RANKS.items(), strict=True):
            of_net = [line for line in lines if line["net"] == net]
            for line, color in zip(of_net, itertools.cycle(LINE_COLORS), strict=False):
                ax.plot(line["widths"], line[name], "*-", ms=8, color=color, label=display_line(line))
            width_axis(ax, sorted({width for line in of_net for width in line["widths"]}))
            ax.set_title(f"Effective rank {title}, of {of_net[0]['rows']:,}", fontsize=9)
            ax.set_ylim(0, 1.08 * max(max(line[name]) for line in of_net))
            ax.legend(fontsize=8, loc="lower right")
        column[0].set_xlabel("")
    for ax in axes[:, 0]:
        ax.set_ylabel("Effective rank")
    return Drawing(picture, {**header(picture, runs, preset), "lines": lines})


if __name__ == "__main__":
    draw_command("samarin2022/fig6", draw)
