"""Errors that the user can fix: one line each, which names the remedy."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used. The command line prints its message alone and exits with status 2."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UserError:
    """The error for a name that is not in a registry, with the nearest known name and all of them.

    Args:
        kind: what is named, as a user would call it ("data set", "network").
        name: what was given for the name.
        known: the names that exist.
    """
    known = sorted(known)
    if not isinstance(name, str):
        return UserError(f"{kind} {name!r} is not a name: write one of {', '.join(map(repr, known))}")
    as_typed = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(name.lower(), as_typed, n=1, cutoff=0.5)
    hint = f"; did you mean {as_typed[nearest[0]]!r}?" if nearest else ""
    return UserError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")


def check_name(kind: str, name: object, known: Iterable[str]) -> None:
    """Refuses a name that is not among the known ones, and what is no name.

    Raises:
        UserError: as `unknown_name`.
    """
    if not isinstance(name, str) or name not in known:
        raise unknown_name(kind, name, known)


def with_article(noun: str) -> str:
    """A noun with its indefinite article.

    >>> with_article("int"), with_article("tuple")
    ('an int', 'a tuple')
    """
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"
