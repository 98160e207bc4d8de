"""A verdict as `evaluate` gives it."""

from typing import Any


def claim(number: float | None = 0.5, holds: bool | None = True, **changes: Any) -> dict[str, Any]:
    own = {"statement": "it grows", "subject": "mlp", "holds": holds, "number": number, "meaning": "slope"}
    return own | {"place": "", "paper": None, "note": ""} | changes
