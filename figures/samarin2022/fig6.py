"""Figure 6: effective rank against width, of the kernel's eigenvalues and of the Jacobian's singular values."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from singular_values import display_line, lines_of

from ntk_repro.papers.drawing import Drawing, draw_command, header
from ntk_repro.plot import SERIES, titles, width_axis
from ntk_repro.record import RunFolder

RANKS = {
    "effective_rank_of_kernel": r"of the kernel's $\lambda = \sigma^2$ (the text's)",
    "effective_rank": r"of the Jacobian's $\sigma$ (the caption's)",
}
_MARKERS = "*so^D"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A column for each network, a row for each rank, a curve for each data set."""
    lines = lines_of(runs)
    nets = list(dict.fromkeys(line["net"] for line in lines))
    picture, axes = plt.subplots(
        2, len(nets), figsize=(4.2 * len(nets), 5.8), squeeze=False, sharex="col", layout="constrained"
    )
    texts = {}
    for column, net in zip(axes.T, nets, strict=True):
        for ax, (name, title) in zip(column, RANKS.items(), strict=True):
            of_net = [line for line in lines if line["net"] == net]
            looks = zip(itertools.cycle(SERIES), itertools.cycle(_MARKERS), strict=False)
            for line, (color, marker) in zip(of_net, looks, strict=False):
                style = {"marker": marker, "ms": 8 if marker == "*" else 5, "color": color, "capsize": 2.5}
                ax.errorbar(line["widths"], line[name], yerr=_spread(line, name), label=display_line(line), **style)
            width_axis(ax, sorted({width for line in of_net for width in line["widths"]}))
            seeds = max(len(seeds) for line in of_net for seeds in line["seeds"])
            facts = f"{of_net[0]['rows']:,} rows" + (f", {seeds} seeds (bars: standard deviation)" if seeds > 1 else "")
            texts[ax] = (f"Effective rank {title}", facts)
            ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
            ax.legend(fontsize=8, loc="lower right")
        column[0].set_xlabel("")
    for row in axes:
        titles(row, [texts[ax] for ax in row])
    for ax in axes[:, 0]:
        ax.set_ylabel("Effective rank")
    return Drawing(picture, {**header(picture, runs, preset), "lines": lines})


def _spread(line: dict, name: str) -> list[float] | None:
    """Standard deviations over seeds, None of single runs."""
    values = line["by_seed"][name]
    if max(map(len, values)) == 1:
        return None
    return [float(np.std(seeds, ddof=1)) if len(seeds) > 1 else 0.0 for seeds in values]


if __name__ == "__main__":
    draw_command("samarin2022/fig6", draw)
