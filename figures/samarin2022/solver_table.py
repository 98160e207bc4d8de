"""One digit against the others by several solutions, at every width, with the paper's numbers: Tables 1 and 2."""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from ntk_repro.errors import UserError
from ntk_repro.network_names import width_text
from ntk_repro.papers.drawing import (
    Drawing,
    array,
    check_alike,
    check_study,
    header,
)
from ntk_repro.papers.samarin2022.solver_columns import printed_cell
from ntk_repro.plot import ordered_colors, percent_axis, table_of
from ntk_repro.record import RunFolder

ROWS = {"solver": "Solver", "kernel_ridge": "Solver, ridge", "linearized": "LinLeNet (SGD)", "network": "LeNet"}
PARTS = {"test": "Test", "train": "Train"}
_FREE = ("width", "seed", "sizes", "sgd")
_FREE_IN = {"others": ("positive",), "ten_classes": ("n_train", "epochs")}
_SETTINGS = ("net", "width", "seed", "data", "shift", "resize", "positive", "epochs", "learning_rate", "weight_decay",
             "batch_size", "momentum")  # fmt: skip
_ALL_CLASSES = -1
_MARKERS = "os^DvPX*"
_LEAST_RATIO = 1.19  # of sizes whose labels do not touch


def tasks_of(runs: Sequence[RunFolder], *, shifted: bool) -> dict[str, list[dict[str, Any]]]:
    """The runs by task, each a column, narrowest first: accuracies of all solutions on the largest set of each.

    `columns` are the table's own: the lowest class against the others, at the largest shift if `shifted`, else at the
    smallest. `others` are other classes against the others, `ten_classes` all of them, and `centred` the table's class
    at another shift.

    Raises:
        UserError: for runs of another experiment, runs of a task that differ in more than width, seed and sizes, and
            two of one width and seed.
    """
    check_study(runs, "finite_width_solver")
    classes = {run.config["positive"] for run in runs}
    first = min(classes - {_ALL_CLASSES}, default=_ALL_CLASSES)
    shift = (max if shifted else min)(run.config["shift"] for run in runs)
    tasks: dict[str, list[RunFolder]] = {"columns": [], "others": [], "ten_classes": [], "centred": []}
    for run in runs:
        positive = run.config["positive"]
        if positive == first:
            tasks["columns" if run.config["shift"] == shift else "centred"].append(run)
        else:
            tasks["ten_classes" if positive == _ALL_CLASSES else "others"].append(run)
    return {name: _columns(task, *_FREE_IN.get(name, ())) for name, task in tasks.items()}


def _columns(runs: list[RunFolder], *free: str) -> list[dict[str, Any]]:
    check_alike(runs, *_FREE, *free)
    columns = sorted(map(_column, runs), key=lambda column: (column["width"], column["seed"], column["positive"]))
    pairs = [(column["width"], column["seed"], column["positive"]) for column in columns]
    if len(set(pairs)) < len(pairs):
        raise UserError("two runs have the same width and seed: name one of them")
    return columns


def _column(run: RunFolder) -> dict[str, Any]:
    result, provenance = run.result(), run.environment.get("provenance", {})
    column: dict[str, Any] = {
        **{name: run.config[name] for name in _SETTINGS},
        "images": provenance.get("n_train", run.config["n_train"]),
        "test_images": provenance.get("n_test", run.config["n_test"]),
        "num_params": int(array(run, "num_params")),
        "outputs": int(result.get("outputs", 1)),
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
    """The table, ours above the paper's, and below it the solver's test error against the number of images."""
    tasks = tasks_of(runs, shifted=table == "table2")
    widths = [list(same) for _, same in itertools.groupby(tasks["columns"], lambda column: column["width"])]
    picture, (above, below) = plt.subplots(
        2, 1, figsize=(2.6 + 1.25 * max(4, len(widths)), 7.4), layout="constrained", height_ratios=(1.35, 1)
    )
    _table(above, widths, table)
    _by_size(below, widths)
    facts = "\n".join([_facts(widths, table), *_other_tasks(tasks)])
    return Drawing(picture, {**header(picture, runs, preset, settings=facts), **tasks})


def _table(ax, widths: list[list[dict[str, Any]]], table: str) -> None:
    rows = [(part, model) for part in PARTS for model in ROWS]
    table_of(
        ax,
        [[cell(same, model, part, table) for same in widths] for part, model in rows],
        [f"{PARTS[part]}: {ROWS[model]}" for part, model in rows],
        [f"×{width_text(same[0]['width'])}\n{same[0]['num_params']:,} parameters" for same in widths],
    )


def _facts(widths: list[list[dict[str, Any]]], table: str) -> str:
    first = widths[0][0]
    title = f"accuracies in per cent, {first['images']:,} + {first['test_images']:,} images, {first['epochs']} epochs"
    seeds = max(map(len, widths))
    title += f", {seeds} seeds (± std)" if seeds > 1 else ""
    if any(printed_cell(table, same, model, "test") is not None for same in widths for model in ROWS):
        title += "; in brackets the paper's"
    for model, name in (("logistic", "logistic regression"), ("ridge", "ridge regression")):
        if first[model]:
            test, train = (100 * first[model][part] for part in PARTS)
            title += f"\n{name} on pixels: test {test:.2f}, training {train:.2f}"
    return title + f"; always no: {100 * first['majority_rate']:.2f}"


def _other_tasks(tasks: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A line for each task besides the table's own."""
    lines = []
    for column in tasks["ten_classes"]:
        models = [f"{ROWS[model]} {100 * column[model]['test']:.1f}" for model in ROWS if column[model]]
        rows = f"{column['outputs'] * column['images']:,} rows"
        lines.append(f"ten classes, ×{width_text(column['width'])}, {rows}, test: {', '.join(models)}")
    others = tasks["others"]
    if others:
        spans = []
        for model in ROWS:
            values = [100 * column[model]["test"] for column in others if column[model]]
            spans += [f"{ROWS[model]} {min(values):.1f} to {max(values):.1f}"] if values else []
        lines.append(f"other classes at ×{width_text(others[0]['width'])}, test: {', '.join(spans)}")
    return lines


def cell(same: list[dict[str, Any]], model: str, part: str, table: str) -> str:
    """ "99.31 (99.61)": ours and the paper's, and the number of images where the solver was not fitted to all.

    Args:
        same: the columns of one width, one of each seed.
        model: one of `ROWS`.
        part: "test" or "train".
        table: "table1" or "table2".
    """
    printed = printed_cell(table, same, model, part)
    behind = "" if printed is None else f" ({printed})"
    values = 100 * np.array([column[model][part] for column in same if column[model]])
    if not len(values):
        return "-" + behind
    if not np.isfinite(values).all():
        return "diverged" + behind
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    sizes = same[0]["solver_by_size"]["sizes"]
    if model in ("solver", "kernel_ridge") and len(sizes) and sizes[-1] < same[0]["images"]:
        behind += f"\non {sizes[-1]:,}"
    return f"{values.mean():.2f}{spread}{behind}"


def _by_size(ax, widths: list[list[dict[str, Any]]]) -> None:
    solved = [same for same in widths if len(same[0]["solver_by_size"]["sizes"])]
    colors = ordered_colors(max(len(solved), 1))
    for same, color, marker in zip(solved, colors, itertools.cycle(_MARKERS), strict=False):
        by_size = same[0]["solver_by_size"]
        error = 1 - np.mean([column["solver_by_size"]["test"] for column in same], axis=0)
        ax.plot(by_size["sizes"], error, marker=marker, color=color, label=f"×{width_text(same[0]['width'])}")
        live = by_size["live"][-1]
        if live <= 1.5 * by_size["sizes"][-1]:
            ax.axvline(live, ls="--", lw=1.0, color=color)
    ax.set_xscale("log", base=2)
    sizes = sorted({int(n) for same in solved for n in same[0]["solver_by_size"]["sizes"]})
    ax.set_xticks(sizes, _apart(sizes))
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Training images solved for; dashed: as many images as parameters whose gradient is not 0")
    ax.set_ylabel("Test error of the solver")
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    percent_axis(ax)
    if solved:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="Width", fontsize=8, title_fontsize=8)


def _apart(sizes: list[int]) -> list[str]:
    """The sizes as texts, "" for one that would touch the one before it."""
    texts, last = [], 0.0
    for n in sizes:
        shown = n >= _LEAST_RATIO * last
        texts.append(f"{n:,}" if shown else "")
        last = n if shown else last
    return texts
