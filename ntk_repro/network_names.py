"""How networks are named: those of the package by a word, a user's own by where they are written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["OwnNetwork", "own_network", "spoken_apart", "spoken_network"]


@dataclass(frozen=True)
class OwnNetwork:
    """A network of a user's own, named `my_network.py:MyNet` or `package.module:MyNet`.

    Attributes:
        place: path of a Python file, or the dotted name of a module.
        name: what is meant in it: a class, a function or a module that is made already.
        digest: of the source, where the name is that of a finished run (`my_network.py:MyNet@0f3c5a...`), else "".
    """

    place: str
    name: str
    digest: str = ""

    @property
    def in_file(self) -> bool:
        """Whether the place is a path."""
        return self.place.endswith(".py") or "/" in self.place or "\\" in self.place

    def __str__(self) -> str:
        return f"{self.place}:{self.name}" + (f"@{self.digest}" if self.digest else "")


def own_network(net: object) -> OwnNetwork | None:
    """The parts of the name of a user's own network; None for any other name.

    >>> own_network("nets/mine.py:MyNet@0f3c")
    OwnNetwork(place='nets/mine.py', name='MyNet', digest='0f3c')
    >>> own_network("lenet")
    """
    if not isinstance(net, str) or ":" not in net:
        return None
    place, _, name = net.rpartition(":")
    name, _, digest = name.partition("@")
    return OwnNetwork(place, name, digest)


def spoken_network(net: str) -> str:
    """A network's name as tables and pictures show it: of a user's own the class alone.

    >>> spoken_network("mine.py:MyNet@0f3c"), spoken_network("lenet")
    ('MyNet', 'lenet')
    """
    own = own_network(net)
    return net if own is None else own.name


def spoken_apart(nets: Iterable[str]) -> dict[str, str]:
    """The spoken names of networks, by their names; where two have one, a user's own keep their digest.

    >>> spoken_apart(["mine.py:MyNet@0f3c", "mine.py:MyNet@77a1", "lenet"])
    {'mine.py:MyNet@0f3c': 'MyNet@0f3c', 'mine.py:MyNet@77a1': 'MyNet@77a1', 'lenet': 'lenet'}
    """
    spoken = {net: spoken_network(net) for net in nets}
    count = Counter(spoken.values())
    for net, name in spoken.items():
        own = own_network(net)
        if count[name] > 1 and own is not None and own.digest:
            spoken[net] = f"{name}@{own.digest}"
    return spoken
