"""Accuracy of networks and linearizations against width: Figures 2 to 5, and the numbers of Figure 1 and the tables."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ntk_repro.errors import UserError
from ntk_repro.network_names import net_title, width_text
from ntk_repro.papers.drawing import Drawing, array, check_alike, check_study, data_title, header, image_counts
from ntk_repro.papers.statistics import student_interval
from ntk_repro.plot import COLORS, SERIES, legend_of, light, percent_axis, titles, width_axis
from ntk_repro.record import RunFolder

KINDS = ("network", "linearized")
PARTS = {"train": "Training accuracy", "test": "Test accuracy"}
BARS = "bars: standard deviation"
_OF_PANEL = ("net", "data", "shift", "resize", "epochs", "decay_epochs")
_OF_RUNS = ("batch_size", "momentum", "loss_reduction", "loss", "precision")  # equal in all runs of a panel
_ADDED = {"loss": "squared_error", "precision": "float32"}  # settings that a run at these defaults does not record


def settings_of(run: RunFolder, names: Sequence[str]) -> dict[str, Any]:
    """These settings of a run of `finite_width.training` or `finite_width.grid`."""
    config = _ADDED | run.config
    return {name: config[name] for name in names}


def panels_of(runs: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """The runs as panels (a network on a data set for some epochs) of lines (both models at equal settings).

    A panel has its settings, the numbers of images among them, as `departures` reads them, and in words as `settings`
    and `seeds`.

    A line has `kind`, `name`, `learning_rate`, `weight_decay`, `widths` and, for each width, the accuracies of its
    seeds, `train` and `test`, nan where a training diverged. A panel has besides `logistic_train` and `logistic_test`,
    None without.

    Raises:
        UserError: for runs of another experiment, a model of one seed and width twice, and runs of a panel that differ
            in more than learning rate and weight decay.
    """
    check_study(runs, "finite_width_training")
    if len({json.dumps(run.config, sort_keys=True) for run in runs}) < len(runs):
        raise UserError("two runs have the same settings and seed: name each run once")
    panels = defaultdict(list)
    for run in runs:
        panels[tuple(run.config.get(name) for name in _OF_PANEL)].append(run)
    return [_panel(dict(zip(_OF_PANEL, key, strict=True)), group) for key, group in panels.items()]


def _panel(key: dict[str, Any], runs: list[RunFolder]) -> dict[str, Any]:
    check_alike(runs, "seed", "width", "learning_rate", "weight_decay", "models", "follow", "baseline")
    lines = [line for kind in KINDS for line in _lines(kind, runs, net_title(key["net"], kind))]
    if len({line["learning_rate"] for line in lines}) > 1:
        for line in lines:
            line["name"] += f", learning rate {line['learning_rate']:g}"
    logistic = {part: _baseline(runs, f"logistic_{part}_accuracy") for part in PARTS}
    provenance = runs[0].environment.get("provenance", {})
    return {
        **key,
        **settings_of(runs[0], _OF_RUNS),
        "train_images": provenance.get("n_train", runs[0].config["n_train"]),
        "test_images": provenance.get("n_test", runs[0].config["n_test"]),
        "label": _label(data_title(runs[0]), key["shift"]),
        "settings": _settings(runs[0]),
        "seeds": _seeds(runs),
        "lines": lines,
        **{f"logistic_{part}": value for part, value in logistic.items()},
    }


def _label(label: str, shift: int) -> str:
    shifted = f", shifted by up to {shift}" if shift else ""
    return label if shifted in label else label + shifted


def _lines(kind: str, runs: list[RunFolder], name: str) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for run in runs:
        if run.config["models"] in ("both", kind):
            groups[run.config["learning_rate"], run.config["weight_decay"]].append(run)
    lines = []
    for (rate, decay), group in groups.items():
        pairs = [(run.config["width"], _seed(run)) for run in group]
        twice = next((pair for pair in pairs if pairs.count(pair) > 1), None)
        if twice is not None:
            raise UserError(f"two runs have a {name} x{twice[0]:g} of seed {twice[1]}: name one of them")
        widths = sorted({width for width, _ in pairs})
        by_width = [sorted((run for run in group if run.config["width"] == w), key=_seed) for w in widths]
        lines.append(
            {
                "kind": kind,
                "name": name,
                "learning_rate": rate,
                "weight_decay": decay,
                "widths": widths,
                "num_params": [int(array(same[0], "num_params")) for same in by_width],
                "seeds": [[_seed(run) for run in same] for same in by_width],
                **{
                    part: [[float(array(run, f"{kind}_{part}_accuracy")) for run in same] for same in by_width]
                    for part in PARTS
                },
            }
        )
    return lines


def _seed(run: RunFolder) -> int:
    return run.config["seed"]


def _baseline(runs: list[RunFolder], name: str) -> float | None:
    return next((float(array(run, name)) for run in runs if run.config["baseline"]), None)


def _settings(run: RunFolder) -> str:
    decay = "" if run.config["decay_epochs"] is None else f" (rate / 10 every {run.config['decay_epochs']})"
    return ", ".join([*image_counts(run), f"{run.config['epochs']} epochs{decay}"])


def _seeds(runs: list[RunFolder]) -> str:
    """ "3 seeds, 1 at ×10"."""
    by_width = {width: {_seed(run) for run in runs if run.config["width"] == width} for width in _widths(runs)}
    most = max(map(len, by_width.values()))
    fewer = [f"{len(seeds)} at ×{width_text(width)}" for width, seeds in by_width.items() if len(seeds) < most]
    return ", ".join([f"{most} seeds" if most > 1 else "1 seed", *fewer])


def _widths(runs: list[RunFolder]) -> list[float]:
    return sorted({run.config["width"] for run in runs})


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """One row for each panel: training accuracy on the left, test accuracy on the right."""
    panels = panels_of(runs)
    picture, axes = plt.subplots(
        len(panels), 2, figsize=(8.2, 3.4 * len(panels) + 0.5), squeeze=False, layout="constrained", sharey="row"
    )
    shared = facts_of(panels[0], alone=True) if len(panels) == 1 else ""
    for row, panel in zip(axes, panels, strict=True):
        for ax, part in zip(row, PARTS, strict=True):
            accuracy_panel(ax, panel, part)
        facts = "" if shared else facts_of(panel)
        titles(row, [(title, "" if part == "test" else facts) for part, title in PARTS.items()], fontsize=7)
        row[0].set_ylabel("Accuracy")
        row[0].autoscale(axis="y")  # an axhline leaves itself no margin
        row[0].set_ylim(top=min(row[0].get_ylim()[1], 1.02))
    most = max(axes[:, 0], key=lambda ax: len(ax.get_legend_handles_labels()[1]))
    legend_of([most], picture, 4)
    return Drawing(picture, {**header(picture, runs, preset, settings=shared.replace("\n", ", ")), "panels": panels})


def accuracy_panel(ax: Axes, panel: dict[str, Any], part: str) -> None:
    """The lines of a panel, with the baselines that they are compared with."""
    for line in panel["lines"]:
        accuracy_line(ax, line, part, look_of(panel, line))
    logistic = panel[f"logistic_{part}"]
    if logistic is not None:
        ax.axhline(logistic, ls=":", lw=1.2, color=COLORS["baseline"], label="Logistic regression", zorder=1)
    network = next((line for line in panel["lines"] if line["kind"] == "network"), None)
    if network is not None and len(network["widths"]) > 1:
        name = f"{network['name'].split(',')[0]} ×{width_text(network['widths'][0])}"
        level = student_interval(network[part][0]).mean
        ax.axhline(level, ls="--", lw=1.0, color=light(COLORS["network"]), label=name, zorder=1)
    widths = sorted({width for line in panel["lines"] for width in line["widths"]})
    width_axis(ax, widths)
    percent_axis(ax)


def facts_of(panel: dict[str, Any], *, alone: bool = False) -> str:
    """Lines of data set, settings and seeds; that of the only panel's data set stands above the picture already."""
    bars = f" ({BARS})" if repeated(panel) else ""
    label = [] if alone else [panel["label"]]
    return "\n".join([*label, panel["settings"], f"{panel['seeds']}{bars}"])


def accuracy_line(ax: Axes, line: dict[str, Any], part: str, look: dict[str, Any]) -> None:
    """One line: means and standard deviations over seeds, and a dot for each seed."""
    mean = np.array([student_interval(values).mean for values in line[part]])
    spread = np.array([_spread(values) for values in line[part]])
    ax.errorbar(line["widths"], mean, yerr=spread, capsize=2.5, label=line["name"], zorder=3, **look)
    for width, values in zip(line["widths"], line[part], strict=True):
        if len(values) > 1:
            ax.plot([width] * len(values), values, ".", ms=4, mew=0, alpha=0.5, color=look["color"], zorder=2)


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else 0.0


def repeated(panel: dict[str, Any]) -> bool:
    """Whether a model has several seeds."""
    return any(len(seeds) > 1 for line in panel["lines"] for seeds in line["seeds"])


def look_of(panel: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    """Circles for networks, stars for linearizations; those at other settings have other colours and dashes."""
    if line["kind"] == "network":
        return {"color": COLORS["network"], "marker": "o", "ms": 4.5}
    others = [other for other in panel["lines"] if other["kind"] == line["kind"]]
    color, style = ((COLORS["linearized"], "-"), (COLORS["other_linearized"], "--"), (SERIES[-1], "-."))[
        min(others.index(line), 2)
    ]
    return {"color": color, "ls": style, "marker": "*", "ms": 8}
