"""Training metrics against the index of the eigenfunction trained on: Figures 3, 13 and 14, one network each."""

import matplotlib.pyplot as plt

from ntk_repro.papers.drawing import COLORS, NET_TITLES, QUIET, Drawing, by_net, head, mean_and_std, settings
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row of three panels a network: epochs to the target loss, l2 and cosine distance from the initialization."""
    groups = by_net(runs)
    picture, axes = plt.subplots(
        len(groups), 3, figsize=(8.6, 2.6 * len(groups) + 0.3), squeeze=False, layout="constrained"
    )
    nets = {net: _row(row, net, group) for row, (net, group) in zip(axes, groups.items(), strict=True)}
    return Drawing(picture, {**head(picture, runs, preset), "nets": nets})


def _row(axes, net: str, group: list[RunFolder]) -> dict:
    config, index = group[0].config, group[0].result()["index"]
    curves = {"index": index, "seeds": [run.config["seed"] for run in group], "width": config["width"]}
    panels = (
        ("epochs_to_target_loss", f"Epochs to a training loss of {config['target_loss']:g}", COLORS["network"]),
        ("l2_distance", r"$\ell_2$ distance of the parameters", COLORS["linearized"]),
        ("cosine_distance", "Cosine distance of the parameters", COLORS["third"]),
    )
    for ax, (name, title, color) in zip(axes, panels, strict=True):
        mean, std = mean_and_std(group, name)  # nan where a seed never reached the loss: then not drawn
        ax.plot(index, mean, "o-", color=color)
        if len(group) > 1:
            ax.fill_between(index, mean - std, mean + std, color=color, alpha=0.2, lw=0)
            curves[f"{name}_std"] = std
        curves[name] = mean
        ax.set_title(title)
        ax.set_xlabel("Eigenfunction index")
        ax.set_xlim(0, 1.03 * max(index))
        missing = [i for i, value in zip(index, mean, strict=True) if value != value]
        if missing:
            ax.plot(missing, [config["epochs"]] * len(missing), "^", mfc="none", color=color)
            note = f"△ not within {config['epochs']} epochs"
            ax.annotate(note, (0.98, 0.04), xycoords="axes fraction", ha="right", fontsize=8, color=QUIET)
        ax.set_ylim(0, 1.08 * ax.get_ylim()[1] if missing else None)
    axes[0].set_ylabel(f"{NET_TITLES.get(net, net)}\n{settings(group)}", fontsize=8)
    return curves
