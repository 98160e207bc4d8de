"""Errors that are the user's to mend: one sentence each, and the sentence names the remedy."""

import difflib
from collections.abc import Iterable

__all__ = ["UserError", "unknown_name"]


class UserError(ValueError):
    """Input that cannot be worked with. The command line prints its message alone and exits with status 2."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not in a registry, with the nearest known name and all of them.

    Args:
        kind: what is named, as a user would say it ("data set", "network").
        name: the name that was given.
        known: the names that exist.
    """
    known = sorted(known)
    as_typed = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(name.lower(), as_typed, n=1, cutoff=0.5)
    hint = f"; did you mean {as_typed[nearest[0]]!r}?" if nearest else ""
    return UserError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")
