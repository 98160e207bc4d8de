"""Loss and precision: accuracies with cross-entropy and in double precision, and how far the weights move."""

from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
from accuracy_by_width import KINDS, settings_of

from ntk_repro.network_names import net_title, width_text
from ntk_repro.papers.drawing import Drawing, array, by_seed, check_study, data_title, draw_command, header
from ntk_repro.plot import SERIES, table_of
from ntk_repro.record import RunFolder

LOSSES = {"squared_error": "squared error", "cross_entropy": "cross-entropy"}
PARTS = {"train": "training accuracy", "test": "test accuracy"}
_SETTINGS = ("net", "data", "shift", "resize", "width", "loss", "precision", "learning_rate", "weight_decay",
             "decay_epochs", "epochs", "batch_size", "momentum", "loss_reduction")  # fmt: skip
_LOOKS = {"squared_error": {"float32": "-", "float64": ":"}, "cross_entropy": {"float32": "--", "float64": "-."}}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A table of the accuracies, and below it the distance of the networks' weights through training."""
    check_study(runs, "finite_width_training")
    groups = defaultdict(list)
    for run in runs:
        groups[tuple(settings_of(run, _SETTINGS).values())].append(run)
    lines = [line for group in groups.values() for line in _lines(by_seed(group, "one line"))]
    heights = (0.24 * len(lines) + 0.4, 3.4)
    picture = plt.figure(figsize=(8.2, sum(heights) + 0.3), layout="constrained")
    # Each part has its own margins: the table's labels are wide.
    above, below = (part.subplots() for part in np.asarray(picture.subfigures(2, 1, height_ratios=heights)))
    several_data = len({line["label"] for line in lines}) > 1
    names = [_name(line, line["label"] if several_data else "") for line in lines]
    table_of(above, [[_spread(line[part]) for part in PARTS] for line in lines], names, list(PARTS.values()))
    _distances(below, {name: line for name, line in zip(names, lines, strict=True) if line["kind"] == "network"})
    return Drawing(picture, {**header(picture, runs, preset), "lines": lines})


def _lines(runs: list[RunFolder]) -> list[dict]:
    first, provenance = runs[0].config, runs[0].environment.get("provenance", {})
    kinds = [kind for kind in KINDS if first["models"] in ("both", kind)]
    return [
        {
            "kind": kind,
            "label": data_title(runs[0]),
            **settings_of(runs[0], _SETTINGS),
            "train_images": provenance.get("n_train", first["n_train"]),
            "test_images": provenance.get("n_test", first["n_test"]),
            "seeds": [run.config["seed"] for run in runs],
            "followed_epochs": array(runs[0], "followed_epochs"),
            **{part: [float(array(run, f"{kind}_{part}_accuracy")) for run in runs] for part in PARTS},
            "distance": [array(run, f"{kind}_distance_followed") for run in runs],
        }
        for kind in kinds
    ]


def _name(line: dict, data: str) -> str:
    net = f"{net_title(line['net'], line['kind'])} ×{width_text(line['width'])}"
    double = "double precision" if line["precision"] == "float64" else ""
    return ", ".join(filter(None, (net, data, LOSSES[line["loss"]], f"rate {line['learning_rate']:g}", double)))


def _spread(values: list[float]) -> str:
    finite = 100 * np.array(values)[np.isfinite(values)]
    if not len(finite):
        return "diverged"
    return f"{finite.mean():.2f}" + (f" ± {finite.std(ddof=1):.2f}" if len(finite) > 1 else "")


def _distances(ax, lines: dict[str, dict]) -> None:
    rates = sorted({line["learning_rate"] for line in lines.values()})
    for name, line in lines.items():
        at = rates.index(line["learning_rate"])
        color, marker = SERIES[at % len(SERIES)], "os^Dvp"[at % 6]
        style = _LOOKS[line["loss"]][line["precision"]]
        moved = np.mean(line["distance"], axis=0)
        ax.plot(line["followed_epochs"], moved, style, marker=marker, ms=4, color=color, label=name)
    ax.set_xscale("symlog", linthresh=1)
    epochs = sorted({int(epoch) for line in lines.values() for epoch in line["followed_epochs"]})
    ax.set_xticks(epochs, [f"{epoch}" for epoch in epochs])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Epoch")
    ax.set_ylabel(r"$\|\theta - \theta_0\|$ of the network")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7, handlelength=4)


if __name__ == "__main__":
    draw_command("samarin2022/variants", draw)
