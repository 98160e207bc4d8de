"""Figure 1: relative change of weights and kernels in training, against the width of the network."""

from drift import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("lee2019/fig1", draw)
