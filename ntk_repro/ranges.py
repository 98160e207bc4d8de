"""Ranges of numbers: each rule once, with one message."""

from typing import Any

import numpy as np

from ntk_repro.errors import UserError


def check_counts(**counts: int | None) -> None:
    """Refuses counts below 1; None is not checked.

    Raises:
        UserError: names the first one.
    """
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UserError(f"{name} must be at least 1, not {count}")


def check_positive(**values: float) -> None:
    """Refuses values that are not finite numbers above 0, such as a radius.

    Raises:
        UserError: names the first one.
    """
    for name, value in values.items():
        _check_number(name, value)
        if not 0 < value < np.inf:
            raise UserError(f"{name} must be above 0 and finite, not {value}")


def check_not_negative(**values: float) -> None:
    """Refuses values that are not finite numbers of at least 0, such as a learning rate or a ridge.

    Raises:
        UserError: names the first one.
    """
    for name, value in values.items():
        _check_number(name, value)
        if not 0 <= value < np.inf:
            raise UserError(f"{name} must be at least 0 and finite, not {value}")


def _check_number(name: str, value: Any) -> None:
    if np.ndim(value) or np.asarray(value).dtype.kind not in "iuf":
        raise UserError(f"{name} must be a number, not {value!r}")


def check_whole(name: str, value: Any, lowest: int = 1, highest: int | None = None) -> None:
    """Refuses a value that is not a whole number in a range, such as a number of layers.

    Raises:
        UserError: names it and the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise UserError(f"{name} must be a whole number, not {value!r}")
    if value < lowest or (highest is not None and value > highest):
        allowed = f"at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise UserError(f"{name} must be {allowed}, not {value}")


def check_seed(seed: int, name: str = "seed") -> None:
    """Refuses a value that is not a seed of both JAX and NumPy: a whole number from 0, of at most 32 bits.

    Raises:
        UserError: names it.
    """
    check_whole(name, seed, 0, 2**32 - 1)
