from typing import Any

import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.index import FIGURES, find_figures
from ntk_repro.papers.presets import load_figure_preset, preset_names
from ntk_repro.record import config_hash
from tests.refusals import refused

FIG2, FIG14 = FIGURES["ortiz2021/fig2"], FIGURES["ortiz2021/fig14"]

FILE = """
[quick]
cost = { minutes = 0.1 }
data = "mnist5k"
epochs = 3
seeds = [0, 1]
runs = [{ net = "mlp" }, { net = "lenet", epochs = 5, seeds = [7] }]
"""


def configs_of(figure, preset, **options) -> Any:
    """The settings of the runs; which there are depends on the study."""
    return load_figure_preset(figure, preset, **options).configs


def test_runs_take_shared_keys_then_their_own_once_for_each_seed(write_presets):
    write_presets(fig2=FILE)
    assert load_figure_preset(FIG2, "quick").cost == Cost(0.1)
    runs = [(config.net, config.seed, config.epochs) for config in configs_of(FIG2, "quick")]
    assert runs == [("mlp", 0, 3), ("mlp", 1, 3), ("lenet", 7, 5)]


def test_the_command_line_replaces_and_selects(write_presets):
    write_presets(fig2=FILE)
    found = configs_of(FIG2, "quick", nets=("lenet",), seeds=(3,), data="digits", n_train=None)
    assert [(c.net, c.seed, c.data, c.n_train) for c in found] == [("lenet", 3, "digits", None)]


@pytest.mark.parametrize(
    ("theirs", "mine", "drawn"),
    [
        ("", 'nets = ["lenet"]', slice(2, None)),
        ("", "keep = { epochs = 3 }", slice(2)),
        ('nets = ["lenet"]', "", slice(1)),
    ],
)
def test_runs_from_draws_the_runs_of_another_figure_by_network_and_setting(write_presets, theirs, mine, drawn):
    write_presets(fig2=f"{FILE}{theirs}", fig14=f'[quick]\nruns_from = "fig2"\n{mine}')
    preset = load_figure_preset(FIG14, "quick")
    assert preset.configs == tuple(configs_of(FIG2, "quick")[drawn])
    assert preset.sources == ("ortiz2021/fig2",)


def test_runs_from_takes_the_runs_of_several_figures(write_presets):
    write_presets(
        fig2=FILE, fig3=FILE.replace("epochs = 3", "epochs = 4"), fig14='[quick]\nruns_from = ["fig2", "fig3"]'
    )
    preset = load_figure_preset(FIG14, "quick")
    assert preset.configs == (*configs_of(FIG2, "quick"), *configs_of(FIGURES["ortiz2021/fig3"], "quick"))
    assert preset.sources == ("ortiz2021/fig2", "ortiz2021/fig3")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 3", "epoch = 3", r"unknown key of preset quick of ortiz2021/fig2 'epoch'; did you mean 'epochs'"),
        ("epochs = 5", "epoch = 5", r"unknown key of .*'epoch'; did you mean 'epochs'"),
        ("epochs = 3", 'epochs = "3"', r"epochs must be an integer"),
        ("[quick]", "[quik]", r"unknown preset 'quick'; did you mean 'quik'"),
        ("cost =", "seed = 1\ncost =", r"write seeds = \[1\] instead"),
        ("{ minutes = 0.1 }", '"seconds"', r"cost of preset quick of ortiz2021/fig2 must be a table, such as \{ minut"),
        ("minutes = 0.1", "minute = 1", r"'minute'; did you mean 'minutes'"),
        ("minutes = 0.1", "minutes = 0", r"minutes of a cost must be a number above 0, not 0"),
        ("minutes = 0.1", 'minutes = 1, device = "tpu"', r"device"),
    ],
)
def test_a_wrong_file_is_refused_by_name(write_presets, old, new, message):
    write_presets(fig2=FILE.replace(old, new))
    refused(message, load_figure_preset, FIG2, "quick")


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_figure_s10_of_lee2019_computes_only_networks_of_one_layer(preset):
    mine, theirs = (configs_of(FIGURES[f"lee2019/{name}"], preset) for name in ("figS10", "figS9"))
    assert mine == tuple(config for config in theirs if config.depth == 1)
    assert len(mine) < len(theirs)


@pytest.mark.parametrize(
    ("mine", "message"),
    [
        ('runs_from = "fig2"\nepochs = 2', r"takes its runs from fig2: epochs belongs there"),
        ('runs_from = "fig3"', r"from fig3, which takes them from fig2: name fig2 there"),
        ('runs_from = "fig2"\nkeep = { epoch = 3 }', r"did you mean 'epochs'"),
        ('runs_from = "fig2"\nkeep = { epochs = "3" }', r"epochs must be an integer"),
        ('runs_from = "fig2"\nkeep = ["lenet"]', r"must be a table, such as keep = \{ depth = 1 \}"),
        ('runs_from = "fig2"\nkeep = { epochs = 9 }', r"'quick' of ortiz2021/fig14 keeps no run of ortiz2021/fig2"),
        ("keep = { epochs = 3 }", r"ortiz2021/fig14 has keep without runs_from"),
        ('runs_from = "fig4"', r"unknown key of preset quick of ortiz2021/fig4 'epoch'"),
    ],
)
def test_runs_from_that_cannot_be_followed_are_refused_by_the_file_at_fault(write_presets, mine, message):
    files = {"fig3": '[quick]\nruns_from = "fig2"', "fig4": "[quick]\nepoch = 1"}
    write_presets(fig2=FILE, fig14=f"[quick]\n{mine}", **files)
    refused(message, load_figure_preset, FIG14, "quick")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias": 1}, r"unknown setting of the runs of ortiz2021/fig2 'bias'.* \(known: activation, "),
        ({"n_trian": 1}, "'n_trian'; did you mean 'n_train'?"),
        ({"imagenet": "here"}, "unknown setting of the runs of ortiz2021/fig2 'imagenet'"),
        ({"nets": ("lent",)}, "unknown network of ortiz2021/fig2 at preset quick 'lent'; did you mean 'lenet'"),
    ],
)
def test_options_that_the_runs_do_not_have_are_refused(write_presets, options, message):
    write_presets(fig2=FILE)
    refused(message, load_figure_preset, FIG2, "quick", **options)


FIG5, FIG6 = (FIGURES[f"samarin2022/{name}"] for name in ("fig5", "fig6"))


def test_the_folder_of_imagenet_goes_to_the_runs_on_snakes_only():
    configs = configs_of(FIG6, "paper", imagenet="here", data_dir="prepared")
    assert {(config.data, config.imagenet) for config in configs} == {("mnist", None), ("snakes", "here")}
    assert all(config.resolved() for config in configs)
    with pytest.raises(
        UserError, match="no run of samarin2022/fig6 at preset quick has --data snakes, without which --imagenet"
    ):
        load_figure_preset(FIG6, "quick", imagenet="here")
    (first, *_) = configs_of(FIG5, "quick", imagenet="here", data="snakes")
    assert (first.data, first.imagenet) == ("snakes", "here")


def hashes(figure: str, preset: str) -> list[str]:
    return [config_hash(config.resolved()) for config in configs_of(FIGURES[figure], preset)]


@pytest.mark.parametrize(
    ("figure", "preset"), [(name, preset) for name, figure in FIGURES.items() for preset in preset_names(figure)]
)
def test_every_preset_has_runs_that_its_study_takes_and_a_cost_or_those_of_another_figure(figure, preset):
    found, loaded = hashes(figure, preset), load_figure_preset(FIGURES[figure], preset)
    assert len(set(found)) == len(found)
    assert loaded.cost or loaded.sources != (figure,)


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_figures_share_the_runs_that_they_can(preset):
    ortiz2021, samarin2022 = (
        {figure.name: set(hashes(figure.id, preset)) for figure in find_figures(paper, papers=True)}
        for paper in ("ortiz2021", "samarin2022")
    )
    assert ortiz2021["fig6"] <= ortiz2021["table1"]
    assert ortiz2021["fig8"] <= ortiz2021["fig9"]
    if preset == "quick":
        assert ortiz2021["fig12"] < ortiz2021["fig2"]
        assert ortiz2021["fig7"] < ortiz2021["fig16"]
    else:
        nets = [ortiz2021[name] for name in ("fig3", "fig13", "fig14")]
        assert set.union(*nets) == ortiz2021["fig2"]
        assert sum(map(len, nets)) == len(ortiz2021["fig2"])
        assert {config.net for config in configs_of(FIGURES["ortiz2021/fig13"], preset)} == {"mlp"}
    # At quick Figure 4 has digits in place of CIFAR-10, so the table leaves it out.
    shown = set.union(samarin2022["fig2"], *([] if preset == "quick" else [samarin2022["fig4"]]))
    assert shown < samarin2022["tableA2"] <= shown | samarin2022["fig3"]


def test_figures_share_the_runs_of_days():
    """Many are runs of the paper's preset, which need not be computed again for that."""
    of = {name: set(hashes(name, "days")) for name, figure in FIGURES.items() if "days" in preset_names(figure)}
    assert of["samarin2022/fig2"] < of["samarin2022/fig3"]
    assert of["samarin2022/table1"] < of["samarin2022/table2"]
    assert of["lee2019/figS10"] < of["lee2019/figS9"]
    assert of["ortiz2021/fig13"] | of["ortiz2021/fig14"] == of["ortiz2021/fig2"]
    assert of["ortiz2021/fig6"] < of["ortiz2021/table1"]
    assert of["samarin2022/tableA2"] == of["samarin2022/fig3"] | of["samarin2022/fig4"]
    assert of["samarin2022/fig7"] == of["samarin2022/fig6"] < set(hashes("samarin2022/fig6", "paper"))
    papers = ["samarin2022/fig2", "samarin2022/fig3", "samarin2022/fig4"]
    for name in (*papers, "ortiz2021/fig4", "ortiz2021/fig6", "ortiz2021/fig7", "ortiz2021/fig10", "ortiz2021/table1"):
        assert of[name] <= set(hashes(name, "paper"))
