"""Figure 5: accuracy of AlexNet and of its linearizations against width, on ten classes of snakes."""

from accuracy_by_width import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("samarin2022/fig5", draw)
