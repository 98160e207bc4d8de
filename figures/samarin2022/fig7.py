"""Figure 7: singular values of the Jacobian at several widths, LeNet."""

from singular_values import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("samarin2022/fig7", draw)
