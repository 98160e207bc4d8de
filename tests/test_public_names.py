"""The package's public names resolve, are seen by type checkers, and cost nothing until they are used."""

import importlib
import importlib.metadata
import subprocess
import sys

import pytest

import ntk_repro
from ntk_repro.lazy_names import homes

LAZY = [
    (package, name, home)
    for package in ("ntk_repro", "ntk_repro.gram", "ntk_repro.dynamics", "ntk_repro.nads")
    for name, home in homes(importlib.import_module(package).__name__).items()
]


@pytest.mark.parametrize(("package", "name", "home"), LAZY)
def test_the_name_resolves_to_the_home_that_type_checkers_see(package, name, home):
    value = getattr(importlib.import_module(package), name)
    assert value is getattr(importlib.import_module(home), name)
    assert name in importlib.import_module(home).__all__
    assert value.__doc__


def test_all_names_are_listed_once_and_sorted():
    assert sorted(set(ntk_repro.__all__)) == ntk_repro.__all__
    assert set(ntk_repro.__all__) == {*homes("ntk_repro"), "__version__"}
    assert set(ntk_repro.__all__) <= set(dir(ntk_repro))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = ntk_repro.no_such_name  # pyright: ignore[reportAttributeAccessIssue]


NOTHING_HEAVY = """
import sys
before = set(sys.modules)
import ntk_repro
dir(ntk_repro)
new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert new == {"ntk_repro"}, new
"""
NO_PLOTTING = """
import sys
import ntk_repro
for name in ntk_repro.__all__:
    getattr(ntk_repro, name)
heavy = {"tensorflow", "tf2jax", "keras", "tensorflow_datasets", "matplotlib", "pandas", "sklearn", "mlxtend", "torch"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


@pytest.mark.parametrize("program", [NOTHING_HEAVY, pytest.param(NO_PLOTTING, marks=pytest.mark.slow)])
def test_importing_the_package_and_using_its_names_stay_light(program):
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_version_is_the_one_of_the_installed_distribution():
    assert ntk_repro.__version__ == importlib.metadata.version("ntk_repro")
