"""Samarin et al. 2022; every module holds some of its figures."""

from ntk_repro.papers.figure import Paper

__all__ = ["PAPER", "WIDTHS", "width_text"]

PAPER = Paper("samarin2022", "Samarin", 2022, "Feature learning and random features in standard finite-width CNNs")

WIDTHS = {"lenet5": (1, 60), "alexnet": (1, 2, 3, 4)}
"""The width factors that the text names, by network; of LeNet (Figures 2 to 7) the smallest and the largest only."""


def width_text(width: float) -> str:
    """ "1/32" in place of "0.03125", "2" for 2.0.

    >>> width_text(0.0625), width_text(0.47), width_text(10.0)
    ('1/16', '0.47', '10')
    """
    parts = round(1 / width)
    return f"1/{parts}" if parts > 1 and abs(parts * width - 1) < 1e-9 else f"{width:g}"
