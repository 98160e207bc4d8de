"""How tests expect the errors that are a user's to fix."""

from collections.abc import Callable
from typing import Any

import pytest

from ntk_repro.errors import UserError


def refused(message: str, function: Callable, /, *args: Any, **kw: Any) -> None:
    """A call ends in a `UserError` of one line that matches a regular expression."""
    with pytest.raises(UserError, match=message) as caught:
        function(*args, **kw)
    assert "\n" not in str(caught.value)
