"""Figure 3: training metrics against the eigenfunction's index, for ResNet18."""

from training_metrics import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("ortiz2021/fig3", draw)
