"""What the documentation names is there."""

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
NAMES = sorted({name for page in DOCS.glob("*.md") for name in re.findall(r"`(ntk_repro(?:\.\w+)+)", page.read_text())})


def found(name: str) -> object:
    """What a dotted name leads to: a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            value = getattr(value, part)
        return value
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_documentation_can_be_imported(name):
    assert found(name) is not None


def test_there_are_names_to_look_for():
    assert "ntk_repro.mse_dynamics" in NAMES
    with pytest.raises(AttributeError):
        found("ntk_repro.mse_dynamic")
