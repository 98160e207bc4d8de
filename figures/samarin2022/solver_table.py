"""One digit against the others by several solutions, at every width, with the paper's numbers: Tables 1 and 2."""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import COLORS, MUTED, Drawing, array, check_alike, check_study, header, table_of
from ntk_repro.papers.samarin2022 import printed_for
from ntk_repro.record import RunFolder

ROWS = {"solver": "Solver", "kernel_ridge": "Solver, ridge", "linearized": "Lin. (SGD)", "network": "LeNet"}
PARTS = {"test": "Test", "train": "Train"}
_FREE = ("width", "seed", "sizes", "sgd")


def columns_of(runs: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """A column for each width: accuracies of all solutions on the largest set each was fitted to.

    Raises:
        UserError: for runs of another experiment, runs that differ in more than width and sizes, and two of one width.
    """
    check_study(runs, "finite_width_solver")
    check_alike(runs, *_FREE)
    columns = sorted(map(_column, runs), key=lambda column: column["width"])
    widths = [column["width"] for column in columns]
    if len(set(widths)) < len(widths):
        raise UserError("two runs have the same width: the paper's tables are of single runs, name one of each width")
    return columns


def _column(run: RunFolder) -> dict[str, Any]:
    result, provenance = run.result(), run.environment.get("provenance", {})
    column: dict[str, Any] = {
        "width": run.config["width"],
        "seed": run.config["seed"],
        "data": run.config["data"],
        "images": provenance.get("n_train", run.config["n_train"]),
        "test_images": provenance.get("n_test", run.config["n_test"]),
        "num_params": int(array(run, "num_params")),
        "majority_rate": float(array(run, "majority_rate")),
        "solver_by_size": {
            "sizes": array(run, "sizes"),
            **{part: result.get(f"solver_{part}_accuracy", np.array([])) for part in PARTS},
            **{name: result.get(f"solver_{name}", np.array([], int)) for name in ("rank", "live", "dual")},
        },
    }
    for model in (*ROWS, "logistic", "ridge"):
        if f"{model}_test_accuracy" in result and np.size(result[f"{model}_test_accuracy"]):
            column[model] = {part: float(np.ravel(result[f"{model}_{part}_accuracy"])[-1]) for part in PARTS}
        else:
            column[model] = None
    return column


def draw(runs: list[RunFolder], preset: str, table: str) -> Drawing:
    """The table, ours above the paper's, and below it the solver's test accuracy against the number of images."""
    columns = columns_of(runs)
    picture, (above, below) = plt.subplots(
        2, 1, figsize=(2.6 + 1.25 * max(4, len(columns)), 7.2), layout="constrained", height_ratios=(1.35, 1)
    )
    _table(above, columns, table)
    _by_size(below, columns)
    return Drawing(picture, {**header(picture, runs, preset), "columns": columns})


def _table(ax, columns: list[dict[str, Any]], table: str) -> None:
    rows = [(part, model) for part in PARTS for model in ROWS]
    table_of(
        ax,
        [[cell(column, model, part, table) for column in columns] for part, model in rows],
        [f"{PARTS[part]}: {ROWS[model]}" for part, model in rows],
        [f"×{c['width']:g}\n{c['num_params']:,}" for c in columns],
    )
    first = columns[0]
    title = f"per cent, {first['images']:,} + {first['test_images']:,} images"
    if printed_for(table, first["data"]):
        title += "; in brackets the paper's, 60,000 + 10,000"
    for model, name in (("logistic", "logistic regression"), ("ridge", "ridge regression")):
        if first[model]:
            test, train = (100 * first[model][part] for part in PARTS)
            title += f"\n{name} on pixels: test {test:.2f}, training {train:.2f}"
    title += f"; always no: {100 * first['majority_rate']:.2f}"
    ax.set_title(title, fontsize=8, color=MUTED)


def cell(column: dict[str, Any], model: str, part: str, table: str) -> str:
    """ "99.31 (99.61)": ours and the paper's, and the number of images where the solver was not fitted to all."""
    printed = printed_for(table, column["data"]).get(part, {}).get(model, {}).get(f"{column['width']:g}")
    behind = "" if printed is None else f" ({100 * printed:g})"
    if not column[model]:
        return "-" + behind
    value = column[model][part]
    ours = "diverged" if not np.isfinite(value) else f"{100 * value:.2f}"
    sizes = column["solver_by_size"]["sizes"]
    if model in ("solver", "kernel_ridge") and len(sizes) and sizes[-1] < column["images"]:
        behind += f"\non {sizes[-1]:,}"
    return ours + behind


def _by_size(ax, columns: list[dict[str, Any]]) -> None:
    colors = (COLORS["network"], COLORS["linearized"], COLORS["third"], "#CC79A7", COLORS["baseline"], COLORS["chance"])
    solved = [column for column in columns if len(column["solver_by_size"]["sizes"])]
    for column, color in zip(solved, itertools.cycle(colors), strict=False):
        by_size = column["solver_by_size"]
        ax.plot(by_size["sizes"], by_size["test"], "o-", color=color, label=f"×{column['width']:g}, test")
        ax.plot(by_size["sizes"], by_size["train"], ":", lw=1.2, color=color)
        live = by_size["live"][-1]
        if live <= 1.5 * by_size["sizes"][-1]:
            ax.axvline(live, ls="--", lw=1.0, color=color, alpha=0.7)
    ax.set_xscale("log", base=2)
    sizes = sorted({int(n) for column in solved for n in column["solver_by_size"]["sizes"]})
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Training images solved for")
    ax.set_ylabel("Accuracy of the solver")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    if solved:
        ax.legend(
            loc="lower right", fontsize=8, title="dotted: training; dashed: images = live parameters", title_fontsize=8
        )
