"""Table S1: the groups of the wide residual network, as the network itself has them."""

import matplotlib.pyplot as plt

from ntk_repro.errors import UserError
from ntk_repro.papers.drawing import Drawing, array, check_study, draw_command, entitle
from ntk_repro.plot import table_of
from ntk_repro.record import RunFolder

GROUPS = ("conv1", "conv2", "conv3", "conv4", "avg-pool")


def draw(runs: list[RunFolder], preset: str) -> Drawing:
    """A row for each group: output size, and what it consists of."""
    check_study(runs, "wide_limit_architecture")
    if len(runs) > 1:
        raise UserError("this table shows one network: name one run")
    (run,) = runs
    names = ("output_size", "blocks", "convolutions", "pooled", "averages", "channels", "order")
    numbers = {name: array(run, name).tolist() for name in names}
    channels = run.config["channels"]
    sizes = [*numbers["output_size"], 1]
    kinds = [f"{count} × [3 × 3, {channels:,}]" for count in numbers["convolutions"]]
    kinds = [
        kinds[0],
        *(f"{kind} in {n} block" + "s" * (n > 1) for kind, n in zip(kinds[1:], numbers["blocks"][1:], strict=True)),
    ]
    cells = [
        [f"{size} × {size}", kind]
        for size, kind in zip(sizes, [*kinds, f"[{numbers['pooled']} × {numbers['pooled']}]"], strict=True)
    ]
    picture, ax = plt.subplots(figsize=(5.6, 2.2), layout="constrained")
    table_of(ax, cells, GROUPS, ["output size", "layers"])
    entitle(picture, f"Wide ResNet, N = {run.config['blocks']}", preset)
    size = run.config["image_size"]
    facts = {"preset": preset, "data": "none", "data_label": f"images of {size} × {size} × 3", "image_size": size}
    return Drawing(picture, facts | {"N": run.config["blocks"], "width": channels} | numbers)


if __name__ == "__main__":
    draw_command("lee2019/tableS1", draw)
