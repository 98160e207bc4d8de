"""Figure 6: energy of the labels on the top eigenvectors of the NTK through training."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from rows_by_net import drawn_by_net
from task_runs import setup

from ntk_repro.network_names import net_title
from ntk_repro.papers.drawing import Drawing, array, draw_command, mean_and_std
from ntk_repro.plot import by_epoch, titles
from ntk_repro.record import RunFolder

PANELS = (
    ("energy_concentration", "Energy on the top {} eigenvectors"),
    ("kernel_cosine_distance", "Cosine distance of the kernel"),
    ("mean_squared_gradient_norm", "Mean squared gradient norm"),
)


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row of three panels per network, against the epoch: energy, distance of the kernel, size of the gradients."""
    return drawn_by_net(runs, preset, "rotation_tracking", _row)


def _row(axes: Sequence[Axes], net: str, group: list[RunFolder], own: str) -> dict:
    epochs, top = array(group[0], "epochs"), group[0].config["top"]
    images = int(array(group[0], "images")[-1])
    curves = {
        **setup(group),
        "epochs": epochs,
        "top": top,
        "images": images,
        "seeds": [run.config["seed"] for run in group],
    }
    for ax, (name, _) in zip(axes, PANELS, strict=True):
        spread = mean_and_std(group, name)
        by_epoch(ax, epochs, spread, share=name == "energy_concentration")
        curves |= spread.numbers(name)
    facts = "\n".join(filter(None, (f"{net_title(net)}, kernel on {images:,}", own)))
    titles(axes, [(title.format(top), "" if at else facts) for at, (_, title) in enumerate(PANELS)])
    curves["test_accuracy"] = mean_and_std(group, "network_test_accuracy").mean
    axes[0].set_ylim(0, 1)
    axes[2].set_ylim(0)
    return curves


if __name__ == "__main__":
    draw_command("ortiz2021/fig6", draw)
