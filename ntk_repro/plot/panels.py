"""Axes, titles, legends and tables of a picture's panels."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ntk_repro.gram.checks import checked_array
from ntk_repro.network_names import width_text
from ntk_repro.plot.look import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.table import Table

_MOST_EPOCHS = 10  # that have a tick each


def percent(share: float, digits: int | None = None) -> str:
    """A share as text, with so many digits after the point, or none that are not needed.

    >>> percent(0.625), percent(0.625, 0), percent(1, 2)
    ('62.5%', '62%', '100.00%')
    """
    return f"{100 * share:g}%" if digits is None else f"{100 * share:.{digits}f}%"


def percent_axis(ax: "Axes") -> "Axes":
    """Labels the shares on the vertical axis as per cent, "62.5%", and none above 100%."""
    ax.yaxis.set_major_formatter(lambda value, _: percent(value) if value < 1.001 else "")
    return ax


def integer_axis(ax: "Axes") -> "Axes":
    """Ticks at whole numbers alone on the horizontal axis, of indices or epochs."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    return ax


def epoch_axis(ax: "Axes", epochs: ArrayLike) -> "Axes":
    """An axis of epochs 0, 1, 2, 5 ... that leaves room between the first ones.

    Args:
        ax: the axes.
        epochs: what is plotted against (m,); of more than ten those of 0, 1, 2, 5, 10, 20 ... are labelled.

    Raises:
        UserError: epochs that are not finite numbers.
    """
    from matplotlib.ticker import NullLocator

    epochs = checked_array(epochs, "epochs", ("m",))
    ticks = epochs
    if len(epochs) > _MOST_EPOCHS:
        decades = 10.0 ** np.arange(np.ceil(np.log10(max(epochs.max(), 1))) + 1)
        ticks = np.concatenate([[0], *np.outer(decades, [1, 2, 5])])
        ticks = ticks[(ticks >= epochs.min()) & (ticks <= epochs.max())]
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set_xticks(ticks, [f"{epoch:g}" for epoch in ticks], rotation=45 if len(ticks) > 5 else 0)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(-0.15, 1.15 * epochs.max())
    return ax


def width_axis(ax: "Axes", widths: Sequence[float]) -> "Axes":
    """A logarithmic axis of width factors, with a tick at each: "×1/8", "×2"."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(widths, [f"×{width_text(width)}" for width in widths])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Width factor")
    return ax


def titles(axes: Iterable["Axes"], texts: Iterable[tuple[str, str]], fontsize: float = 8) -> None:
    """Titles of panels side by side, on one height, each with small lines of facts below it.

    Args:
        axes: the panels.
        texts: of each the title and the facts; "" for none.
        fontsize: of the facts.
    """
    pairs = list(zip(axes, texts, strict=True))
    lines = max((facts.count("\n") + 1 if facts else 0 for _, (_, facts) in pairs), default=0)
    height = 1.25 * fontsize * lines  # in points
    for ax, (title, facts) in pairs:
        ax.set_title(title, pad=6 + height)
        if facts:
            place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
            ax.annotate(
                facts, (0.5, 1), (0, 3 + height), ha="center", va="top", fontsize=fontsize, color=MUTED, **place
            )


def titled(ax: "Axes", title: str, facts: str, fontsize: float = 8) -> "Axes":
    """A title, and small lines of facts between it and the axes; see `titles` for panels side by side."""
    titles([ax], [(title, facts)], fontsize)
    return ax


def legend_of(axes: Iterable["Axes"], picture: "Picture", columns: int, **looks: Any) -> None:
    """The legend of the whole picture, below it: each label of these panels once."""
    entries = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    first = {label: handle for handle, label in reversed(entries)}
    labels = list(dict.fromkeys(label for _, label in entries))
    handles = [first[label] for label in labels]
    picture.legend(handles, labels, loc="outside lower center", ncols=columns, **looks)


def table_of(ax: "Axes", cells: Sequence[Sequence[str]], rows: Sequence[str], columns: Sequence[str]) -> "Table":
    """Fills the axes with a table of texts, `rows` and `columns` being its labels."""
    from matplotlib.transforms import Bbox

    ax.set_axis_off()
    table = ax.table(cells, rowLabels=rows, colLabels=columns, cellLoc="center", bbox=Bbox.unit())
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#D0D0D0")
    return table
