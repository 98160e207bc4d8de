import pytest
from matplotlib import pyplot


@pytest.fixture(autouse=True)
def _pictures_without_a_screen():
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def ax():
    return pyplot.subplots()[1]
