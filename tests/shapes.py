"""What `make test-shapes` checks annotations with, shapes too: the arguments and results of private functions.

Public functions take what users pass, lists and integers too, and refuse the rest in one line of their own.
"""

from typing import Any

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

_NUMBERS = {
    complex: complex | float | int | np.number,
    float: float | int | np.floating | np.integer,
    int: int | np.integer,
}
_CONF = BeartypeConf(hint_overrides=FrozenDict(_NUMBERS))


def checked_if_private(function: Any) -> Any:
    """The function, with its annotations checked at every call where a part of its name is private."""
    names = function.__qualname__.replace("<locals>.", "").split(".")
    private = any(name.startswith("_") and not name.endswith("__") for name in names)
    return beartype(conf=_CONF)(function) if private else function
