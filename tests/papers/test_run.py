import json
import re
import sys
from dataclasses import replace

import pytest

from ntk_repro.__main__ import main
from ntk_repro.data import dataset_sizes
from ntk_repro.papers import Plan, draw_figure, load_figure_preset, presets, reproduce, study_settings
from ntk_repro.papers.index import FIGURES
from ntk_repro.papers.presets import Study, study_of
from ntk_repro.record import RunFolder
from ntk_repro.record.config import config_to_dict
from tests.finished_run import finished_run
from tests.refusals import refused

SLOW = pytest.mark.slow
FIG2 = FIGURES["ortiz2021/fig2"]
FILE = '[quick]\nindices = [2, 11, 51, 101]\nseeds = [0, 1]\nruns = [{ net = "mlp" }]'


@pytest.fixture
def replace_run(monkeypatch):
    """Makes a function of the settings, or of them and the folder of runs, compute the runs of a figure."""

    def replaced(figure, run):
        run.load = lambda config: None
        study = study_of(figure)
        for module in (presets, sys.modules["ntk_repro.papers.run"]):
            monkeypatch.setattr(module, "study_of", lambda figure: Study(study.name, study.config, run))

    return replaced


@pytest.fixture
def configs_of(tmp_path, monkeypatch, replace_run):
    """Makes a figure without computing or drawing it; returns the settings of its runs."""
    monkeypatch.setattr(sys.modules["ntk_repro.papers.run"], "draw_figure", lambda *args, **kwargs: None)

    def made(figure_id, preset="quick", **changes):
        configs, figure = [], FIGURES[figure_id]

        def run(config, root):
            configs.append(config.resolved())
            return RunFolder(tmp_path, {}, None, None)

        replace_run(figure, run)
        reproduce(figure, preset, root=tmp_path, **changes)
        return configs

    return made


def test_a_figure_is_computed_drawn_and_judged(tmp_path, write_presets, replace_run):
    write_presets(fig2=FILE)
    computed = []

    def run(config, root):
        computed.append(config.seed)
        return finished_run(root, config.net, config.seed)

    replace_run(FIG2, run)
    made = reproduce(FIG2, "quick", root=tmp_path / "runs", out=tmp_path / "out")

    assert computed == [0, 1]
    endings = (".png", ".pdf", ".json", "_claims.json")
    assert [path.name for path in made.files] == [f"ortiz2021_fig2{ending}" for ending in endings]
    assert all(path.stat().st_size > 0 for path in made.files)
    saved = json.loads(made.files[-1].read_text())
    assert saved["figure"] == "ortiz2021/fig2"
    assert saved["claims"] == made.claims
    # Both accuracies fall, on digits.
    assert [(claim["holds"], claim["number"]) for claim in made.claims[:2]] == [(None, 1), (None, 1)]


@pytest.fixture
def computed(write_presets, configs_of):
    """The settings of Figure 2's runs, of 4,000 and 300 images each."""
    write_presets(fig2=FILE.replace("seeds = [0, 1]", "n_train = 4000\nn_test = 300\nseeds = [0, 1]"))
    return lambda **changes: configs_of("ortiz2021/fig2", **changes)


@pytest.mark.parametrize(
    ("changes", "expected", "reported"),
    [
        ({"data": "digits"}, {"n_train": 1442}, "digits has 1,442 training images, not the 4,000 of the preset"),
        ({"n_train": 25, "n_test": 20}, {"batch_size": 25}, "all 25 training images are one batch, not"),
        pytest.param({"n_train": 40, "n_test": 20}, {"indices": (2, 11, 51)}, "60 images have 60 eigen", marks=SLOW),
        # Counts that are asked for, and counts that fit, stay.
        ({"data": "digits", "n_train": 5000}, {"n_train": 5000}, ""),
        pytest.param({"data": "mnist5k"}, {"n_train": 4000, "n_test": 300}, "", marks=SLOW),
        pytest.param({"n_train": 1000, "n_test": 20}, {"batch_size": 128}, "", marks=SLOW),
        pytest.param({}, {"n_train": 4000}, "", marks=SLOW),
    ],
)
def test_runs_are_made_to_fit_the_images_and_that_is_reported(changes, expected, reported, computed, capsys):
    configs = computed(**changes)
    assert [{name: getattr(config, name) for name in expected} for config in configs] == [expected] * 2
    shown = capsys.readouterr().err
    assert reported in shown
    assert reported or not re.search("all are taken|are one batch|are left out", shown)


def test_the_baseline_can_be_left_out(computed, monkeypatch):
    monkeypatch.setattr(sys.modules["ntk_repro.__main__"], "_show", lambda made: None)
    expected = [False, False, True, True]
    assert [config.baseline for config in computed(baseline=False) + computed()] == expected
    found = []
    monkeypatch.setattr("ntk_repro.papers.Plan.compute", lambda plan, out: found.extend(plan.configs))
    main(["run", "ortiz2021/fig2", "--no-baseline"])
    main(["run", "ortiz2021/fig2"])
    assert [config.baseline for config in found] == expected


def test_a_run_that_cannot_be_is_refused_before_the_first_is_computed(computed):
    """The second network is beyond any memory, which its study finds out as it loads its images."""
    plan = Plan.of(FIG2, n_train=20, n_test=10)
    first, second = plan.configs
    replace(plan, configs=(first,)).check()
    refused(r"a network of [\d,]+ parameters needs", replace(plan, configs=(first, replace(second, width=1e6))).check)


@pytest.mark.parametrize("preset", ["quick", "laptop"])
@pytest.mark.parametrize("figure", [id for id in FIGURES if id.startswith("lee2019/")])
def test_every_figure_of_lee2019_fits_smaller_data(figure, preset, configs_of):
    has_data = "data" in study_settings(FIGURES[figure])
    configs = configs_of(figure, preset, **({"data": "digits"} if has_data else {}))
    assert configs
    for config in configs if has_data else []:
        assert config.data == "digits"
        sizes = dataset_sizes("digits", classes=getattr(config, "classes", None))
        for part, most in zip(("n_train", "n_test"), sizes, strict=True):
            count = getattr(config, part)
            assert 1 <= (most if count is None else count) <= most


def test_sizes_beyond_the_images_are_left_out_of_figure_s5(configs_of, capsys):
    configs = configs_of("lee2019/figS5", "laptop", data="digits")
    train, test = dataset_sizes("digits", classes=(7, 0))
    of_two_classes = {(config.sizes, config.n_test) for config in configs if config.classes == (7, 0)}
    assert of_two_classes == {((32, 64, 128, 256), test)}
    assert f"sizes beyond {train} training images are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("figure", "data"), [("fig1", "toy"), ("fig4", "gaussian"), ("fig10", "gaussian"), ("theorem1", "gaussian")]
)
def test_inputs_that_are_drawn_have_no_counts_to_fit(figure, data, configs_of):
    assert {config.data for config in configs_of(f"ortiz2021/{figure}", data=data)} == {data}


@pytest.mark.parametrize("preset", ["quick", "laptop"])
@pytest.mark.parametrize(
    "changes", [{"data": "digits"}, pytest.param({"n_train": 300}, marks=pytest.mark.slow)], ids=["data", "n_train"]
)
@pytest.mark.parametrize("figure", ["table1", "table2", "fig2", "fig6"])
def test_every_figure_of_samarin2022_fits_fewer_images(figure, changes, preset, configs_of, dataset_sizes_of_mnist):
    for config in configs_of(f"samarin2022/{figure}", preset, **changes):
        most = config.n_train or dataset_sizes("digits")[0]
        assert most <= 1442
        assert max(getattr(config, "sizes", None) or (0,)) <= most
        assert getattr(config, "direct_images", 0) <= most


@pytest.fixture
def dataset_sizes_of_mnist(monkeypatch):
    """Full MNIST and CIFAR-10 are not at hand: their sizes are known."""
    known = {"mnist": (60_000, 10_000), "cifar10": (50_000, 10_000)}
    sizes = lambda name, *args, **kwargs: known.get(name) or dataset_sizes(name, *args, **kwargs)  # noqa: E731
    monkeypatch.setattr(sys.modules["ntk_repro.experiments"], "dataset_sizes", sizes)


@pytest.mark.slow
def test_sizes_beyond_the_training_images_become_all_of_them(configs_of, capsys):
    configs = configs_of("samarin2022/table1", n_train=600)
    preset = load_figure_preset(FIGURES["samarin2022/table1"], "quick")
    usual = [config_to_dict(config)["sizes"][-1:] for config in preset.configs]
    assert [list(config.sizes[-1:]) for config in configs] == [[min(n, 600) for n in last if n] for last in usual]
    assert any(last > [600] for last in usual)
    assert "600 training images: the largest size is all of them" in capsys.readouterr().err


def test_runs_on_snakes_are_made_without_asking_for_their_number(configs_of, dataset_sizes_of_mnist):
    configs = configs_of("samarin2022/fig6", "paper", n_train=100, imagenet="here", data_dir="prepared")
    snakes = [config for config in configs if config.data == "snakes"]
    assert {(config.n_train, config.imagenet) for config in snakes} == {(100, "here")}
    assert {config.imagenet for config in configs if config.data != "snakes"} == {None}


def test_imagenet_is_an_option_of_the_command(capsys):
    with pytest.raises(SystemExit):
        main(["run", "samarin2022/fig5", "--imagenet", "here"])
    assert "at preset quick has --data snakes, without which" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    runs = [finished_run(tmp_path, seed=0).path, finished_run(tmp_path, seed=1, epochs=99).path]
    refused("two runs of mlp differ in epochs", draw_figure, FIG2, runs, out=tmp_path)
    refused("same seed", draw_figure, FIG2, [runs[0], runs[0]], out=tmp_path)
