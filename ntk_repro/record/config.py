"""A frozen dataclass as a run's identity: its hash, its TOML, and how it is built from a mapping."""

import dataclasses
import hashlib
import itertools
import json
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import tomli_w

from ntk_repro.errors import UserError, check_name, unknown_name, with_article

T = TypeVar("T")

# TOML has no null: the dotted names of the fields that are None are listed at the top of the file.
_UNSET = "unset"


def config_to_dict(config: Any) -> dict[str, Any]:
    """The identity of a config: its fields as plain values (str, int, float, bool, None, list, dict).

    Fields with `metadata={"identity": False}` (where the data are, how progress is shown) are left out: they do not
    change the result. So are those with `metadata={"added": True}` at their default, which did not exist when the first
    runs were made. Tuples become lists, paths strings, NumPy scalars numbers; an int in a field annotated
    `float` becomes a float, so that 1 and 1.0 are one config.

    Raises:
        UserError: a value that a config cannot hold (an array, a function).
    """
    return _fields_to_dict(config, identity=True)


def settings_to_dict(config: Any) -> dict[str, Any]:
    """The top-level fields that are not part of the config's identity, as plain values."""
    return _fields_to_dict(config, identity=False)


def differing_settings(config: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """The fields in which two configs of one class are different runs: the values of both, by name."""
    ours, theirs = config_to_dict(config), config_to_dict(other)
    names = dict.fromkeys((*ours, *theirs))
    both = {name: (getattr(config, name), getattr(other, name)) for name in names}
    return {name: both[name] for name in names if ours.get(name) != theirs.get(name)}


def config_hash(config: Any) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the config's identity, written as canonical JSON."""
    return mapping_hash(config_to_dict(config))


def mapping_hash(identity: Mapping[str, Any]) -> str:
    """The same of the identity as plain values."""
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:12]


def canonical(mapping: Mapping[str, Any]) -> str:
    """JSON that is equal for equal mappings: sorted keys, no spaces, NaN and Infinity as names."""
    return json.dumps(mapping, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def config_to_toml(mapping: Mapping[str, Any]) -> str:
    """TOML of a mapping of plain values; the names of those that are None are listed under `unset`.

    Raises:
        UserError: a field called `unset`, or a None inside a list.
    """
    if _UNSET in mapping:
        raise UserError(f"a config cannot have a field called {_UNSET!r}: its TOML uses that name for None")
    unset: list[str] = []
    body = _without_none(mapping, "", unset)
    return tomli_w.dumps({_UNSET: unset, **body} if unset else body)


def config_from_toml(text: str, source: str = "the TOML text") -> dict[str, Any]:
    """The mapping that `config_to_toml` wrote, with None restored.

    Raises:
        UserError: text that is not TOML, or an `unset` that is not a list of names of absent fields.
    """
    return restore_none(parse_toml(text, source), source)


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text, as they are written."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML ({error}): fix that line") from error


def restore_none(mapping: dict[str, Any], source: str) -> dict[str, Any]:
    """Sets the fields listed under `unset` to None and drops the list; see `config_to_toml`."""
    unset = mapping.pop(_UNSET, [])
    if not isinstance(unset, list) or not all(isinstance(name, str) for name in unset):
        raise UserError(f"{_UNSET!r} in {source} must be a list of field names, like {_UNSET} = ['n_train']")
    for name in unset:
        *parents, last = name.split(".")
        table = mapping
        for parent in parents:
            table = table.setdefault(parent, {})
        if not isinstance(table, dict) or last in table:
            raise UserError(f"{source} both sets {name!r} and lists it under {_UNSET!r}: remove one of the two")
        table[last] = None
    return mapping


def from_dict(cls: type[T], mapping: Mapping[str, Any], source: str = "") -> T:
    """Builds the dataclass `cls` from a mapping, checking names and types.

    Understands bool, int, float (takes an int), str, Path, Literal, Optional and unions, list, tuple, dict and nested
    dataclasses.

    Args:
        cls: a dataclass type.
        mapping: its fields by name; those that have a default may be missing.
        source: where the mapping is from, such as a path, for messages.

    Raises:
        UserError: unknown name (with the nearest known one), missing name, value of another type.
    """
    try:
        return _from_table(cls, mapping)
    except UserError as error:
        raise UserError(f"{source}: {error}" if source else str(error)) from error


def _from_table(cls: type[T], mapping: Mapping[str, Any], name: str = "") -> T:
    """As `from_dict`; `name` is the dotted name of the mapping."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls)) if field.init}
    prefix = f"{name}." if name else ""
    for key in mapping:
        check_name(f"option of {name or cls.__name__}", str(key), fields)
    for key, field in fields.items():
        has_default = not (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        if key not in mapping and not has_default:
            raise UserError(f"option {prefix}{key} is missing and has no default: set it")
    return cls(**{key: _converted(value, hints[key], prefix + key) for key, value in mapping.items()})


# The types of the values that an option takes, if it takes values of other types than its own.
_ACCEPTED = {list: (list, tuple), tuple: (list, tuple), dict: Mapping, float: (int, float), Path: (str, Path)}


def _converted(value: Any, hint: Any, name: str) -> Any:
    """`value` as the type `hint` asks for; UserError where it is not of that type."""
    kind: Any = typing.get_origin(hint) or hint
    if kind is Any:
        return value
    if kind in (Union, types.UnionType):
        return _of_union(value, hint, name)
    if kind is Literal:
        return _of_choices(value, hint, name)
    if not _takes(kind, value):
        raise _refusal(value, hint, name)
    if kind in (list, tuple):
        items = _entry_hints(hint, len(value))
        if len(items) != len(value):
            raise UserError(f"option {name} must have {len(items)} entries, not {len(value)}: change it")
        pairs = enumerate(zip(value, items, strict=True))
        return kind(_converted(entry, item, f"{name}[{i}]") for i, (entry, item) in pairs)
    if kind is dict:
        _, item = typing.get_args(hint) or (Any, Any)
        return {key: _converted(entry, item, f"{name}.{key}") for key, entry in value.items()}
    if isinstance(value, Mapping):
        return _from_table(kind, value, name)
    return kind(value) if kind in (float, Path) else value


def _takes(kind: Any, value: Any) -> bool:
    """Whether an option of type `kind` takes a value; its entries are not checked."""
    accepted: Any = (kind, Mapping) if dataclasses.is_dataclass(kind) else _ACCEPTED.get(kind, kind)
    return isinstance(value, accepted) and not (isinstance(value, bool) and kind is not bool)


def _of_union(value: Any, hint: Any, name: str) -> Any:
    options = _members(hint)
    # Exact types first, so that an int in `float | int` stays an int.
    for option in sorted(options, key=lambda option: type(value) is not option):
        try:
            return _converted(value, option, name)
        except UserError:
            continue
    # The message of the option that was meant names the wrong key of a table, or the nearest choice.
    tables = [option for option in options if isinstance(value, Mapping) and dataclasses.is_dataclass(option)]
    choices = [option for option in options if isinstance(value, str) and typing.get_origin(option) is Literal]
    meant = tables if len(tables) == 1 else choices
    if meant:
        return _converted(value, meant[0], name)
    raise _refusal(value, hint, name)


def _of_choices(value: Any, hint: Any, name: str) -> Any:
    choices = typing.get_args(hint)
    if value in choices and type(value) in map(type, choices):
        return value
    if isinstance(value, str) and all(isinstance(choice, str) for choice in choices):
        raise unknown_name(f"value of {name}", value, choices)
    raise _refusal(value, hint, name)


def _refusal(value: Any, hint: Any, name: str) -> UserError:
    return UserError(f"option {name} must be {_described(hint)}, not {value!r}: change it")


def _entry_hints(hint: Any, count: int) -> tuple:
    """The types of the entries of a list or tuple of that many."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and arguments[1:] != (Ellipsis,):
        return arguments
    return (arguments[0] if arguments else Any,) * count


def _described(hint: Any) -> str:
    """A type, for messages."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin in (list, tuple):
        several = {int: "integers", float: "numbers", str: "strings"}
        return "a list of " + several.get(arguments[0], _described(arguments[0]))
    names = {int: "an integer", float: "a number", str: "a string", bool: "true or false", type(None): "unset"}
    if hint in names:
        return names[hint]
    return "a table" if origin is dict or dataclasses.is_dataclass(hint) else getattr(hint, "__name__", str(hint))


def _fields_to_dict(config: Any, identity: bool) -> dict[str, Any]:
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise UserError(f"a config must be an instance of a dataclass, not {config!r}: build one")
    hints = typing.get_type_hints(type(config))
    names = [
        field.name
        for field in dataclasses.fields(config)
        if field.metadata.get("identity", True) == identity
        and not (field.metadata.get("added") and getattr(config, field.name) == field.default)
    ]
    return {name: _plain(getattr(config, name), hints[name], name) for name in names}


def _plain(value: Any, hint: Any, name: str) -> Any:
    """`value` in the types that JSON and TOML share."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | float):
        wants_float = float in _members(hint) and int not in _members(hint)
        return float(value) if wants_float else value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        items = itertools.chain(_entry_hints(_member(hint, list, tuple), len(value)), itertools.repeat(Any))
        return [_plain(entry, item, f"{name}[{i}]") for i, (entry, item) in enumerate(zip(value, items, strict=False))]
    if isinstance(value, Mapping):
        _, item = typing.get_args(_member(hint, dict)) or (Any, Any)
        return {str(key): _plain(entry, item, f"{name}.{key}") for key, entry in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return config_to_dict(value)
    held = with_article(type(value).__name__)
    raise UserError(f"config field {name} holds {held}: use numbers, strings, tuples and dataclasses")


def _members(hint: Any) -> tuple:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _member(hint: Any, *kinds: type) -> Any:
    """The first of these kinds in `hint`, with the types of its entries; Any where there is none."""
    return next((member for member in _members(hint) if typing.get_origin(member) in kinds), Any)


def _without_none(mapping: Mapping[str, Any], prefix: str, unset: list[str]) -> dict[str, Any]:
    body = {}
    for name, value in mapping.items():
        if value is None:
            if "." in name:
                raise UserError(f"config field {prefix}{name} is None and has a dot in its name: rename it")
            unset.append(prefix + name)
        elif isinstance(value, Mapping):
            before = len(unset)
            body[name] = _without_none(value, f"{prefix}{name}.", unset)
            if "." in name and len(unset) > before:
                raise UserError(f"config field {prefix}{name} holds a None and has a dot in its name: rename it")
        else:
            _refuse_none_inside(value, prefix + name)
            body[name] = value
    return body


def _refuse_none_inside(value: Any, name: str) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            if entry is None:
                raise UserError(f"config field {name} has a None inside a list, which TOML cannot hold: leave it out")
            _refuse_none_inside(entry, name)
