"""Pictures of kernels and trainings that look like those of the papers' figures: axes go in, the same axes come out.

Every figure of this package is drawn by these functions. They take NumPy arrays and load no JAX. `style` gives the
fonts and grids of the figures to pictures that are made inside it.
"""

from ntk_repro.plot.curves import (
    Spread,
    accuracy_by_index,
    band,
    by_epoch,
    curve,
    mark_partial,
    predictive_band,
    spectrum,
    spread_of,
)
from ntk_repro.plot.directions import directions
from ntk_repro.plot.look import COLORS, LABELS, MUTED, SERIES, STYLE, light, ordered_colors, style
from ntk_repro.plot.panels import (
    epoch_axis,
    integer_axis,
    legend_of,
    percent,
    percent_axis,
    table_of,
    titled,
    titles,
    width_axis,
)

__all__ = [
    "COLORS",
    "LABELS",
    "MUTED",
    "SERIES",
    "STYLE",
    "Spread",
    "accuracy_by_index",
    "band",
    "by_epoch",
    "curve",
    "directions",
    "epoch_axis",
    "integer_axis",
    "legend_of",
    "light",
    "mark_partial",
    "ordered_colors",
    "percent",
    "percent_axis",
    "predictive_band",
    "spectrum",
    "spread_of",
    "style",
    "table_of",
    "titled",
    "titles",
    "width_axis",
]
