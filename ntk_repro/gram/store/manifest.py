"""`manifest.json` of a Gram store: what matrix it is, and how its tiles are cut."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import read_json, write_text
from ntk_repro.record.config import canonical

__all__ = [
    "DTYPES",
    "MANIFEST",
    "check_same",
    "new_manifest",
    "plain_json",
    "read_manifest",
    "write_manifest",
]

DTYPES = ("float32", "float64")
MANIFEST = "manifest.json"
_FORMAT = "ntk_repro Gram store, version 1"


def new_manifest(
    path: Path, identity: Mapping[str, Any], n: int, tile: int, dtype: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a store that would begin now; see `GramStore.open`.

    Raises:
        UserError: a size below 1, another type, or values that JSON does not know.
    """
    if n < 1 or tile < 1:
        raise UserError(f"a Gram store of {n} rows in tiles of {tile} cannot be: give 1 or more of both")
    if dtype not in DTYPES:
        raise UserError(f"a Gram store holds {' or '.join(DTYPES)}, not {dtype}: convert the tiles")
    fields = {"format": _FORMAT, "identity": identity, "n": n, "tile": min(tile, n), "dtype": dtype}
    return plain_json({**fields, "settings": settings}, path)


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest where there is none; for the holder of the folder's lock.

    Raises:
        UserError: the folder holds something else.
    """
    if (path / MANIFEST).exists():
        return
    strangers = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if strangers:
        message = f"{path} holds {strangers[0]} but no {MANIFEST}, so whose store it is cannot be told"
        raise UserError(f"{message}: move the folder away or choose another one")
    write_text(path / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the store in a folder.

    Raises:
        UserError: there is none, or it is damaged or of another version.
    """
    if not (path / MANIFEST).exists():
        lost = path.is_dir() and any(path.iterdir())
        remedy = f"{MANIFEST} is lost: delete the folder and compute again" if lost else "compute it first"
        raise UserError(f"there is no Gram store in {path}: {remedy}, or name another folder")
    found = read_json(path / MANIFEST) or {}
    if found.get("format", _FORMAT) != _FORMAT:
        raise UserError(f"{path} is a {found['format']!r}, this program reads {_FORMAT!r}: update ntk_repro")
    kinds = {"identity": dict, "settings": dict, "n": int, "tile": int, "dtype": str, "format": str}
    whole = all(isinstance(found.get(name), kind) for name, kind in kinds.items())
    if not (whole and 1 <= found["tile"] <= found["n"] and found["dtype"] in DTYPES):
        message = f"{path / MANIFEST} is damaged, so what matrix the tiles are of cannot be told"
        raise UserError(f"{message}: put a copy of that file back, or delete the folder and compute again")
    return found


def check_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuses to continue a store of another matrix, with the first field that differs; tile and settings may."""
    named = [{**m["identity"], "n": m["n"], "dtype": m["dtype"]} for m in (there, here)]
    difference = _first_difference(*named)
    if difference is not None:
        name, old, new = difference
        message = f"the store in {path} is of another matrix ({name}: {old!r} there, {new!r} now)"
        raise UserError(f"{message}: delete it, or choose another folder")


def plain_json(mapping: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The mapping as JSON gives it back, NumPy's numbers as numbers."""

    def converted(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        raise UserError(f"{value!r} cannot be recorded in {path}: give numbers, strings, lists or mappings of them")

    return json.loads(json.dumps(mapping, default=converted))


def _first_difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    for name in [*here, *(name for name in there if name not in here)]:
        old, new = there.get(name, "absent"), here.get(name, "absent")
        if isinstance(old, dict) and isinstance(new, dict):
            inner = _first_difference(old, new)
            if inner is not None:
                return f"{name}.{inner[0]}", *inner[1:]
        elif canonical({"": old}) != canonical({"": new}):
            return name, old, new
    return None
