"""Figure S10: error of Monte-Carlo kernels of one hidden layer against the number of samples, for several widths."""

from functools import partial

import kernel_errors

from ntk_repro.papers.drawing import draw_command

draw = partial(kernel_errors.draw, against="samples", depths=(1,))

if __name__ == "__main__":
    draw_command("lee2019/figS10", draw)
