"""Figure 4: a wide residual network and its linearization, trained by SGD with momentum on the squared loss.

`ntk-repro run lee2019/fig4` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/fig4.py RUN_FOLDER ...`
"""

import matplotlib.pyplot as plt
from trajectory_panels import checked, facts, legend, outputs, score

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Four panels of the first run: outputs on training and test images, losses and accuracies."""
    runs = checked(runs)
    picture, axes = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
    outputs(axes[0], runs[0], "train")
    outputs(axes[1], runs[0], "test")
    score(axes[2], runs[0], "loss")
    score(axes[3], runs[0], "accuracy")
    legend(picture)
    return Drawing(picture, facts(picture, runs, preset))


if __name__ == "__main__":
    draw_command("lee2019/fig4", draw)
