"""Studies from the command line: which settings a run gets, and what is said before it starts."""

import json
from typing import Any

import pytest

from ntk_repro import study_command as module
from ntk_repro.eigentasks.__main__ import main as eigentasks
from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES, load_figure_preset
from ntk_repro.papers.expected import expected_cost, work
from ntk_repro.papers.presets import run_to_change, study_of
from ntk_repro.study_command import experiment_command

FIG2 = FIGURES["ortiz2021/fig2"]


@pytest.fixture
def computed(monkeypatch):
    """The settings of the runs that commands compute, which take no time."""
    study_of(FIG2)  # which is kept: with the real `run`, for the tests that follow
    found = []

    def run(config, data=None):
        found.append(config)
        raise UserError("not computed")

    run.load = lambda config: None  # pyright: ignore[reportFunctionMemberAccess]
    monkeypatch.setattr("ntk_repro.eigentasks.study.run", run)
    return found


def config_of(computed, *args) -> Any:
    with pytest.raises(SystemExit):
        eigentasks(list(args))
    return computed.pop()


def test_without_an_accelerator_a_run_is_that_of_the_quick_preset(computed, capsys):
    quick: Any = load_figure_preset(FIG2, "quick").configs
    for config in quick:
        assert config_of(computed, "--net", config.net) == config.resolved()
    assert config_of(computed) == next(config for config in quick if config.net == "lenet").resolved()
    said = capsys.readouterr().err
    assert "preset quick: data mnist5k (the paper: cifar10)" in said
    assert "--preset paper takes the paper's" in said
    assert " here, in " in said


def test_with_an_accelerator_it_is_the_papers(computed, monkeypatch, capsys):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    config = config_of(computed, "--data", "digits", "--indices", "2", "--num-eigenfunctions", "2")
    assert (config.epochs, config.baseline_epochs) == (100, 200)
    said = capsys.readouterr().err
    assert "changed from preset paper of ortiz2021/fig2: data digits (not cifar10)" in said
    assert "takes the paper's" not in said


def test_options_replace_values_of_the_preset(computed, capsys):
    config = config_of(computed, "--preset", "laptop", "--data", "mnist5k", "--width", "0.5", "--no-baseline")
    laptop: Any = run_to_change(FIG2, "laptop", "lenet")
    assert (config.width, config.data, config.baseline, config.epochs) == (0.5, "mnist5k", False, laptop.epochs)
    assert config.n_train == 4000  # all that there are
    said = capsys.readouterr().err
    assert "width 0.5 (not 1.0), data mnist5k (not cifar10)" in said
    assert "n_train 4,000 (not 10,000)" in said
    assert "baseline False (not True)" in said
    assert "mnist5k has 4,000 training images, not the 10,000 of the preset: all are taken" in said


def test_more_images_than_there_are_are_refused_where_they_are_asked_for(computed, capsys):
    assert config_of(computed, "--n-train", "9000").n_train == 9000  # which loading refuses


def test_another_network_gets_what_all_runs_of_the_preset_share(tmp_path):
    (tmp_path / "own.py").write_text("import flax.linen as nn\nown = nn.Dense\n")
    config: Any = run_to_change(FIG2, "quick", f"{tmp_path}/own.py:own")
    assert (config.data, config.net, config.width) == ("mnist5k", f"{tmp_path}/own.py:own", 1.0)
    assert config.epochs == type(config)().epochs  # ResNet18 trains for others


def test_a_dry_run_computes_nothing(computed, capsys):
    eigentasks(["--net", "mlp", "--dry-run"])
    assert computed == []
    shown = capsys.readouterr()
    assert shown.out == "next: the same command without --dry-run\n"
    assert shown.err.startswith("mlp on mnist5k")


@pytest.mark.parametrize("args", [["--preset", "huge"], ["--preset=huge"]])
def test_an_unknown_preset_is_refused(computed, args, capsys):
    with pytest.raises(SystemExit, match="2"):
        eigentasks(args)
    assert "unknown preset 'huge'" in capsys.readouterr().err


def test_every_option_of_a_study_is_still_there(capsys):
    with pytest.raises(SystemExit, match="0"):
        eigentasks(["--help"])
    shown = capsys.readouterr().out
    assert all(option in shown for option in ("--preset", "--dry-run", "--linearized-indices", "--data-dir"))


def test_a_run_that_is_done_is_said_to_be(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
    args = ["sizes", "--widths", "1"]
    experiment_command("finite_width", args)
    experiment_command("finite_width", [*args, "--dry-run"])
    first, again = capsys.readouterr().err.split("lenet5 on images")[1:]
    assert "done already" in again
    assert "done already" not in first


def test_a_run_has_a_name_and_its_picture_says_what_was_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
    args = "--net mlp --data digits --n-train 60 --n-test 20 --width 0.05 --epochs 2 --batch-size 20 --name mine"
    eigentasks([*args.split(), "--indices", "2", "3", "--activation", "gelu", "--no-baseline"])
    shown = capsys.readouterr()
    drawn = tmp_path / "eigentasks" / "mine" / "pictures"
    assert f"picture: {drawn / 'ortiz2021_fig2.png'}" in shown.out
    assert "activation gelu" in json.loads((drawn / "ortiz2021_fig2.json").read_text())["changes"]
    assert [line[:8] for line in shown.err.splitlines() if " of 3: " in line] == ["  1 of 3", "  2 of 3", "  3 of 3"]
    with pytest.raises(SystemExit, match="2"):
        eigentasks(["--name", "no/name"])
    assert "'no/name' cannot be a folder name" in capsys.readouterr().err


def test_a_name_that_is_taken_is_refused_before_the_run(computed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
    (tmp_path / "eigentasks" / "mine").mkdir(parents=True)
    with pytest.raises(SystemExit, match="2"):
        eigentasks(["--net", "mlp", "--name", "mine"])
    assert "is another run: choose another name" in capsys.readouterr().err
    assert computed == []


def test_a_run_that_its_figure_does_not_draw_is_shown_all_the_same(tmp_path, monkeypatch, capsys):
    def draw(*arguments, **named):
        raise UserError("figure S5 takes other runs")

    monkeypatch.setenv("NTK_REPRO_RUNS", str(tmp_path))
    monkeypatch.setattr(module, "draw_figure", draw)
    experiment_command("finite_width", ["sizes", "--widths", "1"])
    shown = capsys.readouterr().out
    assert "no picture: figure S5 takes other runs\nnext: " in shown
    assert "kept in: " in shown


def test_a_network_larger_than_memory_is_counted(monkeypatch):
    monkeypatch.setattr("ntk_repro.module_functions.available_bytes", lambda: 1000)
    config = run_to_change(FIG2, "quick", "mlp")
    wide = type(config)(**{**vars(config), "width": 3.0})
    assert work(wide) > 3 * work(config)


def test_expected_minutes_are_shared_out_by_work_and_grow_with_it(monkeypatch):
    configs = load_figure_preset(FIG2, "quick").configs
    whole, parts = expected_cost(FIG2, "quick", configs), [expected_cost(FIG2, "quick", [one]) for one in configs]
    cost = load_figure_preset(FIG2, "quick").cost
    assert cost is not None
    assert whole is not None
    assert whole.minutes == pytest.approx(cost.minutes)
    assert sum(part.minutes for part in parts if part) == pytest.approx(cost.minutes)
    lenet = run_to_change(FIG2, "quick", "lenet")
    longer, wider = (type(lenet)(**{**vars(lenet), **change}) for change in ({"epochs": 200}, {"width": 2.0}))
    assert work(longer) / work(lenet) == pytest.approx(10)
    assert 2 < work(wider) / work(lenet) < 4.5
    assert module._default_preset() == "quick"
