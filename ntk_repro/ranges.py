"""Ranges of numbers: each rule once, with one message."""

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


def checked_stops(observe_at: Iterable[int], steps: int) -> list[int]:
    """The numbers of the steps after which a training is observed: increasing, from 0 (before the first) to all.

    Raises:
        UserError: for others.
    """
    stops = list(observe_at) if isinstance(observe_at, Iterable) else [observe_at]
    whole = all(isinstance(stop, int | np.integer) and not isinstance(stop, bool) for stop in stops)
    if not whole or stops != sorted({*stops}) or not all(0 <= stop <= steps for stop in stops):
        raise UserError(f"observe_at must be a list of increasing step numbers from 0 to {steps}, not {observe_at!r}")
    return [int(stop) for stop in stops]


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
    if len(pair) != 2 or not all(isinstance(one, int | np.integer) for one in pair):
        raise UserError(f"share must be two whole numbers, (index, count), not {share!r}")
    if not 0 <= pair[0] < pair[1]:
        raise UserError(f"share {pair[0]} of {pair[1]} does not exist: they are counted from 0")
    return int(pair[0]), int(pair[1])


def check_seed(seed: int, name: str = "seed") -> None:
    """Refuses a value that is not a seed of both JAX and NumPy: a whole number from 0, of at most 32 bits.

    Raises:
        UserError: names it.
    """
    check_whole(name, seed, 0, 2**32 - 1)
