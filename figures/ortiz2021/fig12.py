"""Figure 12: Figure 2 on MNIST."""

from accuracy_panels import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig12", draw)
