"""Settings that are typed on the command line, as name=value."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from ntk_repro.errors import UserError, check_name
from ntk_repro.papers.figure import Figure
from ntk_repro.papers.presets import study_settings

# Options of the command that are no settings of a study.
_OPTIONS = {"net": "nets", "nets": "nets", "seed": "seeds", "seeds": "seeds", "preset": "preset", "out": "out"}


def typed_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Settings as they are typed: numbers, true and false, none, lists with commas, and texts.

    >>> typed_settings(["width=0.5", "indices=2,5", "activation=gelu", "n_train=none", "baseline=false"])
    {'width': 0.5, 'indices': [2, 5], 'activation': 'gelu', 'n_train': None, 'baseline': False}
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UserError(f"--set takes name=value, such as width=0.5, and lists with commas, not {text!r}")
        name = name.replace("-", "_")
        if name in _OPTIONS:
            raise UserError(f"{text} is no setting: write --{_OPTIONS[name]} {value} in its place")
        if name in found:
            raise UserError(f"--set has {name} twice: write it once")
        entries = [_value(one.strip()) for one in value.split(",") if one.strip()]
        found[name] = entries if "," in value else entries[0] if entries else ""
    return found


def _value(text: str) -> Any:
    if text.lower() == "none":
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def applicable(figures: Sequence[Figure], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each figure the given settings that its runs have.

    A setting that only others of several figures have, and a data folder where no data are used, is left out and
    reported.

    Raises:
        UserError: a setting that no figure has.
    """
    settings = [study_settings(figure) for figure in figures]
    known = frozenset.union(*settings) | {"data_dir"}
    if "net" in given and "net" not in known:
        raise UserError(f"the runs of {figures[0].id} have no networks to choose from: leave out --nets")
    for key in given:
        check_name(f"setting of the runs of {' and '.join(figure.id for figure in figures)}", key, known)
    changes = []
    for figure, has in zip(figures, settings, strict=True):
        for key in given.keys() & known - has:
            print(f"{figure.id} has no setting {'nets' if key == 'net' else key.replace('_', '-')}: made without it")
        applied = {key: value for key, value in given.items() if key in has}
        changes.append({"nets" if key == "net" else key: value for key, value in applied.items()})
    return changes
