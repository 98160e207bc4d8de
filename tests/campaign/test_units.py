import pytest

from ntk_repro.campaign import read_entries, units_of
from ntk_repro.machine_speed import REFERENCE, MachineSpeed
from ntk_repro.papers import FIGURES, load_figure_preset
from tests.campaign.tiny import TASKS, TOY, written
from tests.docs.blocks import DOCS, blocks
from tests.refusals import refused


@pytest.fixture
def units(tmp_path, monkeypatch):
    twice = MachineSpeed(**{kind: 2 * seconds for kind, seconds in vars(REFERENCE).items()})
    monkeypatch.setattr("ntk_repro.campaign.units.machine_speed", lambda: twice)
    return lambda text: units_of(read_entries(written(tmp_path / "a", text)))


def test_units_are_the_runs_of_the_entries_with_their_shares_of_value_and_minutes(units):
    found = units(TASKS.format(seeds=[0, 1]) + TOY)
    assert [unit.config.seed for unit in found] == [0, 1, 2, 3, 4]
    assert [unit.value for unit in found] == pytest.approx([2 / 2] * 2 + [1 / 3] * 3)
    assert [unit.seconds for unit in found] == pytest.approx([2 * 3.2 * 60 / 3] * 2 + [2 * 0.1 * 60 / 3] * 3)
    assert found[0].memory == 8 * 150**2
    assert [unit.kind for unit in found[1:3]] == [
        ("cpu", "eigentasks", "quick", "mlp x1.0"),
        ("cpu", "nads_tangent_space", "quick", ""),
    ]


def test_a_run_of_several_figures_is_one_unit(units):
    found = units('[[entry]]\nfigure = "samarin2022/fig3"\n[[entry]]\nfigure = "samarin2022/fig1"\nmemory = "1GiB"\n')
    configs = load_figure_preset(FIGURES["samarin2022/fig3"], "quick").configs
    assert len(found) == len(configs)
    assert sum(unit.value for unit in found) == pytest.approx(2)


def test_a_preset_without_a_cost_takes_that_of_the_figures_whose_runs_it_draws(units):
    (minutes,) = {unit.seconds / 60 for unit in units('[[entry]]\nfigure = "samarin2022/fig1"')}
    preset = load_figure_preset(FIGURES["samarin2022/fig3"], "quick")
    assert preset.cost is not None
    assert minutes == pytest.approx(2 * preset.cost.minutes / len(preset.configs))


def test_the_list_of_the_documentation_is_one(units):
    (text,) = (block.text for block in blocks(DOCS / "campaign.md") if block.language == "toml")
    assert {unit.preset for unit in units(text)} == {"laptop"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no entry"),
        ("[[entry]", "is not valid TOML"),
        ('[[entry]]\npreset = "quick"', "figure is missing"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nsedes = [1]', "'sedes'; did you mean 'seeds'"),
        ('[[entry]]\nfigure = "ortiz2021/fig111"', "unknown figure 'ortiz2021/fig111'"),
        ('[[entry]]\nfigure = "fig2"', "fig2 names 3 figures: write lee2019/fig2 or"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\npreset = "qiuck"', "unknown preset 'qiuck'; did you mean 'quick'"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nvalue = 0', "must be above 0, not 0"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nmemory = "much"', "is no amount of memory"),
        ('[[entry]]\nfigure = "ortiz2021/fig2"\nnets = ["lennet"]', "did you mean 'lenet'"),
        ('[[entry]]\nfigure = "ortiz2021/fig2"\nchanges = { epoch = 3 }', "have no setting epoch"),
    ],
)
def test_bad_entries_are_refused_in_one_line(units, text, message):
    refused(message, units, text)


def test_a_missing_file_is_refused(tmp_path):
    refused("cannot be read", read_entries, tmp_path / "none.toml")
