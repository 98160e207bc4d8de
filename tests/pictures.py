"""Pictures in tests: drawn without a screen, closed afterwards."""

import pytest
from matplotlib import pyplot


@pytest.fixture(autouse=True)
def pictures_without_a_screen():
    """Of every test in the folders whose conftest.py imports it."""
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
