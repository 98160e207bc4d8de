import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, find_figures, preset_names
from ntk_repro.papers.resources import configs_dir, figures_dir


def test_a_full_id_is_one_figure():
    assert [figure.id for figure in find_figures("ortiz2021/fig2")] == ["ortiz2021/fig2"]


def test_a_bare_name_is_that_figure_of_every_paper():
    assert find_figures("fig2") == [figure for figure in FIGURES.values() if figure.name == "fig2"]


@pytest.mark.parametrize(("name", "nearest"), [("ortiz2021/fig22", "'ortiz2021/fig2'"), ("fgi13", "'fig13'")])
def test_an_unknown_name_is_answered_with_the_nearest(name, nearest):
    with pytest.raises(UserError, match=f"unknown figure '{name}'; did you mean {nearest}"):
        find_figures(name)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.id)
def test_every_figure_has_presets_a_script_and_claims(figure):
    assert preset_names(figure) == ("quick", "laptop", "paper")
    assert (figures_dir() / f"{figure.id}.py").is_file()
    assert figure.claims
    assert (configs_dir() / f"{figure.id}.toml").is_file()
