"""Theorem 1: the alignment of linear predictors by the mixed derivative against its Monte-Carlo estimate."""

import matplotlib.pyplot as plt
import numpy as np
from nads_runs import title_of

from ntk_repro.papers.drawing import Drawing, array, check_study, draw_command, header
from ntk_repro.plot import COLORS, SERIES, legend_of, titled
from ntk_repro.record import RunFolder

LABELS = {
    "monte_carlo": r"Monte Carlo $\Vert\mathbb{E}[u\cdot x\,\nabla_\theta f]\Vert^2$",
    "theorem": r"Theorem 1 $\Vert\mathbb{E}[\nabla^2_{x,\theta} f]\,u\Vert^2$",
}

_ON_INPUTS = ("norm_on_inputs", "norm_on_half", "alignment_on_inputs", "mean_square", "mean_square_error")


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A panel per run: both estimates of every direction with two standard errors, and the alignment at the origin."""
    check_study(runs, "nads_theorem1")
    size = (4.2 * len(runs) + 0.4, 3.6)
    picture, axes = plt.subplots(1, len(runs), figsize=size, squeeze=False, layout="constrained")
    panels = [_panel(ax, run) for ax, run in zip(axes[0], runs, strict=True)]
    axes[0, 0].set_ylabel(r"Alignment $\alpha(g_u)$")
    legend_of(axes[0], picture, 3)
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def _panel(ax, run: RunFolder) -> dict:
    config, index = run.config, array(run, "index")
    names = ("monte_carlo", "monte_carlo_error", "theorem", "theorem_error", "difference_error", "at_origin")
    values = {name: array(run, name) for name in names}
    at = np.arange(len(index))
    for name, shift, marker, color in (
        ("monte_carlo", -0.12, "s", SERIES[2]),
        ("theorem", 0.12, "o", SERIES[0]),
    ):
        bars = 2 * values[f"{name}_error"]
        ax.errorbar(at + shift, values[name], bars, fmt=marker, capsize=3, color=color, label=LABELS[name])
    ax.plot(at, values["at_origin"], "_", ms=14, color=COLORS["baseline"], label="derivative at x = 0")
    ax.set_xticks(at, [f"$v_{{{j}}}$" if j else "random" for j in index], rotation=45)
    ax.set_xlabel("Direction u")
    if min(values["monte_carlo"].min(), values["theorem"].min()) > 0:
        ax.set_yscale("log")
    count, size = config["groups"] * config["group_size"], config["size"]
    titled(ax, title_of(run), f"{count:,} inputs {size} × {size}, two standard errors")
    values |= {name: array(run, name) for name in _ON_INPUTS}
    facts = {name: config[name] for name in ("net", "activation", "seed")}
    return {"title": title_of(run), **facts, "index": index, **values, "inputs": int(array(run, "inputs"))}


if __name__ == "__main__":
    draw_command("ortiz2021/theorem1", draw)
