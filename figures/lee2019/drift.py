"""How far weights and kernels move in training, against the width: Figures 1 and S6, one panel for each network."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import (
    by_settings,
    curve,
    display_activation,
    geometric_mean,
    guide,
    legend_below,
    logarithmic,
    seeds_of,
)

from ntk_repro.papers.drawing import Drawing, array, header, titled
from ntk_repro.papers.statistics import power_law_fit
from ntk_repro.record import RunFolder

# Okabe and Ito's palette, as in the other figures; with markers for grey print.
LOOKS = {
    "input": ("input weights", "#0072B2", "o"),
    "intermediate": ("intermediate weights", "#D55E00", "s"),
    "output": ("output weights", "#009E73", "^"),
    "ntk": (r"$\hat\Theta$ (NTK)", "#CC79A7", "D"),
    "nngp": (r"$\hat{\mathcal{K}}$ (NNGP)", "#404040", "v"),
}

WIDEST = 3  # widths


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Relative Frobenius change at the end of training against width, with power laws fitted to each curve."""
    apart = ("depth", "activation", "data", "classes", "steps", "n_train", "learning_rate", "widths", "kernel_outputs")
    groups = by_settings(runs, "wide_limit_drift", *apart)
    picture, axes = plt.subplots(1, len(groups), figsize=(4.9 * len(groups), 5.0), squeeze=False, layout="constrained")
    several_data = len({run.config["data"] for run in runs}) > 1
    panels = [_panel(ax, group, several_data) for ax, group in zip(axes[0], groups, strict=True)]
    axes[0, 0].set_ylabel("Relative change in training (Frobenius)")
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def _panel(ax: Axes, group: list[RunFolder], name_data: bool) -> dict:
    config, widths = group[0].config, array(group[0], "widths").astype(float)
    names = [name for name in LOOKS if name in group[0].result()]
    changes = {name: np.stack([array(run, name) for run in group]) for name in names}  # (seeds, widths, steps)
    curves = {}
    for name in names:
        label, color, marker = LOOKS[name]
        curves[name] = curve(ax, widths, changes[name][..., -1], label, color=color, marker=marker)
        # The limit of large width: narrow networks change so much that the curves flatten.
        curves[name]["widest"] = _fit(widths[-WIDEST:], changes[name][:, -WIDEST:, -1])
        # Whether the exponent depends on how long the networks were trained.
        by_step = [_fit(widths, changes[name][..., i]) for i in range(changes[name].shape[-1])]
        curves[name] |= {"mean_by_step": geometric_mean(changes[name]), "fit_by_step": by_step}
    first = {name: curves[name]["mean"][0] for name in names}
    guide(ax, widths, 0.6 * first["output"], -0.5, r"$n^{-1/2}$")
    guide(ax, widths, 0.6 * first.get("intermediate", first["input"]), -1.0, r"$n^{-1}$")
    logarithmic(ax, widths.astype(int), "Width n")
    legend_below(ax)
    ratio = max(float(array(run, "learning_rate_ratio").max()) for run in group)
    data = group[0].environment.get("provenance", {}).get("label") or config["data"]
    facts = f"|D| = {config['n_train']}, {config['steps']:,} steps, η = {config['learning_rate']:g}"
    facts = f"classes {' and '.join(map(str, config['classes']))}, {facts}" if config["classes"] else facts
    facts = f"{data}, {facts}" if name_data else facts
    facts += f" ({ratio:.2g} of critical)" + (f", {len(group)} seeds" if len(group) > 1 else "")
    titled(ax, _title(config), facts, fontsize=7)
    return {
        "title": _title(config),
        "widths": widths,
        "steps": array(group[0], "steps"),
        "seeds": seeds_of(group),
        "train_loss": np.stack([array(run, "train_loss")[:, -1] for run in group]),
        "learning_rate_ratio": ratio,
        **{name: config[name] for name in ("depth", "activation", "n_train", "learning_rate", "kernel_outputs")},
        "curves": curves,
    }


def _fit(widths: np.ndarray, changes: np.ndarray) -> dict[str, float]:
    return power_law_fit(widths, changes.tolist())._asdict()


def _title(config: dict) -> str:
    count = {1: "one", 2: "two", 3: "three"}.get(config["depth"], config["depth"])
    layers = "layers" if config["depth"] > 1 else "layer"
    return f"{str(count).capitalize()} hidden {display_activation(config['activation'])} {layers}"
