"""Samarin et al. 2022; every module holds some of its figures."""

from typing import Any

from ntk_repro.papers.figure import Paper
from ntk_repro.papers.resources import printed_numbers

__all__ = ["PAPER", "printed_for"]

PAPER = Paper("samarin2022", "Samarin", 2022, "Feature learning and random features in standard finite-width CNNs")


def printed_for(block: str, data: str) -> dict[str, Any]:
    """The numbers that the paper prints for a figure or table; none for other data than the paper's (or a part of it).

    Args:
        block: such as "fig2" or "table1".
        data: name of the data set that our numbers are from.
    """
    found = printed_numbers("samarin2022")[block]
    return found if data in found["data"] else {}
