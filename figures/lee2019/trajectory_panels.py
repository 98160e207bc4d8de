"""Panels of Figures 3, 4, S2, S3, S4 and S8: a network and its linearization through training."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D

from ntk_repro.papers.drawing import Drawing, array, check_study, header
from ntk_repro.plot import COLORS, light, percent_axis
from ntk_repro.record import RunFolder

STUDY = "wide_limit_trajectories"
TITLES = {
    "network": "Network",
    "linearized": "Linearization, trained",
    "empirical": "Predicted from the empirical kernel",
    "analytic": "Predicted from the analytic kernel",
}
PREDICTORS: dict[str, dict[str, Any]] = {
    "linearized": {"ls": "--", "color": COLORS["linearized"], "lw": 1.2, "zorder": 3},
    "empirical": {"ls": "-", "color": light(COLORS["linearized"]), "lw": 3.2},  # under the linearization's
    "analytic": {"ls": "-.", "color": COLORS["ntk_gp"]},
}
PARTS = {"train": "training", "test": "test"}
MODELS: dict[str, dict[str, Any]] = {
    "network": {"ls": "-", "color": COLORS["network"], "lw": 2.2, "alpha": 0.7},
    "linearized": {"ls": "--", "color": COLORS["linearized"], "lw": 1.0, "zorder": 3},
}
LIGHT = 0.5  # share of white of what belongs to test images
NETS = {"fcn": "fully connected", "cnn": "convolutional", "wide_resnet": "wide ResNet"}
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU"}
BATCH_NORM = {
    "batch": "BatchNorm by the statistics of each batch, in both",
    "frozen": "BatchNorm by the statistics of the start, in both",
    "live": "BatchNorm by each batch's statistics in the network, by those of the start in its linearization",
    "none": "no BatchNorm",
}
_SCORES = {"accuracy": "Accuracy", "cross_entropy": "Cross-entropy", "half_mean_squared_error": "Squared loss"}
POINTS = 6  # images followed in a panel of outputs


def six_panels(runs: Sequence[RunFolder], preset: str, *, one_point: bool = False) -> Drawing:
    """Two rows of the widest run: outputs on training and test images and single weights; loss, accuracy and RMSE."""
    runs = checked(runs)
    run = widest(runs)
    picture, axes = plt.subplots(2, 3, figsize=(10.5, 6), layout="constrained")
    for ax, part in zip(axes[0], PARTS, strict=False):
        outputs(ax, run, part, one_point=one_point)
    weights(axes[0, 2], run)
    for ax, quantity in zip(axes[1], ("loss", "accuracy"), strict=False):
        score(ax, run, quantity)
    rmse(axes[1, 2], run)
    legend(picture)
    return Drawing(picture, facts(picture, runs, preset))


def facts(
    picture: Picture, runs: Sequence[RunFolder], preset: str, drawn: Sequence[RunFolder] | None = None
) -> dict[str, Any]:
    """Writes data set, preset and settings of the drawn runs (the widest) above the picture; returns the numbers."""
    first = header(picture, runs, preset, settings=display_settings(drawn or [widest(runs)]))
    return {**first, "trajectories": [numbers(run) for run in runs]}


def checked(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """The runs, narrowest first, each width's on the full batch before those on minibatches, by seed.

    Raises:
        UserError: a run of another study.
    """
    check_study(runs, STUDY)
    return sorted(runs, key=lambda run: (width(run), run.config["batch_size"] is not None, run.config["seed"]))


def widest(runs: Sequence[RunFolder]) -> RunFolder:
    """Of checked runs the widest, on minibatches where there is one, of the first seed."""
    last = runs[-1].config
    return next(run for run in runs if all(run.config[key] == last[key] for key in last if key != "seed"))


def width(run: RunFolder) -> int:
    """Units or channels of a layer."""
    return run.config["hidden" if run.config["net"] == "fcn" else "channels"]


def kinds(run: RunFolder) -> list[str]:
    """The kinds of outputs that the run has: network, linearized and its predictions."""
    return [*MODELS, *run.config["predictions"]]


def display_settings(runs: Sequence[RunFolder]) -> str:
    """The settings of runs that differ in their width alone."""
    c = runs[0].config
    units = "units" if c["net"] == "fcn" else "channels"
    activation = ACTIVATIONS.get(c["activation"], c["activation"])
    layers = f"N = {c['blocks']}" if c["net"] == "wide_resnet" else f"{c['depth']} {activation} layers"
    widths = _listed(f"{width(run):,}" for run in runs)
    parameterization = {"ntk": "NTK"}.get(c["parameterization"], c["parameterization"])
    net = f"{NETS[c['net']]}, {layers}, {widths} {units}, {parameterization} parameterization"
    batch = "full batch" if c["batch_size"] is None else f"batches of {c['batch_size']}"
    momentum = f", momentum {c['momentum']:g}" if c["momentum"] else ""
    images = runs[0].environment.get("provenance", {}).get("n_train", c["n_train"])
    ratios = _listed(f"{float(array(run, 'learning_rate_ratio')):.2g}" for run in runs)
    critical = "the squared loss's critical" if c["loss"] == "cross_entropy" else "critical"
    how = f"{images:,} images, {batch}, learning rate {c['learning_rate']:.3g} ({ratios} of {critical}){momentum}"
    norm = f"\n{BATCH_NORM[c['batch_norm']]}" if c["net"] == "wide_resnet" else ""
    return f"{net}\n{how}{norm}"


def numbers(run: RunFolder) -> dict[str, Any]:
    """The plotted numbers of a run: curves over its steps by name, the weights shown, and its settings."""
    steps = array(run, "steps")
    curves: dict[str, Any] = {
        **{key: run.config[key] for key in ("net", "parameterization", "loss", "momentum", "batch_norm", "seed")},
        "batch_size": run.config["batch_size"],
        "images": run.environment.get("provenance", {}).get("n_train", run.config["n_train"]),
        "classes": max(array(run, "y_train").shape[1], 2),
        "width": width(run),
        "learning_rate": run.config["learning_rate"],
        "learning_rate_ratio": float(array(run, "learning_rate_ratio")),
        "steps": steps,
        "kinds": kinds(run),
    }
    for kind in kinds(run):
        for part in PARTS:
            for score in ("loss", "accuracy"):
                curves[f"{kind}_{part}_{score}"] = array(run, f"{kind}_{part}_{score}")
        if kind != "network":
            curves[f"{kind}_rmse"] = array(run, f"{kind}_rmse")
            curves[f"{kind}_train_rmse"] = _rms(run, kind, "network", "train")
        if kind in MODELS:
            curves[f"{kind}_weights"] = array(run, f"{kind}_weights")
            if run.config["loss"] == "cross_entropy":  # the logits of the first training image
                curves[f"{kind}_logits"] = array(run, f"{kind}_train")[:, 0]
    for part in PARTS:
        curves[f"network_{part}_rms_change"] = _rms(run, "network", None, part)
        if "empirical" in kinds(run):
            curves[f"empirical_{part}_apart"] = _rms(run, "empirical", "linearized", part)
    curves["weights_apart"] = float(array(run, "weights_apart"))
    if "empirical" in kinds(run) and run.config["loss"] == "half_mean_squared_error":
        curves["flow_apart"] = array(run, "flow_apart")
        curves["flow_rate"] = run.config["flow_rate"] or run.config["learning_rate"]
    return curves


def _rms(run: RunFolder, first: str, second: str | None, part: str) -> np.ndarray:
    """Root mean square difference of two kinds' outputs at each observed step; None: of one from its start."""
    fx = array(run, f"{first}_{part}").astype(float)
    return np.sqrt(((fx - (fx[0] if second is None else array(run, f"{second}_{part}"))) ** 2).mean(axis=(1, 2)))


def outputs(ax: Axes, run: RunFolder, part: str, *, one_point: bool = False) -> None:
    """Outputs at single images over training: solid the network, dashed its linearization.

    Shows the first images of the part: their only output, or that of their own class; with `one_point` all outputs of
    the first image.
    """
    y = array(run, f"y_{part}")

    def shown(kind: str) -> np.ndarray:
        fx = array(run, f"{kind}_{part}")
        if one_point:
            return fx[:, 0]
        own = np.argmax(y[:POINTS], axis=1)
        return fx[:, np.arange(len(own)), own]

    steps = array(run, "steps")
    for kind, look in MODELS.items():
        ax.plot(steps, shown(kind), **look)
    images = f"{PARTS[part]} image"
    own_class = ", own class" if y.shape[1] > 1 else ""
    ax.set_title(f"The outputs of a {images}" if one_point else f"Outputs of {images}s{own_class}")
    _steps_axis(ax, run)


def weights(ax: Axes, run: RunFolder) -> None:
    """Changes of single weights over training."""
    for kind, look in MODELS.items():
        ax.plot(array(run, "steps"), array(run, f"{kind}_weights"), **look)
    ax.set_title("Change of single weights")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # no common power of ten beside the title
    _steps_axis(ax, run)


def score(ax: Axes, run: RunFolder, quantity: str) -> None:
    """Loss or accuracy on training images (dark) and test images (light), of the network and of its linearization."""
    for part in PARTS:
        for kind, look in MODELS.items():
            shaded: dict[str, Any] = look | {"color": _shade(look["color"], part)}
            ax.plot(array(run, "steps"), array(run, f"{kind}_{part}_{quantity}"), **shaded)
    if quantity == "accuracy":
        ax.set_title(_SCORES["accuracy"])
        ax.set_ylim(top=1.01)
        percent_axis(ax)
    else:
        ax.set_title(_SCORES[run.config["loss"]])
        ax.set_yscale("log")
    _steps_axis(ax, run)


def _shade(color: str, part: str) -> str:
    return light(color, LIGHT) if part == "test" else color


def rmse(ax: Axes, run: RunFolder) -> None:
    """Root mean square difference to the network's test outputs: of the linearization and of each prediction."""
    for kind in kinds(run)[1:]:
        ax.plot(array(run, "steps"), array(run, f"{kind}_rmse"), label=TITLES[kind], **PREDICTORS[kind])
    ax.set_title("Test outputs: RMSE to the network")
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])  # room for the legend
    ax.legend(fontsize=7.5, loc="upper left")
    _steps_axis(ax, run)


def legend(picture: Picture, *, parts: bool = True) -> None:
    """A legend below the picture of both models, and of the shades of training and test images (`parts`)."""
    names = {"network": "Network", "linearized": "Linearization, trained identically"}
    handles = [Line2D([], [], label=names[kind], **look) for kind, look in MODELS.items()]
    if parts:
        shades = {part: _shade("#000000", part) for part in PARTS}
        handles += [Line2D([], [], color=shades[part], lw=2.2, label=f"{name} images") for part, name in PARTS.items()]
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _listed(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def _steps_axis(ax: Axes, run: RunFolder) -> None:
    ax.set_xlabel("Step")
    if run.config["spacing"] == "log":
        ax.set_xscale("symlog", linthresh=1, linscale=0.3)
        ax.set_xlim(0, run.config["steps"])
