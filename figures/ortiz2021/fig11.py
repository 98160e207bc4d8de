"""Figure 11: Figure 2 with Adam in place of SGD."""

from accuracy_panels import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig11", draw)
