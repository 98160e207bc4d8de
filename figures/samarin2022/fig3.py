"""Figure 3: accuracy of LeNet and of its linearization against width, on shifted MNIST."""

from accuracy_by_width import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("samarin2022/fig3", draw)
