import pytest

from ntk_repro.papers import find_figures, load_figure_preset
from ntk_repro.papers.presets import study_of
from ntk_repro.report import gather


@pytest.fixture(scope="package")
def runs(tmp_path_factory):
    """A folder of runs with one figure computed at `quick`, the smallest there is."""
    root = tmp_path_factory.mktemp("runs")
    figure = find_figures("ortiz2021/fig1")[0]
    for config in load_figure_preset(figure, "quick").configs:
        study_of(figure).run(config, root=root)
    return root


@pytest.fixture(scope="package")
def entries(runs, tmp_path_factory):
    """A figure that is computed and one that is not, of two papers."""
    figures = [find_figures(name)[0] for name in ("lee2019/fig1", "ortiz2021/fig1")]
    return gather(figures, tmp_path_factory.mktemp("pictures"), runs)
