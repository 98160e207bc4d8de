import shutil

import pytest

from ntk_repro.papers import find_figures
from ntk_repro.report import gather, write_results


@pytest.fixture(scope="session")
def entries(runs, tmp_path_factory):
    """A figure that is computed and one that is not, of two papers."""
    figures = [find_figures(name)[0] for name in ("lee2019/fig1", "ortiz2021/fig1")]
    return gather(figures, tmp_path_factory.mktemp("pictures"), runs)


@pytest.fixture(scope="session")
def kept(runs, tmp_path_factory):
    """A folder of references with one figure in it."""
    folder = tmp_path_factory.mktemp("kept")
    write_results(folder, tmp_path_factory.mktemp("drawn"), figures=find_figures("ortiz2021/fig1"), root=runs)
    return folder


@pytest.fixture
def reference(kept, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(kept, tmp_path / "reference")
