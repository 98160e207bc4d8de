import shutil

import pytest

from ntk_repro.papers import FIGURES, draw_figure, load_figure_preset
from ntk_repro.record import RunFolder
from ntk_repro.report import gather, write_results

FIGURE = FIGURES["ortiz2021/fig1"]


@pytest.fixture(scope="session")
def entries(runs, tmp_path_factory):
    """A figure that is computed and one that is not, of two papers."""
    return gather([FIGURES["lee2019/fig1"], FIGURE], tmp_path_factory.mktemp("pictures"), runs)


@pytest.fixture(scope="session")
def drawn(runs, tmp_path_factory):
    """The figure as its own drawing script makes it from the run folders."""
    configs = load_figure_preset(FIGURE, "quick").configs
    folders = [RunFolder.locate(FIGURE.folder, config.resolved(), root=runs) for config in configs]
    return draw_figure(FIGURE, folders, preset="quick", out=tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="session")
def kept(runs, tmp_path_factory):
    """A folder of references with one figure in it."""
    folder = tmp_path_factory.mktemp("kept")
    write_results(folder, tmp_path_factory.mktemp("drawn"), figures=[FIGURE], presets=["quick"], root=runs)
    return folder


@pytest.fixture
def reference(kept, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(kept, tmp_path / "reference")
