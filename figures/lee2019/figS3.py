"""Figure S3: a network and its linearization, trained by SGD with momentum on cross-entropy.

`ntk-repro run lee2019/figS3` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS3.py RUN_FOLDER ...`
"""

from trajectory_panels import six_panels

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.plot import COLORS
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """All outputs of one image, single weights, loss, accuracy and the deviation, of the run on minibatches.

    Next to the deviation that of the ODE (S10, S11) from a linearization trained on the full batch, where it is solved.
    """
    drawing = six_panels(runs, preset, one_point=True)
    solved = [run for run in drawing.numbers["trajectories"] if "empirical" in run["kinds"]]
    if solved:
        ax, run = drawing.picture.axes[-1], solved[0]
        label = "full batch: ODE to the trained linearization"
        ax.plot(run["steps"], run["empirical_test_apart"], ":", color=COLORS["baseline"], label=label)
        ax.legend(fontsize=7.5, loc="upper left")
    return drawing


if __name__ == "__main__":
    draw_command("lee2019/figS3", draw)
