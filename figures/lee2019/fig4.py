"""Figure 4: a wide residual network and its linearization, trained by SGD with momentum on the squared loss.

`ntk-repro run lee2019/fig4` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/fig4.py RUN_FOLDER ...`
"""

import matplotlib.pyplot as plt
from trajectory_panels import checked, facts, legend, outputs, score, widest

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Four panels of the widest run: outputs on training and test images, losses and accuracies."""
    runs = checked(runs)
    run = widest(runs)
    picture, axes = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
    outputs(axes[0], run, "train")
    outputs(axes[1], run, "test")
    score(axes[2], run, "loss")
    score(axes[3], run, "accuracy")
    legend(picture)
    return Drawing(picture, facts(picture, runs, preset))


if __name__ == "__main__":
    draw_command("lee2019/fig4", draw)
