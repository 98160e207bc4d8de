"""Figure S4: how far the logits leave those of the linearization under cross-entropy, narrow to wide.

`ntk-repro run lee2019/figS4` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS4.py RUN_FOLDER ...`
"""

import matplotlib.pyplot as plt
from trajectory_panels import PARTS, checked, facts, legend, outputs, rmse, width

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each width: the logits of a training and of a test image; next to them the deviation."""
    runs = checked(runs)
    rows = list({width(run): run for run in reversed(runs)}.values())[::-1]
    picture, axes = plt.subplots(
        len(rows), 3, figsize=(10.5, 2.6 * len(rows) + 0.8), squeeze=False, layout="constrained"
    )
    for row, run in zip(axes, rows, strict=True):
        for ax, part in zip(row, PARTS, strict=False):
            outputs(ax, run, part, one_point=True)
        rmse(row[2], run)
        row[0].set_ylabel(f"{width(run):,} units per layer")
        row[0].sharey(row[1])
        if run is not rows[0]:
            row[2].get_legend().remove()
            for ax in row:
                ax.set_title("")
        if run is not rows[-1]:
            for ax in row:
                ax.set_xlabel("")
    top = max(row[2].get_ylim()[1] for row in axes)
    for row in axes:
        row[2].set_ylim(0, top)
    legend(picture, parts=False)
    return Drawing(picture, facts(picture, runs, preset, rows))


if __name__ == "__main__":
    draw_command("lee2019/figS4", draw)
