"""What the documentation names is there."""

import importlib
import re

import pytest

from tests.docs.blocks import DOCS, PAGES, ROOT

NAMES = sorted({name for page in PAGES.values() for name in re.findall(r"`(ntk_repro(?:\.\w+)+)", page.read_text())})
# The last column of the tables of equations, and other pages.
TESTS = sorted(
    {name for page in DOCS.glob("*.md") for name in re.findall(r"`((?:\w+/)*test_\w+\.py)`", page.read_text())}
)


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


@pytest.mark.parametrize("name", TESTS)
def test_every_test_file_in_the_documentation_is_there(name):
    assert (ROOT / name).is_file() or (ROOT / "tests" / name).is_file()


def test_there_are_names_to_look_for():
    assert "ntk_repro.mse_dynamics" in NAMES
    assert "gp/test_posteriors.py" in TESTS
    with pytest.raises(AttributeError):
        found("ntk_repro.mse_dynamic")
