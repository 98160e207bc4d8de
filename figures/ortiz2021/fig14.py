"""Figure 14: training metrics against the eigenfunction's index, for LeNet."""

from training_metrics import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig14", draw)
