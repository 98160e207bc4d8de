import pytest

from ntk_repro.papers import find_figures
from ntk_repro.report import gather


@pytest.fixture(scope="session")
def entries(runs, tmp_path_factory):
    """A figure that is computed and one that is not, of two papers."""
    figures = [find_figures(name)[0] for name in ("lee2019/fig1", "ortiz2021/fig1")]
    return gather(figures, tmp_path_factory.mktemp("pictures"), runs)
