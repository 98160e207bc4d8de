"""Numbers in the text: parameters of the networks against their width, and rows of their Jacobians."""

import matplotlib.pyplot as plt
from accuracy_by_width import net_name, width_axis

from ntk_repro.papers.drawing import COLORS, Drawing, array, check_study, draw_command
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.record import RunFolder

_MARKERS = "os^D"


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel for each network: its parameters for every kind of image, and the paper's numbers."""
    check_study(runs, "finite_width_sizes")
    lines = [_line(run) for run in runs]
    nets = list(dict.fromkeys(line["net"] for line in lines))
    picture, axes = plt.subplots(1, len(nets), figsize=(4.2 * len(nets), 3.6), squeeze=False, layout="constrained")
    printed = printed_numbers("samarin2022")["numbers"]["parameters"]
    for ax, net in zip(axes[0], nets, strict=True):
        of_net = [line for line in lines if line["net"] == net]
        for line, color, marker in zip(of_net, COLORS.values(), _MARKERS, strict=False):
            label = f"{' x '.join(map(str, line['image']))}, {line['outputs']} output{'s' * (line['outputs'] > 1)}"
            ax.plot(line["widths"], line["num_params"], color=color, marker=marker, mfc="none", label=label)
        paper = {float(width): count for width, count in printed.get(net, {}).items()}
        ax.plot(list(paper), list(paper.values()), "x", ms=9, color="black", ls="none", label="the paper's")
        width_axis(ax, of_net[0]["widths"])
        ax.set_yscale("log")
        ax.set_title(net_name(net))
        ax.legend(fontsize=8, loc="upper left")
    axes[0, 0].set_ylabel("Parameters")
    return Drawing(picture, {"preset": preset, "data": "", "data_label": "", "lines": lines})


def _line(run: RunFolder) -> dict:
    counts = [int(count) for count in array(run, "num_params")]
    return {**{name: run.config[name] for name in ("net", "image", "outputs", "widths")}, "num_params": counts}


if __name__ == "__main__":
    draw_command("samarin2022/sizes", draw)
