"""Custom networks, from a file or an importable module: loaded and checked.

The name is that of a `flax.linen.Module` or `flax.nnx.Module` class, of a function that returns a module, or of a
finished Linen module. A class or function is given the settings of a study that it takes by name: `num_outputs`,
`activation` (as a function where its default is one, else by name), its size `width`, or without one its `channels` and
`hidden`, times the factor `width`, any other setting unchanged; and for its initialization `rngs` (NNX) or `key`, and
`input_shape`.
"""

import difflib
import importlib
import inspect
import re
import sys
import traceback
import types
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import flax.linen as nn

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.models.custom_source import Source, last_line, module_file, read_source
from ntk_repro.models.spec import NetworkSpec, is_nnx
from ntk_repro.network_names import CustomName

# Files beside the files of networks, which these import.
_BESIDE: set[Path] = set()
# The texts from which modules of packages were imported.
_IMPORTED: dict[Path, str] = {}


def load_custom(custom: CustomName) -> NetworkSpec:
    """Finds, imports and checks a custom network.

    Raises:
        UserError: no such file, module or name; source that cannot be imported, or that does not have the digest in the
            name; a name that is not a network.
    """
    if not custom.name.isidentifier():
        raise UserError(f"{custom} names no network: write FILE.py:NAME, such as my_network.py:MyNet")
    file = _file(custom) if custom.in_file else module_file(custom.place)
    source = read_source(file, "" if custom.in_file else custom.place)
    digest = source.digest
    if custom.digest not in ("", digest):
        raise UserError(
            f"the source of {custom.place} has changed since {custom.digest} (now {digest}): restore it, or leave out "
            f"@{custom.digest} to run it as it is now"
        )
    module = _load_file(file, source) if custom.in_file else _import(custom.place, source)
    definition = getattr(module, custom.name, None)
    if definition is None:
        raise unknown_name(f"network in {custom.place}", custom.name, _candidates(module))
    _check_definition(custom, definition)
    # A run is recognised by the content of the file, in whatever folder that is.
    found = replace(custom, place=str(file.resolve()) if custom.in_file else custom.place, digest=digest)
    name = replace(found, place=file.name if custom.in_file else custom.place)
    return NetworkSpec(str(name), definition, found, source.texts)


def _file(custom: CustomName) -> Path:
    file = Path(custom.place).expanduser()
    if not file.is_file():
        nearest = difflib.get_close_matches(file.name, [path.name for path in file.parent.glob("*.py")], n=1)
        hint = f" (did you mean {file.with_name(nearest[0])}?)" if nearest else ""
        raise UserError(f"there is no file {custom.place}{hint}: check the path of {custom}")
    return file


def _load_file(file: Path, source: Source) -> types.ModuleType:
    """The module in a file, which is run once for each version of its source."""
    name = f"ntk_repro_custom_{re.sub(r'[^0-9A-Za-z_]', '_', file.stem)}_{source.digest}"
    if name in sys.modules:
        return sys.modules[name]
    file = file.resolve()
    # The files beside it may have changed, or have the names of files beside another network.
    _BESIDE.update(source.files.keys() - {file})
    for other in _loaded(_BESIDE):
        del sys.modules[other]
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses, which Linen modules are, look themselves up there
    # No bytecode of the files beside it: Python would use that for a file that is changed within a second.
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(file.parent))  # as for a script, which can import the files beside it
    try:
        # The text that has the digest: the file may have changed since.
        exec(compile(source.texts[file.name], str(file), "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"{file.name}, line {lines[-1]}" if lines else file.name
        raise UserError(f"{where}: {last_line(error)}: fix the file") from error
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(file.parent))
        if str(file.parent) not in sys.path:
            sys.path.append(str(file.parent))  # for what its functions import
    return module


def _import(module: str, source: Source) -> types.ModuleType:
    """An importable module, which Python imports once: refused if its source was edited since."""
    files = source.files
    loaded = set(_loaded(files).values())
    for file in files:
        if file not in loaded:
            _IMPORTED.pop(file, None)
        elif _IMPORTED.get(file, files[file]) != files[file]:
            raise UserError(
                f"{file.name} was edited after module {module} was imported: restart Python to run it as it is"
            )
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        raise UserError(f"module {module} cannot be imported ({last_line(error)}): fix the module") from error
    finally:
        _IMPORTED.update(files)


def _loaded(files: Collection[Path]) -> dict[str, Path]:
    """The modules that were imported from one of the files, by name."""
    names = {file.name for file in files}
    places = {key: getattr(module, "__file__", None) for key, module in list(sys.modules.items())}
    found = {key: Path(place).resolve() for key, place in places.items() if place and Path(place).name in names}
    return {key: place for key, place in found.items() if place in files}


def _check_definition(custom: CustomName, definition: Any) -> None:
    needed = "name a flax.linen.Module or flax.nnx.Module class, or a function that returns a module"
    if isinstance(definition, type):
        if not (issubclass(definition, nn.Module) or is_nnx(definition)):
            raise UserError(f"{custom.name} in {custom.place} is a class but not a Flax module: {needed}")
    elif is_nnx(type(definition)):
        raise UserError(f"{custom.name} in {custom.place} is built already, without a seed: {needed}")
    elif not isinstance(definition, nn.Module) and not inspect.isroutine(definition):
        raise UserError(f"{custom.name} in {custom.place} is of type {type(definition).__name__}: {needed}")


def _candidates(module: types.ModuleType) -> list[str]:
    """The names in a module that a user may have meant."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, nn.Module) or getattr(value, "__module__", None) == module.__name__)
    ]
