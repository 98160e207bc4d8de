"""Table A2: accuracies of LeNet and of its linearization at every width."""

from accuracy_table import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("samarin2022/tableA2", draw)
