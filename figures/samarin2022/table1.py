"""Table 1: 0 against the other digits of MNIST: solver, linearization by SGD, network."""

import functools

import solver_table

from ntk_repro.papers.drawing import draw_command

draw = functools.partial(solver_table.draw, table="table1")

if __name__ == "__main__":
    draw_command("samarin2022/table1", draw)
