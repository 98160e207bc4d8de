"""Ranges of numbers: each rule once, with one message."""

import numpy as np

from ntk_repro.errors import UserError

__all__ = ["check_counts", "check_not_negative", "check_positive"]


def check_counts(**counts: int | None) -> None:
    """Refuses numbers of things below 1; None is no number.

    Raises:
        UserError: names the first one.
    """
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UserError(f"{name} must be at least 1, not {count}")


def check_positive(**values: float) -> None:
    """Refuses what is not a finite number above 0, such as a radius.

    Raises:
        UserError: names the first one.
    """
    for name, value in values.items():
        if np.ndim(value) or not 0 < value < np.inf:
            raise UserError(f"{name} must be above 0 and finite, not {value}")


def check_not_negative(**values: float) -> None:
    """Refuses what is not a finite number of at least 0, such as a learning rate, a weight decay or a ridge.

    Raises:
        UserError: names the first one.
    """
    for name, value in values.items():
        if np.ndim(value) or not 0 <= value < np.inf:
            raise UserError(f"{name} must be at least 0 and finite, not {value}")
