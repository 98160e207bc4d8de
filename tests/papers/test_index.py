import pytest

from ntk_repro.papers import FIGURES, find_figures, preset_names
from ntk_repro.papers.resources import configs_dir, figures_dir
from tests.refusals import refused


def test_a_full_id_is_one_figure():
    assert [figure.id for figure in find_figures("ortiz2021/fig2")] == ["ortiz2021/fig2"]


def test_a_bare_name_is_that_figure_of_every_paper():
    assert [figure.id for figure in find_figures("fig2")] == ["lee2019/fig2", "ortiz2021/fig2", "samarin2022/fig2"]


def test_the_target_of_make_names_its_figure():
    assert find_figures("ortiz2021-fig2") == find_figures("ortiz2021/fig2")


def test_the_name_of_a_paper_is_all_of_its_figures_in_its_order():
    names = [figure.name for figure in find_figures("samarin2022", papers=True)]
    numbered = [*(f"fig{n}" for n in range(1, 8)), "table1", "table2", "figA2", "figA3", "tableA1", "tableA2"]
    assert names == [*numbered, "grid", "ridges", "sizes", "variants"]
    assert [figure.name for figure in find_figures("ortiz2021", papers=True)][-2:] == ["lemma1", "theorem1"]


@pytest.mark.parametrize(
    ("name", "nearest", "papers"),
    [("ortiz2021/fig22", "'ortiz2021/fig2'", False), ("fgi13", "'fig13'", False), ("ortiz202", "'ortiz2021'", True)],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, nearest, papers):
    refused(f"unknown .*figure '{name}'; did you mean {nearest}", find_figures, name, papers=papers)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.id)
def test_every_figure_has_presets_a_script_and_claims(figure):
    assert preset_names(figure) in (("quick", "laptop", "paper"), ("quick", "laptop", "days", "paper"))
    assert (figures_dir() / f"{figure.id}.py").is_file()
    assert figure.claims
    assert (configs_dir() / f"{figure.id}.toml").is_file()


def test_the_name_of_a_paper_leads_to_its_figures():
    refused("lee2019 is a paper: name one of its figures", find_figures, "lee2019")
    assert {figure.paper.name for figure in find_figures("lee2019", papers=True)} == {"lee2019"}
