"""Lemma 1: kernel norms against their lower bound by the alignment; eigenfunctions against their signs."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from nads_runs import first_of_seeds, title_of

from ntk_repro.papers.drawing import Drawing, array, check_study, draw_command, header
from ntk_repro.papers.resources import printed_numbers
from ntk_repro.plot import COLORS, SERIES, legend_of, titles
from ntk_repro.record import RunFolder

LOOKS = {
    "eigen": ("eigenfunctions", SERIES[0], "o"),
    "sign": ("their signs", SERIES[2], "s"),
    "class": ("one class against the others", SERIES[1], "^"),
    "random": ("random labels", SERIES[3], "D"),
}

_COMPARED = (
    "alignment_by_gram", "alignment_by_gradients", "alignment_by_spectrum", "compared_norm", "compared_norm_by_sum",
    "norm_beyond_half", "trained_distance", "trained_norm",
)  # fmt: skip


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Two panels for each run: norm against bound, and the inner product of phi_j and sign(phi_j) against j.

    Of runs that differ in their seed the first is drawn.
    """
    check_study(runs, "nads_lemma1")
    drawn = first_of_seeds(runs)
    size = (8.6, 3.5 * len(drawn) + 0.2)
    picture, axes = plt.subplots(len(drawn), 2, figsize=size, squeeze=False, layout="constrained")
    for row, run in zip(axes, drawn, strict=True):
        _row(row, run)
    panels = [_numbers(run) for run in runs]
    legend_of(axes[0], picture, 3, fontsize=8)
    return Drawing(picture, {**header(picture, runs, preset), "panels": panels})


def _row(row: np.ndarray, run: RunFolder) -> None:
    _norms(row[0], run)
    ax: Axes = row[1]
    overlap = array(run, "sign_overlap")
    j = np.arange(1, len(overlap) + 1)
    ax.plot(j[1:], overlap[1:], ".", ms=3, mew=0, color=SERIES[0])
    printed = printed_numbers("ortiz2021")["appendixB"]["sign_overlap"]
    ax.axhline(printed, ls="--", lw=1.2, color=COLORS["baseline"], label=f"right: {printed} (paper, 60,000 images)")
    gaussian = r"right: $\sqrt{2/\pi}$, Gaussian entries"
    ax.axhline(np.sqrt(2 / np.pi), ls=":", lw=1.4, color=COLORS["chance"], label=gaussian)
    ax.set_xlabel("Eigenfunction index j")
    facts = f"n = {int(array(run, 'n')):,}; the line is equality"
    titles(row, [(title_of(run), facts), (r"$\langle\phi_j, \mathrm{sign}\,\phi_j\rangle$", "")])


def _norms(ax: Axes, run: RunFolder) -> None:
    ends = []
    for name, (label, color, marker) in LOOKS.items():
        norm, bound = array(run, f"{name}_norm"), array(run, f"{name}_bound")
        ax.loglog(bound, norm, marker, ms=4, mew=0, alpha=0.7, color=color, label=f"left: {label}")
        ends += [bound.min(), bound.max()]
    ax.plot([min(ends), max(ends)], [min(ends), max(ends)], "-", lw=0.8, color=COLORS["chance"])
    ax.set_xlabel(r"Bound $\Vert f\Vert^4 / \alpha(f)$")
    ax.set_ylabel(r"$\Vert f\Vert_\Theta^2$")


def _numbers(run: RunFolder) -> dict:
    n, overlap = int(array(run, "n")), array(run, "sign_overlap")
    settings = {name: run.config[name] for name in ("net", "width", "residual_scale_init", "activation", "seed")}
    numbers = {"title": title_of(run), **settings, "n": n, "ratio": {}}
    numbers |= {"sign_overlap": overlap, "mean_sign_overlap": overlap[1:].mean()}
    for kind in LOOKS:
        norm, bound = array(run, f"{kind}_norm"), array(run, f"{kind}_bound")
        # Targets of -1 and +1, and eigenfunctions of norm 1, have an alignment of one over the bound.
        numbers |= {f"{kind}_norm": norm, f"{kind}_alignment": 1 / bound}
        numbers["ratio"][kind] = norm / bound
    values, by_gradients = array(run, "eigenvalues"), array(run, "alignment_by_gradients")
    few = len(by_gradients) // len(LOOKS)
    numbers |= {"condition": values[0] / values[-1], "first_alignments": by_gradients[:few]}
    return numbers | {"first_eigenvalues": values[:few] / n} | {name: array(run, name) for name in _COMPARED}


if __name__ == "__main__":
    draw_command("ortiz2021/lemma1", draw)
