"""The package's public names resolve, are seen by type checkers, and cost nothing until they are used."""

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import ntk_repro

LAZY = sorted(set(ntk_repro.__all__) - {"__version__"})


@pytest.mark.parametrize("name", LAZY)
def test_the_name_resolves_to_its_home(name):
    home = importlib.import_module(ntk_repro._HOMES[name])
    value = getattr(ntk_repro, name)
    assert value is getattr(home, name)
    assert name in home.__all__
    assert value.__doc__


def test_all_names_are_listed_once_and_sorted():
    assert sorted(set(ntk_repro.__all__)) == ntk_repro.__all__
    assert set(LAZY) == set(ntk_repro._HOMES)
    assert set(ntk_repro.__all__) <= set(dir(ntk_repro))


def test_type_checkers_see_the_same_names_from_the_same_homes():
    tree = ast.parse(Path(ntk_repro.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: statement.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == ntk_repro._HOMES


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = ntk_repro.no_such_name  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_the_package_imports_nothing_heavy():
    code = """
import sys
before = set(sys.modules)
import ntk_repro
dir(ntk_repro)
new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert new == {"ntk_repro"}, new
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_using_every_name_imports_no_tensorflow_and_no_plotting():
    code = """
import sys
import ntk_repro
for name in ntk_repro.__all__:
    getattr(ntk_repro, name)
heavy = {"tensorflow", "tf2jax", "keras", "tensorflow_datasets", "matplotlib", "pandas", "sklearn", "mlxtend", "torch"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_version_is_the_one_of_the_installed_distribution():
    assert ntk_repro.__version__ == importlib.metadata.version("ntk_repro")
