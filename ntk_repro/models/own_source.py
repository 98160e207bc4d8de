"""The source of a user's own network: the file it is written in and what that imports from beside it."""

import hashlib
import importlib.util
from collections.abc import Mapping
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError

__all__ = ["digest_of", "module_file", "source_texts"]


def source_texts(file: Path, module: str = "") -> dict[str, str]:
    """The text of a Python file and of every file beside or below it that it imports, by path from its folder.

    What is imported is read off the source, without running it; installed packages are left out.

    Args:
        file: the file.
        module: its dotted name where it is a part of a package.

    Raises:
        UserError: text that is not Python.
    """
    file = file.resolve()
    folder = file.parent
    texts = {file.name: _text(file)}
    root = file.parents[module.count(".") + (file.name == "__init__.py")] if module else folder
    finder = _Beside(module.partition(".")[0], path=[str(root)])
    try:
        finder.import_hook(module) if module else finder.run_script(str(file))
    except ImportError:
        pass  # what cannot be found is told when the file is run
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file.name}, line {line}" if line else file.name
        raise UserError(f"{where}: {type(error).__name__}: {getattr(error, 'msg', error)}: mend the file") from error
    files = [getattr(module, "__file__", None) for module in finder.modules.values()]
    found = {Path(path).resolve() for path in files if path}
    for path in sorted(found - {file}):
        if path.is_relative_to(folder) and path.suffix == ".py":
            texts[path.relative_to(folder).as_posix()] = _text(path)
    return texts


def digest_of(texts: Mapping[str, str]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of all names and texts."""
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{len(name)} {len(text)} {name}{text}".encode())
    return digest.hexdigest()[:12]


def module_file(module: str) -> Path:
    """The file of an importable module.

    Raises:
        UserError: there is no such module, or it is not Python source.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise UserError(f"there is no module {module}: check its name, or name a file, such as my_network.py:MyNet")
    if not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(f"module {module} has no Python source: name a file, such as my_network.py:MyNet")
    return Path(spec.origin)


class _Beside(ModuleFinder):
    """Looks at what lies beside a file, or at one package, and at nothing that is installed."""

    def __init__(self, package: str, path: list[str]):
        super().__init__(path=path)
        self._package = package

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        top = (parent.__name__ if parent is not None else name).partition(".")[0]
        # A file in a clone of this package lies beside it.
        wanted = top in (self._package, "__init__") if self._package else top != "ntk_repro"
        if not wanted:
            raise ImportError(name)
        return super().find_module(name, path, parent)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not Python source in UTF-8: name a .py file") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
