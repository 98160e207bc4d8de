"""Names of a package that are imported when they are first used."""

import ast
import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose `__init__.py` imports its names under `if TYPE_CHECKING:` alone.

    Type checkers read these imports; at run time a name is imported from the same module when it is first used.
    """
    module: Any = sys.modules[package]

    def load(name: str) -> Any:
        if name not in homes(package):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes(package)[name]), name)
        setattr(module, name, value)  # from now on an ordinary attribute
        return value

    return load, lambda: sorted({*vars(module), *module.__all__})


@functools.cache
def homes(package: str) -> dict[str, str]:
    """The module of each name that a package imports under `if TYPE_CHECKING:`."""
    loader: Any = sys.modules[package].__loader__
    blocks = [node for node in ast.parse(loader.get_source(package)).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
