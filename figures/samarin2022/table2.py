"""Table 2: 0 against the other digits of shifted MNIST: solver, linearization by SGD, network."""

import functools

import solver_table

from ntk_repro.papers.drawing import draw_command

draw = functools.partial(solver_table.draw, table="table2")

if __name__ == "__main__":
    draw_command("samarin2022/table2", draw)
