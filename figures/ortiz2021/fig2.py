"""Figure 2: test accuracy on binarized eigenfunctions of the NTK, networks and their linearizations.

`ntk-repro run ortiz2021/fig2` computes the runs and calls this; to restyle the picture:
`python figures/ortiz2021/fig2.py RUN_FOLDER ...`
"""

from accuracy_panels import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig2", draw)
