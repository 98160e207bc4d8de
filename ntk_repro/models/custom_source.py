"""The source of a custom network: its file, and the files beside it that this imports."""

import hashlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError


@dataclass(frozen=True)
class Source:
    """The files of a custom network.

    Attributes:
        root: the folder from which its modules are imported.
        texts: the text of each file, by path from `root`.
    """

    root: Path
    texts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of all names and texts."""
        digest = hashlib.sha256()
        for name, text in sorted(self.texts.items()):
            digest.update(f"{len(name)} {len(text)} {name}{text}".encode())
        return digest.hexdigest()[:12]

    @property
    def files(self) -> dict[Path, str]:
        """The text of each file, by its path without symbolic links."""
        return {(self.root / name).resolve(): text for name, text in self.texts.items()}


def read_source(file: Path, module: str = "") -> Source:
    """The text of a Python file and of every file beside or below it, or in its package, that it imports.

    Imports are found in the source, without running it; installed packages are left out.

    Args:
        file: the file.
        module: its dotted name, if it is imported by that.

    Raises:
        UserError: text that is not Python.
    """
    # For a script Python imports from beside the target of a link, for a module from beside the link.
    file = Path(os.path.abspath(file)) if module else file.resolve()
    root = file.parents[module.count(".") + (file.name == "__init__.py")] if module else file.parent
    # Beside an installed module are all other packages.
    finder = _Beside((module or file.stem).partition(".")[0] if _installed(root) else "", path=[str(root)])
    try:
        finder.import_hook(module) if module else finder.run_script(str(file))
    except ImportError:
        pass  # reported when the file is run
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file.name}, line {line}" if line else file.name
        raise UserError(f"{where}: {type(error).__name__}: {getattr(error, 'msg', error)}: fix the file") from error
    found = [getattr(module, "__file__", None) for module in finder.modules.values()]
    files = {file, *(Path(path) for path in found if path and path.endswith(".py"))}
    return Source(root, {path.relative_to(root).as_posix(): _text(path) for path in sorted(files)})


def last_line(error: BaseException) -> str:
    """The message of an error in a user's code, on one line."""
    formatted = traceback.TracebackException(type(error), error, None)
    formatted.__notes__ = None  # JAX and Flax attach notes to errors, which come after the message
    lines = list(formatted.format_exception_only())[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__


def module_file(module: str) -> Path:
    """The file of an importable module.

    Raises:
        UserError: there is no such module, its package cannot be imported, or it is not Python source.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (Exception, SystemExit) as error:  # whatever the package's __init__.py raises
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        named = missing is not None and f"{module}.".startswith(f"{missing}.")
        if not (named or module == "" or module in sys.modules):  # __main__ is loaded, and has no spec
            raise UserError(f"module {module} cannot be imported ({last_line(error)}): fix its package") from error
        spec = None
    if spec is None:
        raise UserError(f"there is no module {module}: check its name, or name a file, such as my_network.py:MyNet")
    if not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(f"module {module} has no Python source: name a file, such as my_network.py:MyNet")
    return Path(spec.origin)


class _Beside(ModuleFinder):
    """Finds the files beside a file, or those of one package, and nothing that is installed."""

    def __init__(self, package: str, path: list[str]):
        super().__init__(path=path)
        self._package = package

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        top = (parent.__name__ if parent is not None else name).partition(".")[0]
        # A file in a clone of this package is beside it.
        wanted = top in (self._package, "__init__") if self._package else top != "ntk_repro"
        if not wanted:
            raise ImportError(name)
        spec = PathFinder.find_spec(name, path or self.path)
        if spec is not None and spec.loader is None and spec.submodule_search_locations:
            return None, next(iter(spec.submodule_search_locations)), ("", "", _FOLDER)
        return super().find_module(name, path, parent)

    def load_package(self, fqname: str, pathname: str) -> Any:
        if os.path.isfile(os.path.join(pathname, "__init__.py")):
            return super().load_package(fqname, pathname)
        package: Any = self.add_module(fqname)  # a folder without __init__.py: only its modules can be imported
        package.__path__ = [pathname]
        return package


# How ModuleFinder marks a package.
_FOLDER = 5


def _installed(folder: Path) -> bool:
    """Whether a folder holds installed packages or the standard library."""
    known = {Path(path).resolve() for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))}
    return folder.resolve() in known or folder.name in ("site-packages", "dist-packages")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # without the byte order mark of editors on Windows
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not Python source in UTF-8: name a .py file") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
