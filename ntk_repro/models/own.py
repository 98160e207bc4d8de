"""Networks of a user's own, from a file or an importable module: found, imported, and built as the package's are.

What is named may be a `flax.linen.Module` or `flax.nnx.Module` class, a function that returns a module, or a Linen
module that is made already. Of what studies set it is given what it takes by name: `num_outputs`, `activation` (as a
function where its default is one, else by name), its size `width`, or without one its `channels` and `hidden`, times
the factor `width`, any other setting as it is; and for its start `rngs` (NNX) or `key`, and `input_shape`.
"""

import difflib
import importlib
import inspect
import re
import sys
import traceback
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.models.activations import activation_fn
from ntk_repro.models.own_source import Source, last_line, module_file, read_source
from ntk_repro.network_names import OwnNetwork, own_network

__all__ = [
    "FoundNetwork",
    "build_own",
    "find_own",
    "is_nnx",
    "located",
    "own_arguments",
    "replaced_activation",
    "scaled",
]

_SIZES = ("width", "channels", "hidden")
_OF_THE_START = ("rngs", "key", "input_shape")

# Files by (name, digest): a run is named by the content of its file, wherever that lies.
_PLACES: dict[tuple[str, str], Path] = {}
# Files that networks' files import from beside them.
_BESIDE: set[Path] = set()
# The texts that modules of packages were imported from.
_IMPORTED: dict[Path, str] = {}


@dataclass(frozen=True)
class FoundNetwork:
    """A user's network.

    Attributes:
        pinned: its name with the digest of its source: what a run is recognised by.
        definition: the class, function or module.
        texts: the source, by path from the file's folder or, of a module in a package, from the package's.
    """

    pinned: OwnNetwork
    definition: Any
    texts: Mapping[str, str]

    @property
    def takes(self) -> dict[str, inspect.Parameter]:
        """The settings that it takes by name."""
        if isinstance(self.definition, nn.Module):
            return {}
        nnx = isinstance(self.definition, type) and is_nnx(self.definition)  # whose metaclass takes anything
        found = inspect.signature(self.definition.__init__ if nnx else self.definition).parameters
        by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        linen = isinstance(self.definition, type) and issubclass(self.definition, nn.Module)
        own = ("parent", "name") if linen else ("self",) if nnx else ()
        return {name: one for name, one in found.items() if one.kind in by_name and name not in own}

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of them that are neither its sizes nor its start."""
        return tuple(name for name in self.takes if name not in (*_SIZES, *_OF_THE_START))


def find_own(net: str) -> FoundNetwork:
    """Finds, imports and checks a network of a user's own.

    Raises:
        UserError: no such file, module or name; source that cannot be imported or that has changed since the digest in
            the name was taken; what is no network.
    """
    own = own_network(net)
    assert own is not None, net
    if not own.name.isidentifier():
        raise UserError(f"{net} names no network: write FILE.py:NAME, such as my_network.py:MyNet")
    file = _file(own) if own.in_file else module_file(own.place)
    source = read_source(file, "" if own.in_file else own.place)
    digest = source.digest
    if own.digest not in ("", digest):
        raise UserError(
            f"{own.place} is not as it was when it was {own.digest} (now {digest}): bring it back, or leave out "
            f"@{own.digest} to run it as it is"
        )
    module = _run_file(file, source) if own.in_file else _import(own.place, source)
    place = file.name if own.in_file else own.place
    _PLACES[place, digest] = file.resolve()
    definition = getattr(module, own.name, None)
    if definition is None:
        raise unknown_name(f"network in {own.place}", own.name, _candidates(module))
    _check_definition(own, definition)
    return FoundNetwork(OwnNetwork(place, own.name, digest), definition, source.texts)


def located(net: str) -> str:
    """The name with the whole path of its file, for another process; other names as they are."""
    own = own_network(net)
    if own is None or not own.in_file:
        return net
    return str(OwnNetwork(str(_file(own).resolve()), own.name, own.digest))


def own_arguments(found: FoundNetwork, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What of the settings the network is given, as it takes it.

    Args:
        found: the network.
        settings: width (a factor), num_outputs, activation and any others by name; None is left out.

    Raises:
        UserError: a setting that it does not take (num_outputs apart, for which its outputs are counted), or one that
            it needs and that nothing gives.
    """
    takes, given = found.takes, {}
    for name, value in settings.items():
        if value is None or (name == "num_outputs" and name not in takes):
            continue
        if name == "width":
            given |= _sizes(found, value)
        elif name not in takes:
            known = f"it takes {', '.join(takes)}" if takes else "it takes none"
            raise UserError(f"{_said(found)} takes no {name} ({known}): leave out {_option(name)}, or let it take one")
        else:
            given[name] = _activation(takes[name], value) if name == "activation" else value
    for name, one in takes.items():
        if one.default is inspect.Parameter.empty and name not in (*given, *_OF_THE_START):
            raise UserError(
                f"{_said(found)} needs {name}, which nothing sets: give it a default in {found.pinned.place}"
            )
    return given


def replaced_activation(found: FoundNetwork, given: Mapping[str, Any]) -> str:
    """The activation that the network has by itself where it is given another, else "" (or where it has none)."""
    own = found.takes["activation"].default if "activation" in given else inspect.Parameter.empty
    if own in (inspect.Parameter.empty, None, given.get("activation")):
        return ""
    return getattr(own, "__name__", str(own))


def build_own(net: str, *, key: Any = None, input_shape: tuple[int, ...] | None = None, **settings: Any) -> Any:
    """The Linen or NNX module of a user's own network.

    Args:
        net: its name.
        key: a PRNG key, for what is started as it is made.
        input_shape: of one input, for the same.
        **settings: as in `own_arguments`.

    Raises:
        UserError: from `find_own` and `own_arguments`; what is built is no module, or the building fails.
    """
    found = find_own(net)
    given = own_arguments(found, {"num_outputs": 1, **settings})
    if isinstance(found.definition, nn.Module):
        return found.definition
    start = {"key": key, "input_shape": input_shape}
    if "rngs" in found.takes and key is not None:
        from flax import nnx

        start["rngs"] = nnx.Rngs(key)
    for name in _OF_THE_START:
        if name in found.takes and start.get(name) is not None:
            given[name] = start[name]
        elif name in found.takes and found.takes[name].default is inspect.Parameter.empty:
            raise UserError(f"{_said(found)} needs {name}: make it by Network.create with a key and an input shape")
    try:
        module = found.definition(**given)
    except Exception as error:  # whatever a user's code raises
        raise UserError(f"{_said(found)} cannot be built ({last_line(error)}): mend it") from error
    if not _is_module(module):
        raise UserError(f"{_said(found)} gives a {type(module).__name__}: it must give a Linen or an NNX module")
    return module


def _file(own: OwnNetwork) -> Path:
    known = _PLACES.get((own.place, own.digest))
    file = Path(own.place).expanduser()
    if known is not None and known.is_file():
        return known
    if not file.is_file():
        there = [path.name for path in file.parent.glob("*.py")] if file.parent.is_dir() else []
        nearest = difflib.get_close_matches(file.name, there, n=1)
        hint = f" (did you mean {file.with_name(nearest[0])}?)" if nearest else ""
        raise UserError(f"there is no file {own.place}{hint}: check the path of {own}")
    return file


def _run_file(file: Path, source: Source) -> types.ModuleType:
    """The module in a file, run once for each state of its source."""
    name = f"ntk_repro_own_{re.sub(r'[^0-9A-Za-z_]', '_', file.stem)}_{source.digest}"
    if name in sys.modules:
        return sys.modules[name]
    file = file.resolve()
    # What lies beside it may have changed, or be called as what lies beside another.
    _BESIDE.update(source.files.keys() - {file})
    for other in _loaded(_BESIDE):
        del sys.modules[other]
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses, which Linen modules are, look themselves up there
    # The very text that the digest is of, and no bytecode beside it: Python would take that for a file that is changed
    # within a second.
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(file.parent))  # as for a script: what lies beside it can be imported
    try:
        exec(compile(source.texts[file.name], str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"{file.name}, line {lines[-1]}" if lines else file.name
        raise UserError(f"{where}: {last_line(error)}: mend the file") from error
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(file.parent))
        if str(file.parent) not in sys.path:
            sys.path.append(str(file.parent))  # for what its functions import
    return module


def _import(module: str, source: Source) -> types.ModuleType:
    """An importable module, which Python imports once: refused where its source was edited since."""
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
        raise UserError(f"module {module} cannot be imported ({last_line(error)}): mend it") from error
    finally:
        _IMPORTED.update(files)


def _loaded(files: Collection[Path]) -> dict[str, Path]:
    """The modules that were imported from one of the files, by name."""
    names = {file.name for file in files}
    places = {key: getattr(module, "__file__", None) for key, module in list(sys.modules.items())}
    found = {key: Path(place).resolve() for key, place in places.items() if place and Path(place).name in names}
    return {key: place for key, place in found.items() if place in files}


def _is_module(value: Any) -> bool:
    return isinstance(value, nn.Module) or is_nnx(type(value))


def is_nnx(cls: type) -> bool:
    """Whether a class is a `flax.nnx.Module`."""
    # Asked by name, so that flax.nnx is imported for those only who use it.
    return any(c.__module__.startswith("flax.nnx") for c in cls.__mro__)


def _check_definition(own: OwnNetwork, definition: Any) -> None:
    needed = "name a flax.linen.Module or flax.nnx.Module class, or a function that returns a module"
    if isinstance(definition, type):
        if not (issubclass(definition, nn.Module) or is_nnx(definition)):
            raise UserError(f"{own.name} in {own.place} is a class but no Flax module: {needed}")
    elif is_nnx(type(definition)):
        raise UserError(f"{own.name} in {own.place} is made already, without a seed: {needed}")
    elif not isinstance(definition, nn.Module) and not inspect.isroutine(definition):
        raise UserError(f"{own.name} in {own.place} is a {type(definition).__name__}: {needed}")


def _candidates(module: types.ModuleType) -> list[str]:
    """The names in a module that a user may have meant."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, nn.Module) or getattr(value, "__module__", None) == module.__name__)
    ]


def _sizes(found: FoundNetwork, factor: float) -> dict[str, Any]:
    """The network's sizes times a factor; at 1 it keeps them as they are.

    One that takes `width` sets its other sizes by it.
    """
    if factor == 1:
        return {}
    defaults = {name: found.takes[name].default for name in _SIZES if name in found.takes}
    sizes = {name: scaled(value, factor) for name, value in defaults.items() if _is_size(value)}
    if "width" in sizes:
        return {"width": sizes["width"]}
    if not sizes:
        raise UserError(
            f"{_said(found)} takes no width: leave out --width, or let it take width, channels or hidden, with a "
            "number (or numbers) as default, which is multiplied by it"
        )
    return sizes


def _is_size(value: Any) -> bool:
    values = value if isinstance(value, tuple) and value else (value,)
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def scaled(size: Any, factor: float) -> Any:
    """A size, or each of several, times a factor: a count is rounded, and 1 or more."""
    if isinstance(size, tuple):
        return tuple(scaled(one, factor) for one in size)
    return max(1, round(size * factor)) if isinstance(size, int) else size * factor


def _activation(parameter: inspect.Parameter, name: str) -> Any:
    """The activation as the network takes it: a function where its default or its annotation is one."""
    function = activation_fn(name)
    annotation = str(parameter.annotation)
    return function if callable(parameter.default) or "Callable" in annotation else name


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _said(found: FoundNetwork) -> str:
    return f"{found.pinned.name} in {found.pinned.place}"
