"""Figure S8: the trajectories of Figure 3 in standard parameterization.

`ntk-repro run lee2019/figS8` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS8.py RUN_FOLDER ...`
"""

from trajectory_panels import six_panels

from ntk_repro.papers.drawing import Drawing, draw_command
from ntk_repro.record import RunFolder


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """Outputs, single weights, loss, accuracy and the predictions' errors of the first run."""
    return six_panels(runs, preset)


if __name__ == "__main__":
    draw_command("lee2019/figS8", draw)
