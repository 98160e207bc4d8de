"""Table 1: energy of the labels on the top eigenvectors of the NTK before and after training, and test accuracy."""

import itertools
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from task_runs import training

from ntk_repro.network_names import TITLES, net_title
from ntk_repro.papers.drawing import (
    Drawing,
    array,
    by_seed,
    check_study,
    draw_command,
    header,
    mean_and_std,
    net_names,
    settings,
)
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.plot import MUTED, percent, table_of
from ntk_repro.record import RunFolder

ROWS = (
    ("energy_init", "Energy on top {}, before training"),
    ("energy_end", "Energy on top {}, after training"),
    ("test_accuracy", "Test accuracy on classes 0-4 / 5-9"),
)


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """The table, ours above the paper's; a column for each network and residual scale."""
    groups = _groups(runs)
    names = net_names(runs)
    columns = [_column(group, names[group[0].config["net"]]) for group in groups]
    top = "/".join(dict.fromkeys(str(column["top"]) for column in columns))
    lines = max(column["title"].count("\n") + 1 for column in columns)
    heights = [lines, *[2] * len(ROWS), max(cell.count("\n") + 2 for cell in map(_trend, columns))]
    picture, ax = plt.subplots(figsize=(2.6 + 1.75 * len(columns), 0.17 * sum(heights) + 0.6), layout="constrained")
    cells = [[_cell(column, row) for column in columns] for row, _ in ROWS]
    cells.append([_trend(column) for column in columns])
    labels = [*(label.format(top) for _, label in ROWS), "Energy before training,\non fewer images"]
    table = table_of(ax, cells, labels, [column["title"] for column in columns])
    for (row, _), cell in table.get_celld().items():
        cell.set_height(heights[row])
    text = "ours (mean ± standard deviation of the seeds); in brackets the paper's: CIFAR-10, full width, 12,000 images"
    picture.supxlabel(text, fontsize=8, color=MUTED)
    return Drawing(picture, {**header(picture, runs, preset), "columns": columns})


def _groups(runs: Sequence[RunFolder]) -> list[list[RunFolder]]:
    """The runs of each column, trained ones together with those measured only before training."""
    check_study(runs, "rotation_tracking")
    nets = [*TITLES, *sorted({run.config["net"] for run in runs})]

    def column(run: RunFolder) -> tuple:
        return nets.index(run.config["net"]), run.config["residual_scale_init"], run.config["width"]

    return [list(group) for _, group in itertools.groupby(sorted(runs, key=column), key=column)]


def _column(group: list[RunFolder], net: str) -> dict:
    config = group[0].config
    trained = [run for run in group if run.config["epochs"]]
    for runs in (trained, [run for run in group if not run.config["epochs"]]):
        by_seed(runs, config["net"])
    images = min(int(array(run, "images")[-1]) for run in group)
    init = mean_and_std(group, lambda run: array(run, "energy_concentration")[0])
    column: dict = {
        "net": net,
        "width": config["width"],
        "residual_scale_init": config["residual_scale_init"],
        "trained_statistics": config.get("trained_statistics", True),
        "top": config["top"],
        "images": images,
        "energy_init": float(init.mean),
        "energy_init_std": float(init.std),
        "init_seeds": len(group),
        "energy_end": None,
        "test_accuracy": None,
        "trend_images": array(group[0], "images"),
        "trend_energy": mean_and_std(
            [run for run in group if len(array(run, "images")) == len(array(group[0], "images"))],
            lambda run: array(run, "energy_by_images")[0],
        ).mean,
        "end_seeds": len(trained),
        "epochs": None,
        "train_images": None,
    }
    if trained:
        column |= {"epochs": trained[0].config["epochs"], **training(trained[0].config)}
        column["train_images"] = trained[0].environment.get("provenance", {}).get("n_train")
        for name, of in (("energy_end", "energy_concentration"), ("test_accuracy", "network_test_accuracy")):
            spread = mean_and_std(trained, lambda run, of=of: array(run, of)[-1])
            column |= {name: float(spread.mean), f"{name}_std": float(spread.std)}
    column["title"] = _title(net, trained or group, images)
    return column


def _title(net: str, group: list[RunFolder], images: int) -> str:
    parts = settings(group).replace(", ", "\n").replace("\n0 epochs", "\nnot trained").split("\n")
    return "\n".join([net_title(net), *parts, f"kernel on {images:,}"])


def _cell(column: dict, row: str) -> str:
    paper = printed_numbers("ortiz2021")["table1"][row].get(column["net"])
    printed = "" if paper is None else f" ({percent(paper, 1)})"
    value = column[row]
    if value is None or np.isnan(value):
        return f"-{printed}"
    seeds = column["init_seeds" if row == "energy_init" else "end_seeds"]
    spread = f" ± {100 * float(column[f'{row}_std']):.1f}" if seeds > 1 else ""
    return f"{100 * float(value):.1f}{spread}%{printed}"


def _trend(column: dict) -> str:
    pairs = list(zip(column["trend_images"], column["trend_energy"], strict=True))[:-1]
    return "\n".join(f"{n:,}: {percent(energy, 1)}" for n, energy in pairs) or "-"


if __name__ == "__main__":
    draw_command("ortiz2021/table1", draw)
