"""The names and test files in the documentation exist."""

import pkgutil
import re

import pytest

from tests.docs.blocks import DOCS, PAGES, ROOT

NAMES = sorted({name for page in PAGES.values() for name in re.findall(r"`(ntk_repro(?:\.\w+)+)", page.read_text())})
# The last column of the tables of equations, and other pages.
TESTS = sorted(
    {name for page in DOCS.glob("*.md") for name in re.findall(r"`((?:\w+/)*test_\w+\.py)`", page.read_text())}
)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_documentation_can_be_imported(name):
    assert pkgutil.resolve_name(name) is not None


@pytest.mark.parametrize("name", TESTS)
def test_every_test_file_in_the_documentation_is_there(name):
    assert (ROOT / name).is_file() or (ROOT / "tests" / name).is_file()


def test_there_are_names_to_look_for():
    assert "ntk_repro.mse_dynamics" in NAMES
    assert "gp/test_posteriors.py" in TESTS
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("ntk_repro.mse_dynamic")
