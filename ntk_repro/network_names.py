"""How networks are named: those of the package by a word, custom networks by their file or module; and in pictures."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

TITLES = {"mlp": "MLP", "lenet": "LeNet", "resnet18": "ResNet18", "lenet5": "LeNet", "alexnet": "AlexNet"}


@dataclass(frozen=True)
class CustomName:
    """The name of a custom network, `my_network.py:MyNet` or `package.module:MyNet`.

    Attributes:
        place: path of a Python file, or the dotted name of a module.
        name: of a class, a function or a finished module in it.
        digest: of the source, in the name of a finished run (`my_network.py:MyNet@0f3c5a...`), else "".
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


def custom_name(net: str) -> CustomName | None:
    """The parts of the name of a custom network; None for any other name.

    >>> custom_name("nets/mine.py:MyNet@0f3c")
    CustomName(place='nets/mine.py', name='MyNet', digest='0f3c')
    >>> custom_name("lenet")
    """
    if ":" not in net:
        return None
    place, _, name = net.rpartition(":")
    name, _, digest = name.partition("@")
    return CustomName(place, name, digest)


def display_name(net: str) -> str:
    """A network's name in tables and figures: of a custom network the class alone.

    >>> display_name("mine.py:MyNet@0f3c"), display_name("lenet")
    ('MyNet', 'lenet')
    """
    custom = custom_name(net)
    return net if custom is None else custom.name


def display_names(nets: Iterable[str]) -> dict[str, str]:
    """The display names of networks, by their names; where two are the same, with the digests of custom networks.

    >>> display_names(["mine.py:MyNet@0f3c", "mine.py:MyNet@77a1", "lenet"])
    {'mine.py:MyNet@0f3c': 'MyNet@0f3c', 'mine.py:MyNet@77a1': 'MyNet@77a1', 'lenet': 'lenet'}
    """
    shown = {net: display_name(net) for net in nets}
    count = Counter(shown.values())
    return {net: net.rpartition(":")[2] if count[name] > 1 else name for net, name in shown.items()}


def net_title(net: str, kind: str = "network") -> str:
    """A network's name in pictures and their tables, or with the kind "linearized" that of its linearization.

    `lenet` is the LeNet of Ortiz-Jimenez et al. 2021, `lenet5` that of Samarin et al. 2022.

    >>> net_title("resnet18"), net_title("lenet5", "linearized"), net_title("mine.py:MyNet@0f3c")
    ('ResNet18', 'LinLeNet', 'MyNet')
    """
    return ("Lin" if kind == "linearized" else "") + TITLES.get(net, display_name(net))


def width_text(width: float) -> str:
    """A width factor: "1/32" in place of "0.03125", "2" for 2.0. Pictures write it behind "×".

    >>> width_text(0.0625), width_text(0.47), width_text(10.0)
    ('1/16', '0.47', '10')
    """
    parts = round(1 / width)
    return f"1/{parts}" if parts > 1 and abs(parts * width - 1) < 1e-9 else f"{width:g}"
