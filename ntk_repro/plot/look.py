"""The colours, each with one meaning in all pictures, and the style of text, lines and grids."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ntk_repro.errors import check_name
from ntk_repro.ranges import check_counts

# Okabe and Ito's palette: colour-blind readers distinguish them, and in grey print their lightness does.
COLORS = {
    "network": "#0072B2",
    "linearized": "#D55E00",
    "other_linearized": "#E69F00",  # taken after training, without f(theta_0), or trained with other settings
    "ntk_gp": "#009E73",
    "nngp": "#CC79A7",
    "baseline": "#404040",
    "chance": "#A0A0A0",
}
LABELS = {
    "network": "Neural network",
    "linearized": "Linearized network",
    "other_linearized": "Other linearization",
    "ntk_gp": "NTK-GP",
    "nngp": "NNGP",
    "baseline": "Baseline",
    "chance": "Majority class",
}
# Of what is no model: data sets, kinds of weights, activations. Not the colours of a model, and apart in grey.
SERIES = ("#332288", "#999933", "#56B4E9", "#882255", "#8C6D31", "#DDCC77")
MUTED = "#505050"  # secondary text
LINES = {"network": "-", "linearized": "--", "other_linearized": "-.", "ntk_gp": "-", "nngp": "--"}
MARKERS = {"network": "o", "linearized": "s", "other_linearized": "^", "ntk_gp": "D", "nngp": "v"}

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """The style of the figures, `STYLE`, for pictures that are made inside `with style():`."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)  # which Jupyter sets as the first picture is made, and shows no other without


def model_color(model: str) -> str:
    """The colour of a model in all pictures.

    Raises:
        UserError: a name that is not in `COLORS`.
    """
    check_name("model", model, COLORS)
    return COLORS[model]


def light(color: str, share: float = 0.55) -> str:
    """A lighter shade, with this share of white, for a second part of the same model.

    >>> light("#0072B2", 0.5)
    '#80b8d8'
    """
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = ((1 - share) * part + share for part in to_rgb(color))
    return to_hex((red, green, blue))


def ordered_colors(count: int) -> np.ndarray:
    """Colours (count, 4) from dark to light of curves that have an order, such as widths.

    Raises:
        UserError: a count below 1.
    """
    import matplotlib as mpl

    check_counts(count=count)
    return mpl.colormaps["viridis"](np.linspace(0, 0.85, count))
