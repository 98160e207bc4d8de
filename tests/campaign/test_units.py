import numpy as np
import pytest

from ntk_repro.campaign import read_entries, units_of
from ntk_repro.machine_speed import REFERENCE, MachineSpeed
from ntk_repro.papers import FIGURES, load_figure_preset
from ntk_repro.papers.expected import work
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
    assert [unit.seconds for unit in found] == pytest.approx([24.0] * 5)  # the least that a run takes, at half speed
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
    minutes = [unit.seconds / 60 for unit in units('[[entry]]\nfigure = "samarin2022/fig1"')]
    preset = load_figure_preset(FIGURES["samarin2022/fig3"], "quick")
    assert preset.cost is not None
    works = np.array([work(config) for config in preset.configs])
    assert max(works) > 2 * min(works)
    shares = 2 * preset.cost.minutes * works / works.sum()
    least = 0.4  # minutes, at half speed
    assert sorted(minutes) == pytest.approx(sorted(np.maximum(shares, least)))


def test_the_list_of_the_documentation_is_one(units):
    (text,) = (block.text for block in blocks(DOCS / "campaign.md") if block.language == "toml")
    assert {unit.preset for unit in units(text)} == {"laptop"}


def test_the_list_for_the_papers_scale_is_one():
    found = units_of(read_entries(DOCS.parent / "campaigns/papers_scale.toml"))
    assert {unit.preset for unit in found} == {"days", "paper"}
    assert {unit.config.seed for unit in found if unit.folder == "finite_width_training"} == {0, 1, 2, 3, 4}


def test_the_list_for_a_gpu_is_of_resnet18_at_full_width():
    found = units_of(read_entries(DOCS.parent / "campaigns/gpu_day.toml"))
    assert {(unit.preset, getattr(unit.config, "net", "")) for unit in found} == {("paper", "resnet18")}
    assert {getattr(unit.config, "width", 1) for unit in found} == {1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no entry"),
        ("entry = []", "has no entry"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\n[[entry]]\nfigure = "fig99"', r"entry 2 \(fig99\): unknown"),
        (
            '[[entry]]\nfigure = "ortiz2021/fig2"\nchanges = { seeds = [3] }',
            "changes has seeds: write seeds in the entry",
        ),
        ('[[entry]]\nfigure = "ortiz2021/fig2"\nchanges = { seed = 3 }', "changes has seed: write seeds in the entry"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nmemory = "6"', "such as 6GiB"),
        ("[[entry]", "is not valid TOML"),
        ('[[entry]]\npreset = "quick"', "figure is missing"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nsedes = [1]', "'sedes'; did you mean 'seeds'"),
        ('[[entry]]\nfigure = "ortiz2021/fig111"', "unknown figure 'ortiz2021/fig111'"),
        ('[[entry]]\nfigure = "fig2"', "fig2 names 3 figures: write lee2019/fig2 or"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\npreset = "qiuck"', "unknown preset 'qiuck'; did you mean 'quick'"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nvalue = 0', "must be above 0, not 0"),
        ('[[entry]]\nfigure = "ortiz2021/fig1"\nmemory = "much"', "is not an amount of memory"),
        ('[[entry]]\nfigure = "ortiz2021/fig2"\nnets = ["lennet"]', "did you mean 'lenet'"),
        ('[[entry]]\nfigure = "ortiz2021/fig2"\nchanges = { epoch = 3 }', "'epoch'; did you mean 'epochs'"),
    ],
)
def test_bad_entries_are_refused_in_one_line(units, text, message):
    refused(message, units, text)


def test_a_missing_file_is_refused(tmp_path):
    refused("cannot be read", read_entries, tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.toml").write_bytes(b"\xff\xfe")
    refused("save it as such", read_entries, tmp_path / "list.toml")


def test_seeds_and_entries_that_are_named_twice_are_one_run(units):
    found = units(TASKS.format(seeds=[0, 0, 1]))
    assert [(unit.config.seed, unit.value) for unit in found] == [(0, 1.0), (1, 1.0)]


def test_what_a_preset_needs_and_on_which_device_its_minutes_are_stay_with_the_unit(units):
    entry = '[[entry]]\nfigure = "samarin2022/{}"\npreset = "paper"\nseeds = [0]\n'
    found = {
        (unit.study.name, unit.device, unit.needs) for unit in units(entry.format("table1") + entry.format("fig5"))
    }
    memory = "60 GB of memory at x1, 115 GB at all other widths"
    assert found == {("finite_width.solver", "cpu", memory), ("finite_width.training", "gpu", "ImageNet")}


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ('data = "digits", n_train = 100, n_test = 50, batch_size = 20, indices = [2, 3]', ""),
        ("n_train = 6000", "mnist5k has 4,000 training images, not the 6,000 of the preset"),
        ("n_train = 200, n_test = 100, indices = [2, 900]", "300 images have 300 eigenfunctions"),
        ('data = "cifra10"', "unknown data set 'cifra10'; did you mean 'cifar10'"),
    ],
)
def test_a_unit_whose_images_are_not_there_says_so_before_it_runs(units, changes, trouble):
    (unit,) = units(f'[[entry]]\nfigure = "ortiz2021/fig2"\nnets = ["mlp"]\nchanges = {{ {changes} }}')
    assert unit.trouble.startswith(trouble)
    assert bool(unit.trouble) == bool(trouble)
