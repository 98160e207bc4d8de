"""Theorem 2.1: the suprema of Eq. 17 and the constants of the proof, against the width."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import curve, guide, legend_below, logarithmic

from ntk_repro.papers.drawing import Drawing, array, check_study, data_title, draw_command, entitle
from ntk_repro.papers.statistics import power_law_fit, student_interval
from ntk_repro.plot import COLORS, MUTED, SERIES
from ntk_repro.record import RunFolder

PARAMETERIZATIONS = {"standard": "standard", "ntk": "NTK"}
SUPREMA = {
    "test_difference": r"$\sup_t\,|f_t(x) - f^{lin}_t(x)|$, largest of the test inputs",
    "distance_per_root": r"$\sup_t\,\Vert\theta_t - \theta_0\Vert\ /\ (\sqrt{n}\,\Vert g_0\Vert)$",
    "kernel_change": r"$\sup_t\,\Vert\hat\Theta_t - \hat\Theta_0\Vert_F$",
}
LOOKS: dict[tuple[str, bool], dict[str, Any]] = {
    ("standard", False): {"color": SERIES[0], "marker": "o"},
    ("standard", True): {"color": SERIES[2], "marker": "s"},
    ("ntk", False): {"color": SERIES[1], "marker": "^"},
    ("ntk", True): {"color": SERIES[3], "marker": "D"},
}


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Above the suprema of Eq. 17, below the constants of Lemmas 1 and 2, the contraction, and the kernel's start."""
    check_study(runs, "wide_limit_theorems")
    entries = [numbers_of(run) for run in runs]
    for i, entry in enumerate(entries):
        # Runs of the same networks differ in their training alone: their start is judged once.
        entry["first"] = entry["start"] not in [earlier["start"] for earlier in entries[:i]]
    main = [(run, entry) for run, entry in zip(runs, entries, strict=True) if _main(entry)] or [(runs[0], entries[0])]
    picture, axes = plt.subplots(2, 3, figsize=(13, 9.4), layout="constrained")
    for ax, (name, title) in zip(axes[0], SUPREMA.items(), strict=True):
        _suprema(ax, main, name, title)
    _constants(axes[1][0], main)
    _contraction(axes[1][1], list(zip(runs, entries, strict=True)))
    _kernel_start(axes[1][2], list(zip(runs, entries, strict=True)))
    config = main[0][0].config
    label, how = data_title(main[0][0]), f"{config['activation']}, {config['networks']} networks of each width"
    entitle(picture, label, preset, how)
    return Drawing(picture, {"preset": preset, "data": "sphere", "data_label": f"{label}, {how}", "trainings": entries})


def _main(entry: dict) -> bool:
    return entry["num_inputs"] > 1 and entry["activation"] != "identity"


def title_of(config: dict) -> str:
    """A run in a few words."""
    training = "flow" if config["flow"] else f"descent at {config['fraction']:g} of critical"
    layers = f"{config['depth']} hidden layer{'s' if config['depth'] > 1 else ''}"
    single = ", one input" if config["num_inputs"] == 1 else ""
    other = "" if config["activation"] == "tanh" else f" {config['activation']}"
    return f"{PARAMETERIZATIONS[config['parameterization']]}, {layers}{single}{other}, {training}"


def numbers_of(run: RunFolder) -> dict:
    """What claims are judged by: exponents of the width, and how many networks of each width keep a bound."""
    config, widths = run.config, array(run, "widths")
    values = measured(run)
    fitted = slice(-max(3, (len(widths) + 1) // 2), None)  # the statements are asymptotic
    exponents = {}
    for name, rows in values["of the width"].items():
        fit = power_law_fit(widths[fitted], rows.T[:, fitted])
        every = power_law_fit(widths, rows.T).exponent
        exponents[name] = {"exponent": fit.exponent, "low": fit.low, "high": fit.high, "all_widths": every}
    shares = {name: np.sum(kept, axis=1) for name, kept in values["kept"].items()}
    levels = {name: [student_interval(row)._asdict() for row in rows] for name, rows in values["levels"].items()}
    names = ("parameterization", "flow", "fraction", "depth", "activation", "num_inputs", "networks", "steps")
    start = [config[name] for name in ("parameterization", "depth", "activation", "num_inputs", "seed")]
    return {
        "title": title_of(config),
        **{name: config[name] for name in names},
        "start": start,
        "widths": widths,
        **values["constants"],
        "exponents": exponents,
        "shares": shares,
        "levels": levels,
    }


def measured(run: RunFolder) -> dict[str, dict]:
    """The run's arrays (widths, networks) in the form of the paper's statements.

    Returns:
        "of the width": what has an exponent; "kept": whether a network keeps a bound; "levels": shares of a scale;
        "constants": lambda_min, eta_0; K, the largest constant of the lemma at the smallest width, at least 1; R_0, the
        largest initial residual; the width of Eq. S67.
    """
    result, config = run.result(), run.config
    widths = result["widths"][:, None]
    root = np.sqrt(widths)
    third = float(result["eta_0"] * result["lambda_min"] / 3)
    layers = {
        "activations": result["activations"] / root,
        "deltas": result["deltas"],
        "activations_lipschitz": result["activations_lipschitz"] / root,
        "deltas_lipschitz": result["deltas_lipschitz"],
    }
    k = max(1.0, float(result["lemma_constant"][0].max()))
    r_0, smallest = float(result["residual_start"].max()), float(result["lambda_min"])
    same = ("test_difference", "train_difference", "kernel_change", "test_kernel_change", "kernel_start")
    same += ("jacobian", "lipschitz", "eta_critical", "residual_start", "weights_apart")
    of_width = {name: result[name] for name in same} | layers
    of_width["distance_per_root"] = result["distance"] / result["residual_start"] / root
    of_width["steps_sum"] = result["steps_sum"] / result["residual_start"]
    of_width["distance_relative"] = result["distance"] / result["theta_norm"]
    spread = np.sqrt(np.var(result["fx_test"], axis=1, ddof=1).mean(axis=1))[:, None]
    of_width["end_difference"] = result["end_difference"] / spread
    # The runs hold what the bounds with R_0 say of a network's own initial residual.
    slack = r_0 / result["residual_start"]
    kept = {
        "contraction": result["contraction_excess"] <= np.log(slack),
        "operator": result["contraction_operator"] <= 1 - third,
        **{name: result[f"{name}_constant"] <= k * slack for name in ("step", "sum", "distance")},
        "kernel": result["kernel_constant"] <= k,
        "floor": result["lambda_floor"] >= smallest / 3,
        "start": result["lambda_start"] > smallest / 3,
        "kernel_start": result["kernel_start"] <= smallest / 3,
        "weights": result["weights_ratio"] <= 1,
    }
    levels = {"rest": result["test_difference"] / result["test_change"], "bend": result["input_bend"]}
    if config["flow"]:
        of_width["growth"] = result["growth"]
        kept |= {"gap": result["gap"] > 0, "growth_ratio": result["growth_ratio"] <= 1}
        levels |= {name: result[name] for name in ("identity_residual", "identity_error")}
    constants = {"lambda_min": smallest, "eta_0": float(result["eta_0"]), "K": k, "R_0": r_0}
    constants["sufficient_width"] = (18 * k**3 * r_0 / smallest**2) ** 2
    return {"of the width": of_width, "kept": kept, "levels": levels, "constants": constants}


def _suprema(ax: Axes, main: list[tuple[RunFolder, dict]], name: str, title: str) -> None:
    widths, drawn = array(main[0][0], "widths"), {}
    for run, entry in main:
        if entry["depth"] != main[0][1]["depth"]:
            continue
        widths, rows = array(run, "widths"), measured(run)["of the width"][name]
        look = LOOKS[entry["parameterization"], entry["flow"]]
        label = f"{PARAMETERIZATIONS[entry['parameterization']]}, {'flow' if entry['flow'] else 'descent'}"
        fitted = np.arange(len(widths)) >= len(widths) - max(3, (len(widths) + 1) // 2)
        drawn = curve(ax, widths.astype(float), rows.T, label, fitted=fitted, **look)
    guide(ax, widths, 1.6 * drawn["mean"][0], -0.5, r"$n^{-1/2}$")
    logarithmic(ax, widths, "Width n")
    ax.set_title(title)
    legend_below(ax)


def _constants(ax: Axes, main: list[tuple[RunFolder, dict]]) -> None:
    widths = array(main[0][0], "widths")
    for run, entry in main:
        if entry["flow"] or entry["depth"] != main[0][1]["depth"]:
            continue
        widths, kind = array(run, "widths"), PARAMETERIZATIONS[entry["parameterization"]]
        look = LOOKS[entry["parameterization"], False]
        for name, style, words in (("jacobian", "-", "norm of J"), ("lipschitz", ":", "Lipschitz constant of J")):
            rows = measured(run)["of the width"][name]
            ax.plot(widths, rows.max(axis=1), style, label=f"{kind}, {words}", **look)
    logarithmic(ax, widths, "Width n")
    ax.set_title("Lemmas 1 and 2: largest constant of all networks")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8)


def _contraction(ax: Axes, pairs: list[tuple[RunFolder, dict]]) -> None:
    ax.set_title("Theorems G.1, G.2, G.4: the residual contracts")
    shown = [(run, entry) for run, entry in pairs if _main(entry)]
    if not shown:
        return
    for run, entry in shown:
        look = LOOKS[entry["parameterization"], entry["flow"]]
        dash = "-" if entry["depth"] == shown[0][1]["depth"] else "--"
        share = np.asarray(entry["shares"]["contraction"]) / entry["networks"]
        ax.plot(array(run, "widths"), share, dash, label=entry["title"], **look)
        if entry["flow"]:
            finite = np.asarray(entry["shares"]["gap"]) / entry["networks"]
            ax.plot(array(run, "widths"), finite, ":", label="its growth bound S120 is finite", **look)
    ax.axhline(0.9, color=MUTED, lw=0.8, ls="--")
    ax.set_xscale("log", base=2)
    widths = array(shown[0][0], "widths")
    ax.set_xticks(list(widths), [f"{width:,}" for width in widths])
    ax.set(ylim=(-0.03, 1.03), xlabel="Width n", ylabel="Share of networks")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1, fontsize=8)


def _kernel_start(ax: Axes, pairs: list[tuple[RunFolder, dict]]) -> None:
    """How far the kernel of a network with a single input is from that of infinite width."""
    ax.set_title(r"S61: $\Vert\hat\Theta_0 - \Theta\Vert_F$ with a single input")
    for run, entry in pairs:
        if entry["num_inputs"] > 1:
            continue
        widths = array(run, "widths")
        curve(ax, widths.astype(float), array(run, "kernel_start").T, "networks", color=COLORS["network"])
        limit, sufficient = entry["lambda_min"] / 3, entry["sufficient_width"]
        ax.axhline(limit, color=COLORS["baseline"], ls="--", label=r"$\lambda_{min}$ / 3")
        if widths[0] <= sufficient <= widths[-1]:
            ax.axvline(sufficient, color=MUTED, ls=":", label=f"width of S67, {sufficient:,.0f}")
        logarithmic(ax, widths, "Width n")
        legend_below(ax)


if __name__ == "__main__":
    draw_command("lee2019/theorem2_1", draw)
