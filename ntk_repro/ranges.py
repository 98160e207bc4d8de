"""Ranges of numbers: each rule once, with one message."""

import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ntk_repro.errors import UserError


def check_counts(**counts: int | None) -> None:
    """Refuses what is not a whole number of at least 1; None is not checked.

    Raises:
        UserError: names the first one.
    """
    for name, count in counts.items():
        if count is not None:
            check_whole(name, count)


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
    try:
        if np.ndim(value) or np.asarray(value).dtype.kind in "bcSUmM":
            raise TypeError
        float(value)  # of fractions and of types that NumPy does not know, too
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{name} must be a number, not {shown(value)}") from None


def whole(value: Any) -> int | None:
    """A whole number of Python, NumPy or JAX, arrays of no axis included, as an int; None for anything else."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def check_whole(name: str, value: Any, lowest: int | None = 1, highest: int | None = None) -> int:
    """Refuses a value that is not a whole number in a range, such as a number of layers; returns it as an int.

    Raises:
        UserError: names it and the range.
    """
    number = whole(value)
    if number is None:
        raise UserError(f"{name} must be a whole number, not {shown(value)}")
    if (lowest is not None and number < lowest) or (highest is not None and number > highest):
        allowed = f"at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise UserError(f"{name} must be {allowed}, not {number}")
    return number


def checked_stops(observe_at: Iterable[int], steps: int) -> list[int]:
    """The numbers of the steps after which a training is observed: increasing, from 0 (before the first) to all.

    Raises:
        UserError: for others.
    """
    expected = f"observe_at must be a list of increasing step numbers from 0 to {steps}, not {shown(observe_at)}"
    try:
        numbers = np.asarray(list(observe_at))
    except (TypeError, ValueError):  # no list, and one of lists of different lengths
        raise UserError(expected) from None
    stops = numbers.tolist()
    if numbers.ndim != 1 or (stops and numbers.dtype.kind not in "iu"):
        raise UserError(expected)
    if stops != sorted({*stops}) or not all(0 <= stop <= steps for stop in stops):
        raise UserError(expected)
    return stops


def check_batch_size(batch_size: int, n: int) -> None:
    """Refuses a batch that is larger than the training set of n samples.

    Raises:
        UserError: it is.
    """
    if batch_size > n:
        raise UserError(f"batch_size {batch_size:,} is above the {n:,} training samples: choose at most {n:,}")


def check_flags(**flags: bool) -> None:
    """Refuses what is neither True nor False.

    Raises:
        UserError: names the first one.
    """
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise UserError(f"{name} must be True or False, not {flag!r}")


def checked_path(path: Path | str, name: str) -> Path:
    """The place of a file or folder.

    Raises:
        UserError: for what is no path.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise UserError(f"{name} must be a path, not {path!r}")
    return Path(path)


def checked_share(share: tuple[int, int]) -> tuple[int, int]:
    """(index, count) of a part of the work that several processes share.

    Raises:
        UserError: for what is no such pair.
    """
    pair = tuple(share) if isinstance(share, tuple | list) else ()
    index, count = map(whole, pair) if len(pair) == 2 else (None, None)
    if index is None or count is None:
        raise UserError(f"share must be two whole numbers, (index, count), not {shown(share)}")
    if not 0 <= index < count:
        raise UserError(f"share {index} of {count} does not exist: they are counted from 0")
    return index, count


def check_seed(seed: int, name: str = "seed") -> int:
    """Refuses a value that is not a seed of both JAX and NumPy: a whole number from 0, of at most 32 bits.

    Returns it as an int.

    Raises:
        UserError: names it.
    """
    return check_whole(name, seed, 0, 2**32 - 1)


def shown(value: object) -> str:
    """A value in a message: on one line, and not all of it where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) < 80 else f"{text[:76]} ..."
