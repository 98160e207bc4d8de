"""`manifest.json` of a Gram store: what matrix it is, and how its tiles are cut."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from ntk_repro.errors import UserError
from ntk_repro.record.atomic import read_json, write_text
from ntk_repro.record.config import canonical, from_dict

MANIFEST = "manifest.json"
_FORMAT = "ntk_repro Gram store, version 1"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a store was begun with; see `GramStore.open`."""

    identity: dict[str, Any]
    n: int
    tile: int
    dtype: Literal["float32", "float64"]
    settings: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest of the store in a folder.

        Raises:
            UserError: there is none, or it is damaged or of another version.
        """
        if not (path / MANIFEST).exists():
            lost = path.is_dir() and any(path.iterdir())
            remedy = f"{MANIFEST} is lost: delete the folder and compute again" if lost else "compute it first"
            raise UserError(f"there is no Gram store in {path}: {remedy}, or name another folder")
        found = read_json(path / MANIFEST) or {}
        version = found.pop("format", None)
        if version not in (None, _FORMAT):
            raise UserError(f"{path} has the format {version!r}, and this program reads {_FORMAT!r}: update ntk_repro")
        with contextlib.suppress(UserError):
            manifest = from_dict(cls, found)
            if version and 1 <= manifest.tile <= manifest.n:
                return manifest
        message = f"{path / MANIFEST} is damaged, so the matrix in the tiles is unknown"
        raise UserError(f"{message}: put a copy of that file back, or delete the folder and compute again")

    def write(self, path: Path) -> None:
        """Writes the manifest where there is none; for the holder of the folder's lock.

        Raises:
            UserError: the folder holds something else.
        """
        if (path / MANIFEST).exists():
            return
        unexpected = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
        if unexpected:
            message = f"{path} holds {unexpected[0]} but no {MANIFEST}, so whose store it is cannot be determined"
            raise UserError(f"{message}: move the folder away or choose another one")
        write_text(path / MANIFEST, json.dumps({"format": _FORMAT, **vars(self)}, indent=2) + "\n")

    def check_same(self, path: Path, wanted: "Manifest") -> None:
        """Refuses to continue a store of another matrix, with the first field that differs; tile and settings may."""
        stored, given = (dict(_flat({**m.identity, "n": m.n, "dtype": m.dtype})) for m in (self, wanted))
        for name in {**given, **stored}:
            old, new = stored.get(name, "absent"), given.get(name, "absent")
            if canonical({"": old}) != canonical({"": new}):
                message = f"the store in {path} is of another matrix ({name}: {old!r} there, {new!r} now)"
                raise UserError(f"{message}: delete it, or choose another folder")


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values by dotted name."""
    for name, value in mapping.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def plain_json(mapping: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The mapping as JSON gives it back, NumPy's numbers as numbers.

    Raises:
        UserError: a value that JSON does not know.
    """

    def converted(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        raise UserError(f"{value!r} cannot be recorded in {path}: give numbers, strings, lists or mappings of them")

    return json.loads(json.dumps(mapping, default=converted))
