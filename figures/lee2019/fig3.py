"""Figure 3: full-batch gradient descent against its prediction from the kernel, fully connected network.

`ntk-repro run lee2019/fig3` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/fig3.py RUN_FOLDER ...`
"""

import matplotlib.pyplot as plt
from trajectory_panels import checked, facts, legend, outputs, rmse, score, weights, widest

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Four panels of the widest run: outputs, single weights, losses, and how far the predictions are off."""
    runs = checked(runs)
    run = widest(runs)
    picture, axes = plt.subplots(1, 4, figsize=(13, 3.7), layout="constrained")
    outputs(axes[0], run, "train")
    weights(axes[1], run)
    score(axes[2], run, "loss")
    rmse(axes[3], run)
    legend(picture)
    return Drawing(picture, facts(picture, runs, preset))


if __name__ == "__main__":
    draw_command("lee2019/fig3", draw)
