"""Presets: the tables [quick], [laptop], [paper] of a figure's TOML file, and [days] of some."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ntk_repro.errors import UserError, check_name
from ntk_repro.record.config import parse_toml, restore_none


def load_presets(source: Path | Traversable) -> dict[str, dict[str, Any]]:
    """All presets of a TOML file by name.

    Every top-level table of the file is a preset; values outside any table hold for all presets, and a preset may
    override them. With `like = "<another preset>"` it has the values of that one where it has none itself. A preset
    lists under `unset` what is to be None, since TOML has no null.
    The values are not checked here: `from_dict` does that, for the dataclass that they are for.

    Args:
        source: the file.

    Raises:
        UserError: no such file, text that is not TOML, a file without a preset, or a preset like one that is unknown or
            itself like another.
    """
    try:
        content = parse_toml(source.read_text(encoding="utf-8"), str(source))
    except OSError as error:
        raise UserError(f"{source} cannot be read ({error.strerror}): check the path") from error
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    if not tables:
        raise UserError(f"{source} has no preset: put its values under a table like [quick]")
    presets = {}
    for preset, own in tables.items():
        values = _completed(own, tables, f"[{preset}] of {source}")
        replaced = {*tables, *values.get("unset", [])}
        shared = {key: value for key, value in content.items() if key not in replaced}
        presets[preset] = restore_none({**shared, **values}, f"[{preset}] of {source}")
    return presets


def _completed(own: dict[str, Any], tables: dict[str, dict[str, Any]], where: str) -> dict[str, Any]:
    if "like" not in own:
        return own
    check_name(f"preset that {where} is like", own["like"], tables)
    other = tables[own["like"]]
    if "like" in other:
        raise UserError(f"{where} is like {own['like']}, which is like {other['like']}: name {other['like']} there")
    return {key: value for key, value in {**other, **own}.items() if key != "like"}


def load_preset(source: Path | Traversable, preset: str) -> dict[str, Any]:
    """The values of one preset; see `load_presets`.

    Raises:
        UserError: as `load_presets`, or an unknown preset (with the nearest known one).
    """
    presets = load_presets(source)
    check_name("preset", preset, presets)
    return presets[preset]
