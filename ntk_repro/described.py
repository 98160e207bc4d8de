"""How objects of the package show themselves: one line, and a small table in a notebook."""

from collections.abc import Mapping
from html import escape


class Described:
    """An object that shows what it is, not the arrays that it holds."""

    def _facts(self) -> Mapping[str, str]:
        """What there is to say, by what it is called; the empty name needs no heading."""
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {text}".strip() for name, text in self._facts().items())
        return f"{type(self).__name__}({facts})"

    def _repr_html_(self) -> str:
        facts = ((escape(name), escape(text)) for name, text in self._facts().items())
        rows = "".join(f"<tr><td>{name}</td><td>{text}</td></tr>" for name, text in facts)
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"
