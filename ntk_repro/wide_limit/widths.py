"""Lists of widths, sizes and counts: checked, and as text."""

import itertools
from collections.abc import Sequence

from ntk_repro.errors import UserError

__all__ = ["checked_increasing", "displayed_widths"]


def checked_increasing(name: str, values: Sequence[int]) -> None:
    """Refuses an empty list, numbers below 1, and an order that is not increasing.

    Args:
        name: of the setting, for the message.
        values: its value.

    Raises:
        UserError: as above.
    """
    values = list(values)
    if not values or values[0] < 1 or any(b <= a for a, b in itertools.pairwise(values)):
        raise UserError(f"{name} must be whole numbers from 1 that grow, such as 64 128 256, not {values}")


def displayed_widths(widths: Sequence[int]) -> str:
    """The widths as text.

    >>> displayed_widths((64, 128, 1024)), displayed_widths((64,))
    ('widths 64 to 1,024', 'width 64')
    """
    if len(widths) == 1:
        return f"width {widths[0]:,}"
    return f"widths {widths[0]:,} to {widths[-1]:,}"
