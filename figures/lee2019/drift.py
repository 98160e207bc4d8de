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

from ntk_repro.papers.drawing import Drawing, array, data_title, header
from ntk_repro.papers.statistics import power_law_fit
from ntk_repro.plot import COLORS, SERIES, titles
from ntk_repro.record import RunFolder

# Markers distinguish the curves in grey print.
LOOKS = {
    "input": ("input weights", SERIES[0], "o"),
    "intermediate": ("intermediate weights", SERIES[1], "s"),
    "output": ("output weights", SERIES[2], "^"),
    "ntk": (r"$\hat\Theta$ (NTK)", COLORS["ntk_gp"], "D"),
    "nngp": (r"$\hat{\mathcal{K}}$ (NNGP)", COLORS["nngp"], "v"),
    "ntk_from_analytic": (r"$\hat\Theta$ at the start, from $\Theta$", SERIES[3], "P"),
}
READ_OUT = {"input": "non-read-out weights", "output": "read-out weights"}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Relative Frobenius change at the end of training against width, with power laws fitted to each curve."""
    apart = ("depth", "activation", "data", "classes", "steps", "n_train", "learning_rate", "widths", "kernel_outputs")
    groups = by_settings(runs, "wide_limit_drift", *apart)
    picture, axes = plt.subplots(1, len(groups), figsize=(4.9 * len(groups), 5.0), squeeze=False, layout="constrained")
    several_data = len({run.config["data"] for run in runs}) > 1
    panels = [_panel(ax, group) for ax, group in zip(axes[0], groups, strict=True)]
    titles(axes[0], [(_title(group[0].config), _facts(group, several_data)) for group in groups], fontsize=7)
    axes[0, 0].set_ylabel("Relative change in training (Frobenius)")
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def _facts(group: list[RunFolder], name_data: bool) -> str:
    config, ratio = group[0].config, _ratio(group)
    facts = f"|D| = {config['n_train']}, {config['steps']:,} steps, η = {config['learning_rate']:g}"
    facts = f"classes {' and '.join(map(str, config['classes']))}, {facts}" if config["classes"] else facts
    facts = f"{data_title(group[0])}, {facts}" if name_data else facts
    facts += f" ({ratio:.2g} of critical)" + (f", {len(group)} seeds" if len(group) > 1 else "")
    return facts + ("" if _fitted(group).all() else "; hollow: not fitted")


def _ratio(group: list[RunFolder]) -> float:
    return max(float(array(run, "learning_rate_ratio").max()) for run in group)


def _fitted(group: list[RunFolder]) -> np.ndarray:
    """The limit of large width: narrow networks change so much that the curves flatten."""
    count = len(array(group[0], "widths"))
    return np.arange(count) >= count - max(3, (count + 1) // 2)


def _panel(ax: Axes, group: list[RunFolder]) -> dict:
    config, widths = group[0].config, array(group[0], "widths").astype(float)
    changes, wide = _changes(group), _fitted(group)
    curves, undrawn = {}, {}
    for name, values in changes.items():
        if name not in LOOKS:
            undrawn[name] = {"values": values[..., -1], **_fit(widths[wide], values[:, wide, -1])}
            undrawn[name]["fitted"] = widths[wide]
        else:
            label, color, marker = LOOKS[name]
            label = READ_OUT.get(name, label) if config["depth"] == 1 else label
            curves[name] = curve(ax, widths, values[..., -1], label, color=color, marker=marker, fitted=wide)
            curves[name]["mean_by_step"] = geometric_mean(values)
        of = curves.get(name) or undrawn[name]
        of["all_widths"] = _fit(widths, values[..., -1])
        # Whether the exponent depends on how long the networks were trained.
        of["fit_by_step"] = [_fit(widths[wide], values[:, wide, i]) for i in range(values.shape[-1])]
    losses = np.stack([array(run, "train_loss") for run in group])  # (seeds, widths, steps)
    first = {name: found["mean"][0] for name, found in curves.items()}
    guide(ax, widths, 0.6 * first["output"], -0.5, r"$n^{-1/2}$")
    guide(ax, widths, 0.6 * first.get("intermediate", first["input"]), -1.0, r"$n^{-1}$")
    logarithmic(ax, widths.astype(int), "Width n")
    legend_below(ax)
    return {
        "title": _title(config),
        "widths": widths,
        "steps": array(group[0], "steps"),
        "seeds": seeds_of(group),
        "train_loss": losses[..., -1],
        "loss_left": (losses[..., -1] / losses[..., 0]).max(),
        "learning_rate_ratio": _ratio(group),
        **{
            name: config[name] for name in ("data", "depth", "activation", "n_train", "learning_rate", "kernel_outputs")
        },
        "curves": curves,
        "undrawn": undrawn,
    }


def _changes(group: list[RunFolder]) -> dict[str, np.ndarray]:
    """Everything whose power of the width counts, (seeds, widths, steps)."""

    def stacked(name: str) -> np.ndarray:
        return np.stack([array(run, name) for run in group])

    kinds = [kind for kind in ("input", "intermediate", "output") if kind in group[0].result()]
    names = [*kinds, "ntk", "nngp", *(f"{kind}_largest" for kind in kinds), "activations", "outputs"]
    changes = {name: stacked(name) for name in names}
    # It has no steps: the same at all of them.
    changes["ntk_from_analytic"] = stacked("ntk_from_analytic")[..., None] * np.ones(changes["ntk"].shape[-1])
    changes["ntk_over_distance"] = changes["ntk"] / changes["ntk_from_analytic"]
    absolute = {kind: changes[kind] * stacked(f"{kind}_size")[..., None] for kind in kinds}
    if "intermediate" in kinds:
        for other in ("input", "output"):
            changes[f"intermediate_over_{other}"] = absolute["intermediate"] / absolute[other]
    return changes


def _fit(widths: np.ndarray, changes: np.ndarray) -> dict[str, float]:
    return power_law_fit(widths, changes.tolist())._asdict()


def _title(config: dict) -> str:
    count = {1: "one", 2: "two", 3: "three"}.get(config["depth"], config["depth"])
    layers = "layers" if config["depth"] > 1 else "layer"
    return f"{str(count).capitalize()} hidden {display_activation(config['activation'])} {layers}"
