"""Figure S2: a convolutional network and its linearization, full-batch gradient descent with momentum.

`ntk-repro run lee2019/figS2` computes the runs and calls this; to restyle the picture:
`python figures/lee2019/figS2.py RUN_FOLDER ...`
"""

from trajectory_panels import six_panels as draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("lee2019/figS2", draw)
