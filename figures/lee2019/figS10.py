"""Figure S10: error of Monte-Carlo kernels of one hidden layer against the number of samples, for several widths."""

from functools import partial

from kernel_errors import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("lee2019/figS10", partial(draw, against="samples", depths=(1,)))
