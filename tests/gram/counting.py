"""Methods that record their calls while they work as ever."""

from typing import Any


def counted(monkeypatch, owner: type, name: str) -> list[tuple[Any, ...]]:
    """The arguments of every call of a method from now on, without the instance."""
    calls, method = [], getattr(owner, name)

    def recording(self, *args, **kw):
        calls.append(args)
        return method(self, *args, **kw)

    monkeypatch.setattr(owner, name, recording)
    return calls
