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
    assert value.__doc__


def test_all_names_are_listed_once_and_sorted():
    assert sorted(set(ntk_repro.__all__)) == ntk_repro.__all__
    assert set(ntk_repro.__all__) == {*homes("ntk_repro"), "__version__"}
    assert set(ntk_repro.__all__) <= set(dir(ntk_repro))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = ntk_repro.no_such_name  # pyright: ignore[reportAttributeAccessIssue]


HEAVY = {"tensorflow", "tf2jax", "keras", "tensorflow_datasets", "matplotlib", "pandas", "sklearn", "mlxtend", "torch"}
EVERY_NAME = "import ntk_repro; [getattr(ntk_repro, name) for name in ntk_repro.__all__]"
ENVIRONMENT = "from ntk_repro.record import environment; assert environment()['device'] is None"


@pytest.mark.parametrize(
    ("program", "jax"),
    [
        ("import ntk_repro; dir(ntk_repro); ntk_repro.__path__", False),
        ("import ntk_repro.data", False),
        ("import ntk_repro.__main__", False),
        (ENVIRONMENT, False),
        pytest.param(EVERY_NAME, True, marks=pytest.mark.slow),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(program, jax):
    heavy = HEAVY | (set() if jax else {"jax", "flax"})
    code = f"import sys; {program}; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_importing_the_package_imports_the_standard_library_alone():
    code = "import sys; before = set(sys.modules); import ntk_repro; print(*(set(sys.modules) - before))"
    new = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {name.split(".")[0] for name in new} <= {"ntk_repro", *sys.stdlib_module_names}


def test_version_is_the_one_of_the_installed_distribution():
    assert ntk_repro.__version__ == importlib.metadata.version("ntk_repro")
