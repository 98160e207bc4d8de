"""Samarin et al. 2022; every module holds some of its figures."""

from collections.abc import Collection, Mapping
from typing import Any

from ntk_repro.papers.figure import Paper
from ntk_repro.papers.resources import printed_numbers

__all__ = ["PAPER", "WIDTHS", "departures", "width_text"]

PAPER = Paper("samarin2022", "Samarin", 2022, "Feature learning and random features in standard finite-width CNNs")

WIDTHS = {"lenet5": (1, 60), "alexnet": (1, 2, 3, 4)}
"""The width factors that the text names, by network; of LeNet (Figures 2 to 7) the smallest and the largest only."""


def departures(block: str, entry: Mapping[str, Any], free: Collection[str] = ()) -> str:
    """Names the settings in which our numbers depart from the paper's: "epochs 10 (the paper: 100)"; "" where none.

    Args:
        block: such as "fig2" or "table1"; `settings` of its printed numbers are the paper's.
        entry: a panel, line or column of the plotted numbers, which holds our settings under the same names. What the
            paper says of the figure is judged, and its numbers are shown, only where this is empty.
        free: settings that may be any.
    """
    found, unknown = [], []
    for name, paper in printed_numbers("samarin2022")[block]["settings"].items():
        label = name.replace("_", " ")
        if name in free:
            continue
        if name not in entry:
            unknown.append(f"{label} not on record")
        elif not _is_setting(entry[name], paper):
            found.append(f"{label} {_text(entry[name])} (the paper: {_text(paper)})")
    return ", ".join(found or unknown)


def _is_setting(ours: Any, paper: Any) -> bool:
    if isinstance(paper, Mapping):
        return paper["least"] <= ours <= paper["most"]
    return ours in paper if isinstance(paper, list) else ours == (None if paper == "none" else paper)


def _text(setting: Any) -> str:
    if isinstance(setting, Mapping):
        return f"{setting['least']:,} to {setting['most']:,}"
    if isinstance(setting, list):
        return " or ".join(map(_text, setting))
    return "none" if setting is None else setting if isinstance(setting, str) else f"{setting:,}"


def width_text(width: float) -> str:
    """ "1/32" in place of "0.03125", "2" for 2.0.

    >>> width_text(0.0625), width_text(0.47), width_text(10.0)
    ('1/16', '0.47', '10')
    """
    parts = round(1 / width)
    return f"1/{parts}" if parts > 1 and abs(parts * width - 1) < 1e-9 else f"{width:g}"
