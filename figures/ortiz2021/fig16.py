"""Figure 16: alignments of eigenfunctions before and after training on one of them, LeNet."""

from alignment_panels import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig16", draw)
