import pytest
from matplotlib import pyplot

from tests.pictures import pictures_without_a_screen  # noqa: F401


@pytest.fixture
def ax():
    return pyplot.subplots()[1]
