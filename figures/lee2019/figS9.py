"""Figure S9: error of Monte-Carlo kernels of finite networks against the width, for several numbers of samples."""

from functools import partial

import kernel_errors

from ntk_repro.papers.drawing import draw_command

draw = partial(kernel_errors.draw, against="width")

if __name__ == "__main__":
    draw_command("lee2019/figS9", draw)
