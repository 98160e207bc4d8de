"""What `make test-shapes` checks annotations with, shapes too: the arguments and results of private functions.

Public functions take what users pass, lists and integers too, and refuse the rest in one line of their own.
"""

from typing import Any

import beartype
import numpy as np

_NUMBERS = beartype.BeartypeHintOverrides({float: float | int | np.floating | np.integer, int: int | np.integer})
_check = beartype.beartype(conf=beartype.BeartypeConf(hint_overrides=_NUMBERS))


def checked_if_private(function: Any) -> Any:
    """The function, with its annotations checked at every call where a part of its name is private."""
    names = function.__qualname__.replace("<locals>.", "").split(".")
    return _check(function) if any(n.startswith("_") and not n.endswith("__") for n in names) else function
