"""The equations: how far printed formulas are from independent computations, and kernels' parts against the width."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from power_laws import curve, geometric_mean, logarithmic

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import Drawing, check_study, draw_command, entitle
from ntk_repro.plot import COLORS, MUTED, SERIES
from ntk_repro.record import RunFolder

_ROUNDING = 1e-17  # where a difference of exactly 0 is drawn
_STYLES = tuple(zip(SERIES, "os^D", strict=False))


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Left a row for each formula that is an identity, right the parts of the kernel against the width."""
    check_study(runs, "wide_limit_equations")
    if len(runs) > 1:
        raise UserError("this figure draws one run: name one")
    (run,) = runs
    result = run.result()
    widths = result.pop("widths")
    blocks = {name: values for name, values in result.items() if values.ndim == 2}
    rows = {name: values.tolist() for name, values in result.items() if values.ndim == 1}
    picture, (left, right) = plt.subplots(1, 2, figsize=(9.2, 7.0), layout="constrained")
    _identities(left, rows)
    for (name, values), (color, marker) in zip(blocks.items(), _STYLES, strict=True):
        fit = curve(right, widths, values, name, color=color, marker=marker)
        rows[name] = [float(fit[end]) for end in ("exponent", "low", "high")]
    logarithmic(right, widths, "Width n")
    right.set_ylabel("Relative error of a part of the kernel")
    right.legend(loc="lower left", fontsize=8, title="exponent, 95% interval", title_fontsize=8)
    networks = run.config["num_networks"]
    entitle(picture, "Random networks, kernels and inputs", preset, f"{networks} networks of each width")
    numbers = {"preset": preset, "data": "normal", "data_label": "random inputs", "rows": rows}
    means = {name: geometric_mean(values) for name, values in blocks.items()}
    return Drawing(picture, numbers | {"widths": widths, "blocks": means})


def _identities(ax: Axes, rows: dict[str, list[float]]) -> None:
    exact = {name: abs(value) for name, (value, low, high) in rows.items() if low == high}
    # Those of "positive" are shares of an eigenvalue.
    shown = {name: value for name, value in exact.items() if value < 1e-6 and not name.startswith("positive")}
    place = np.arange(len(shown))[::-1]
    ax.plot([max(value, _ROUNDING) for value in shown.values()], place, "o", color=SERIES[0])
    ax.axvline(1e-8, ls="--", lw=1.0, color=COLORS["baseline"])
    ax.annotate("identical", (1e-8, len(shown) - 0.4), (3, 0), textcoords="offset points", fontsize=8, color=MUTED)
    ax.set_xscale("log")
    ax.set_yticks(place, list(shown), fontsize=7)
    ax.set(
        ylabel="Equation or section of the paper",
        xlabel="Largest relative difference from another computation",
        ylim=(-1, len(shown)),
    )


if __name__ == "__main__":
    draw_command("lee2019/equations", draw)
