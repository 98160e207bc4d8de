"""Best settings: test accuracy over learning rates and weight decays, of the network and of its linearization."""

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import KINDS, settings_of
from matplotlib.patches import Rectangle

from ntk_repro.network_names import net_title, width_text
from ntk_repro.papers.drawing import Drawing, array, check_study, data_title, draw_command, header
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.plot import titles
from ntk_repro.record import RunFolder

_SETTINGS = ("net", "width", "seed", "data", "shift", "resize", "epochs", "decay_epochs", "batch_size", "momentum",
             "loss_reduction", "loss", "precision")  # fmt: skip


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each width and data set, a panel for each model: its test accuracy, the mean over seeds."""
    check_study(runs, "finite_width_grid")
    grids = [_grid(run) for run in runs]
    groups: dict[tuple, list[dict]] = {}
    for grid in grids:
        groups.setdefault((grid["net"], grid["data"], grid["shift"], grid["width"]), []).append(grid)
    picture, axes = plt.subplots(
        len(groups), len(KINDS), figsize=(8.2, 3.2 * len(groups) + 0.4), squeeze=False, layout="constrained"
    )
    for row, same in zip(axes, groups.values(), strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            _panel(ax, same, kind)
        facts = (_facts(same[0]), "")
        titles(row, [(_title(same[0], kind), of) for kind, of in zip(KINDS, facts, strict=True)], fontsize=7)
        row[0].set_ylabel("Learning rate")
    for ax in axes[-1]:
        ax.set_xlabel("Weight decay")
    explained = "test accuracies in per cent; frame: the paper's best settings"
    return Drawing(picture, {**header(picture, runs, preset, settings=explained), "grids": grids})


def _title(grid: dict, kind: str) -> str:
    return f"{net_title(grid['net'], kind)} ×{width_text(grid['width'])}"


def _facts(grid: dict) -> str:
    return f"{grid['label']}, {grid['train_images']:,} + {grid['test_images']:,} images, {grid['epochs']} epochs"


def _grid(run: RunFolder) -> dict:
    provenance, result = run.environment.get("provenance", {}), run.result()
    kinds = {kind: np.ravel(result[f"{kind}_test_accuracy"]) for kind in KINDS if f"{kind}_test_accuracy" in result}
    return {
        **settings_of(run, _SETTINGS),
        "label": data_title(run),
        "train_images": provenance.get("n_train", run.config["n_train"]),
        "test_images": provenance.get("n_test", run.config["n_test"]),
        **{name: array(run, name) for name in ("learning_rates", "weight_decays")},
        **kinds,
    }


def _panel(ax, same: list[dict], kind: str) -> None:
    first = same[0]
    ax.grid(visible=False)
    rates, decays = first["learning_rates"], first["weight_decays"]
    ax.set_xticks(range(len(decays)), [f"{decay:g}" for decay in decays])
    ax.set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    if kind not in first:
        return
    mean = 100 * np.mean([grid[kind] for grid in same], axis=0).reshape(len(rates), len(decays))
    shown = ax.imshow(mean, cmap="cividis", aspect="auto")
    middle = np.mean(shown.get_clim())
    for (i, j), value in np.ndenumerate(mean):
        text = f"{value:.1f}" if np.isfinite(value) else "diverged"
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if value < middle else "black")
    rate, decay = _papers_best(first["net"], kind)
    if rate in rates and decay in decays:
        corner = (list(decays).index(decay) - 0.47, list(rates).index(rate) - 0.47)
        for color, width in (("black", 4), ("white", 1.5)):
            ax.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, ec=color, lw=width))


def _papers_best(net: str, kind: str) -> tuple[float, float]:
    """The learning rate and weight decay that section 4.1 names."""
    printed = printed_numbers("samarin2022")["fig5" if net == "alexnet" else "fig2"]
    settings = printed["own_settings" if net == "alexnet" and kind == "linearized" else "settings"]
    return settings["learning_rate"], settings["weight_decay"]


if __name__ == "__main__":
    draw_command("samarin2022/grid", draw)
