"""The numbers that the paper prints, for the data that they belong to."""

from typing import Any

from ntk_repro.papers.resources import printed_numbers

__all__ = ["printed_for"]


def printed_for(block: str, data: str) -> dict[str, Any] | None:
    """What samarin2022.toml has for a figure or table; None for other data than the paper's (or a part of it).

    Args:
        block: such as "fig2" or "table1".
        data: name of the data set that our numbers are from.
    """
    found = printed_numbers("samarin2022")[block]
    return found if data in found["data"] else None
