"""Presets: the tables [quick], [laptop], [paper] of a figure's TOML file."""

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError, unknown_name
from ntk_repro.record.config import restore_none

__all__ = ["load_preset", "load_presets"]


def load_presets(source: Path | Traversable | str) -> dict[str, dict[str, Any]]:
    """All presets of a TOML file by name.

    Every table at the top of the file is a preset; values that stand at the top, outside any table, hold for all
    presets, and a preset may override them. A preset lists under `unset` what is to be None, since TOML has no null.
    The values are not checked here: `from_dict` does that, where the dataclass they are for is known.

    Args:
        source: a file, or (a string that does not end in .toml) the TOML text itself.

    Raises:
        UserError: no such file, text that is not TOML, or a file without a preset.
    """
    name, text = _read(source)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not valid TOML ({error}): fix that line") from error
    presets = {key: value for key, value in content.items() if isinstance(value, dict)}
    if not presets:
        raise UserError(f"{name} has no preset: put its values under a table like [quick]")
    shared = {key: value for key, value in content.items() if key not in presets}
    return {
        preset: restore_none(_merged(shared, values), f"[{preset}] of {name}") for preset, values in presets.items()
    }


def load_preset(source: Path | Traversable | str, preset: str) -> dict[str, Any]:
    """The values of one preset; see `load_presets`.

    Raises:
        UserError: as `load_presets`, or an unknown preset (with the nearest known one).
    """
    presets = load_presets(source)
    if preset not in presets:
        raise unknown_name("preset", preset, presets)
    return presets[preset]


def _merged(shared: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    unset = values.get("unset", [])
    return {**{key: value for key, value in shared.items() if key not in unset}, **values}


def _read(source: Path | Traversable | str) -> tuple[str, str]:
    if isinstance(source, str):
        if not source.endswith(".toml") or "\n" in source:
            return "the TOML text", source
        source = Path(source)
    try:
        return str(source), source.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{source} cannot be read ({error.strerror}): check the path") from error
