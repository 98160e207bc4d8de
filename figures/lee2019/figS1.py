"""Figure S1: the single functions behind Figure 2, each from a different initialization.

`ntk-repro run lee2019/figS1` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS1.py RUN_FOLDER ...`
"""

import matplotlib.pyplot as plt
import numpy as np
from predictive_panels import axes_of, checked, facts, row_label

from ntk_repro.papers.drawing import Drawing, array, draw_command
from ntk_repro.plot import COLORS
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each run, a panel for each step: the output of every network along the line."""
    runs = checked(runs)
    columns = max(len(array(run, "steps")) for run in runs)
    picture, axes = plt.subplots(
        len(runs), columns, figsize=(3 * columns + 0.4, 2.9 * len(runs) + 0.7), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    plotted = []
    for row, run in zip(axes, runs, strict=True):
        alpha, steps, fx = (array(run, name) for name in ("alpha", "steps", "fx_ensemble"))
        for s, ax in enumerate(row):
            if s >= len(steps):
                ax.set_visible(False)
                continue
            ax.plot(alpha, fx[:, s].T, lw=0.6, alpha=0.5, color=COLORS["network"])
            axes_of(ax, run, s)
            ax.set_xlim(np.min(alpha), np.max(alpha))
        row[0].set_ylabel(row_label(run))
        curves = {key: run.config[key] for key in ("hidden", "parameterization", "seed")}
        plotted.append({**curves, "alpha": alpha, "steps": steps, "targets": array(run, "targets"), "functions": fx})
    return Drawing(picture, {**facts(picture, runs, preset), "ensembles": plotted})


if __name__ == "__main__":
    draw_command("lee2019/figS1", draw)
