"""Table A1: accuracies of AlexNet and of its linearizations at every width."""

from accuracy_table import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("samarin2022/tableA1", draw)
