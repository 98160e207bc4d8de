"""A row of three panels for each network: Figures 3, 6, 13 and 14."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from ntk_repro.papers.drawing import Drawing, by_net, header, settings_of_panels
from ntk_repro.record import RunFolder

Row = Callable[[Sequence[Axes], str, list[RunFolder], str], dict[str, Any]]
"""(axes, network, its runs, settings that only they have) -> the numbers drawn."""


def drawn_by_net(runs: list[RunFolder], preset: str, study: str, row: Row) -> Drawing:
    """The picture of all networks' rows, and the numbers of each."""
    groups = by_net(runs, study)
    size = (8.8, 2.6 * len(groups) + 0.3)
    picture, axes = plt.subplots(len(groups), 3, figsize=size, squeeze=False, layout="constrained")
    facts = settings_of_panels(groups.values())
    nets = {
        net: row(panels, net, group, own)
        for panels, (net, group), own in zip(axes, groups.items(), facts.own, strict=True)
    }
    return Drawing(picture, {**header(picture, runs, preset, settings=facts.shared), "nets": nets})
