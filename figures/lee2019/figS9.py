"""Figure S9: error of Monte-Carlo kernels of finite networks against the width, for several numbers of samples."""

from functools import partial

from kernel_errors import draw

from ntk_repro.papers.drawing import draw_command

if __name__ == "__main__":
    draw_command("lee2019/figS9", partial(draw, against="width"))
