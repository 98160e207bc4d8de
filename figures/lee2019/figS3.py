"""Figure S3: a network and its linearization, trained by SGD with momentum on cross-entropy.

`ntk-repro run lee2019/figS3` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS3.py RUN_FOLDER ...`
"""

from trajectory_panels import checked, kinds, six_panels

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """All outputs of one image, single weights, loss, accuracy and the deviation, of the first run."""
    # The ODE of the full batch differs from that of the minibatches, so it is shown too.
    also = [kind for kind in kinds(checked(runs)[0]) if kind == "empirical"]
    return six_panels(runs, preset, one_point=True, also=also)


if __name__ == "__main__":
    draw_command("lee2019/figS3", draw)
